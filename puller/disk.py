"""The puller's side of the local disk: room, publication, leftovers.

Publishing is a row of small steps with one rename among them; a crash between any two leaves either nothing visible
or the whole version, and `sweep` at the start of a pass removes what was left.
"""

import os
import stat
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Final

from events.names import BadName, ModelName, Version
from events.status import Disk
from service import files
from service.errors import NoSpaceLeft, Transient
from service.files import disk_errors, refuse_links, sync_folder
from service.isolation import Each, each
from service.layout import Layout, Receipt, read_receipt, versions

FOLDER_MODE: Final = 0o755
FILE_MODE: Final = 0o444  # versions share equal files by links: writing to one would change them all
AGAIN: Final = "the next look at the whole bucket tries again"


Step = Callable[[str], None]  # is told each step's name before it is taken: tests stop there
Steps = tuple[tuple[str, Callable[[], object]], ...]


def ignore(_step: str) -> None:
    """Nobody wants to know."""


class NoRoom(NoSpaceLeft):
    """The disk was not written to: it cannot take what is needed and keep the reserve."""

    def __init__(self, sentence: str, *, bytes_needed: int, bytes_free: int) -> None:
        super().__init__(sentence)
        self.bytes_needed = bytes_needed
        self.bytes_free = bytes_free


def space(layout: Layout, *, reserve_bytes: int, models: int | None = None) -> Disk:
    """Measure the file system that holds the models, which take so many bytes of it."""
    with disk_errors(f"cannot measure {layout.models_dir}"):
        found = os.statvfs(layout.models_dir)
    return Disk(
        total=found.f_blocks * found.f_frsize,
        free=found.f_bavail * found.f_frsize,
        reserve=reserve_bytes,
        models=models,
    )


def admit(layout: Layout, *, needed: int, reserve_bytes: int) -> None:
    """Raise `NoRoom` where the disk cannot take that many bytes and keep the reserve."""
    free = space(layout, reserve_bytes=reserve_bytes).free
    if needed and needed + reserve_bytes > free:
        sentence = f"{layout.models_dir} has {free} bytes free; {needed} are needed and {reserve_bytes} stay in reserve"
        raise NoRoom(sentence, bytes_needed=needed, bytes_free=free)


def held(layout: Layout, model: ModelName) -> int:
    """Add up the files of a model's published versions, as their receipts have them; raises `Transient`. Blocking."""
    receipts = (read_receipt(layout, model, version) for version in versions(layout, model))
    return sum(record.size for receipt in receipts if receipt for record in receipt.files)


def journal(layout: Layout, model: ModelName, version: Version) -> Path:
    """The notes on a version's stage: beside it, for the stage becomes the version."""
    return layout.stage(model, version).with_name(f"{version}.journal")


def seal(layout: Layout, receipt: Receipt, *, step: Step = ignore) -> None:
    """Make the stage be the version and nothing else, durably, with its receipt: all that publishing needs but a name.

    The stage must hold the files of the receipt, verified and synced by `Transfer.fetch`; anything else is dropped.
    Blocking: call it in a thread.
    """
    stage = layout.stage(receipt.model, receipt.version)
    refuse_links(stage, layout.receipt(receipt.model, receipt.version).parent, below=layout.models_dir)
    paths = {stage / record.name for record in receipt.files}
    steps: Steps = (
        ("prune", lambda: prune(stage, keep=paths)),
        ("permissions", lambda: _set_modes(stage)),
        ("sync folders", lambda: _sync_folders(stage)),
        ("receipt", lambda: write_receipt(layout, receipt)),
    )
    take(steps, receipt, step)


def publish(layout: Layout, receipt: Receipt, *, step: Step = ignore) -> None:
    """Make a sealed stage visible under its number, durably and at once.

    Refuses to touch a version that is already there. Blocking: call it in a thread.
    """
    model, version = receipt.model, receipt.version
    stage, target = layout.stage(model, version), layout.version(model, version)
    refuse_links(stage, target.parent, below=layout.models_dir)
    steps: Steps = (
        ("check", lambda: _check(stage, receipt, target=target)),
        ("model folder", lambda: _make_model_folder(layout, model)),
        ("rename", partial(stage.rename, target)),
        ("sync model folder", lambda: sync_folder(target.parent)),
        ("drop journal", lambda: journal(layout, model, version).unlink(missing_ok=True)),
        ("done", lambda: None),
    )
    take(steps, receipt, step)


def discard(layout: Layout, model: ModelName, version: Version) -> None:
    """Drop a version's stage: it is not wanted any more. Blocking."""
    refuse_links(layout.stage(model, version).parent, below=layout.models_dir)
    with disk_errors(f"cannot clear the stage of {model} version {version}"):
        files.remove(layout.stage(model, version))
        files.remove(journal(layout, model, version))


def sweep(layout: Layout, *, keep: Collection[tuple[ModelName, Version]]) -> Each[Path, bool]:
    """Remove stages that nobody wants any more, and receipts and marks without a version; tell which, and which not.

    `keep`: versions that are wanted or under way. Call at the start of a pass, while nothing is being published.
    What cannot be removed is left to the next sweep. Raises `Transient` where nothing may be removed. Blocking.
    """
    refuse_links(layout.own, below=layout.models_dir)
    kept = {path for key in keep for path in (layout.stage(*key), journal(layout, *key))}
    tops = each((layout.own / "stage", *_of_versions(layout)), partial(_entries, layout))
    models = each((path for paths in tops.done.values() for path in paths), partial(_entries, layout))
    swept = each((path for paths in models.done.values() for path in paths), partial(_sweep, layout, kept))
    removed = {path: True for path, is_removed in swept.done.items() if is_removed}
    return Each(removed, {**tops.troubles, **models.troubles, **swept.troubles})


def prune(stage: Path, *, keep: Collection[Path]) -> None:
    """Drop every file below a stage but these, and the folders that are empty then."""
    with disk_errors(f"cannot clear {stage}"):
        for folder, folders, names in os.walk(stage, topdown=False):
            for name in [*names, *folders]:
                path = Path(folder, name)
                if path.is_symlink() or not path.is_dir():
                    if path not in keep:
                        path.unlink()
                elif not any(path.iterdir()):
                    path.rmdir()


def sync_file(path: Path, *, mode: int | None = None) -> None:
    """Make a file's bytes durable, and its mode if one is given. Blocking."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if mode is not None:
            os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def take(steps: Steps, receipt: Receipt, told: Step) -> None:
    """Take the steps of a publication, telling each before it is taken; raises `Transient`."""
    with disk_errors(f"cannot publish {receipt.model} version {receipt.version}"):
        for name, take in steps:
            told(name)
            take()


def _check(stage: Path, receipt: Receipt, *, target: Path) -> None:
    if os.path.lexists(target):
        raise Transient(f"{target} is there already, and a published version is never replaced")
    check_stage(stage, receipt)


def check_stage(stage: Path, receipt: Receipt) -> None:
    """Make sure that every file of the receipt is in the stage; raises `Transient`."""
    for record in receipt.files:
        path = stage / record.name
        found = path.lstat() if os.path.lexists(path) else None
        if found is None or not stat.S_ISREG(found.st_mode) or found.st_size != record.size:
            raise Transient(
                f"{path} is not as it was verified; {receipt.model} version {receipt.version} is not published"
            )


def _set_modes(stage: Path) -> None:
    for folder, _, names in os.walk(stage):
        set_mode(Path(folder), FOLDER_MODE)
        for name in names:
            if not (path := Path(folder, name)).is_symlink():  # which `publish` refuses: its target is not ours
                set_mode(path, FILE_MODE)


def set_mode(path: Path, mode: int) -> None:
    """Give a path its mode, unless it has it."""
    if path.stat().st_mode & 0o7777 != mode:
        path.chmod(mode)


def _sync_folders(stage: Path) -> None:
    for folder, _, _ in os.walk(stage, topdown=False):
        sync_folder(Path(folder))


def write_receipt(layout: Layout, receipt: Receipt) -> None:
    """Write what is published under a version's number. Blocking."""
    files.write(layout.receipt(receipt.model, receipt.version), receipt.model_dump_json().encode())


def _make_model_folder(layout: Layout, model: ModelName) -> None:
    folder = layout.model(model)
    if not folder.is_dir():
        folder.mkdir()
        set_mode(folder, FOLDER_MODE)
        sync_folder(layout.models_dir)


def _entries(layout: Layout, folder: Path) -> list[Path]:
    """List a folder of ours; what stands where one belongs, and is none, is its own only entry."""
    refuse_links(folder, below=layout.models_dir)
    with disk_errors(f"cannot be looked through for leftovers; {AGAIN}"):
        if folder.is_dir():
            return sorted(folder.iterdir())
        return [folder] if folder.exists() else []


def _sweep(layout: Layout, kept: Collection[Path], path: Path) -> bool:
    """Remove what is left over, and tell whether it was."""
    with disk_errors(f"cannot be swept; {AGAIN}"):
        is_of_version = any(path.is_relative_to(folder) for folder in _of_versions(layout))
        if path in kept or (is_of_version and not _is_orphan(layout, path)):
            return False
        files.remove(path)
        return True


def _of_versions(layout: Layout) -> tuple[Path, Path]:
    """The folders of what belongs to a version: receipts, and marks of those that got more files."""
    return layout.own / "receipts", layout.own / "extended"


def _is_orphan(layout: Layout, path: Path) -> bool:
    """Tell whether a version is neither published nor staged: a crash came before, or it was removed."""
    try:
        model, version = ModelName.parse(path.parent.name), Version.parse(path.name.removesuffix(".json"))
    except BadName:
        return True
    return not layout.version(model, version).exists() and not layout.stage(model, version).exists()
