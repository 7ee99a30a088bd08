"""Making a staged version visible under its number.

Publishing is a row of small steps with one rename among them; a crash between any two leaves either nothing visible
or the whole version, and `leftovers.sweep` at the start of a pass removes what was left.
"""

import os
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from events.names import ModelName
from puller.disk.leftovers import journal, prune
from service import files
from service.errors import Transient
from service.files import disk_errors, refuse_links, sync_folder
from service.layout import Layout, Receipt

FOLDER_MODE: Final = 0o755
FILE_MODE: Final = 0o444  # versions share equal files by links: writing to one would change them all


Step = Callable[[str], None]  # is told each step's name before it is taken: tests stop there
Steps = tuple[tuple[str, Callable[[], object]], ...]


def ignore(_step: str) -> None:
    """Nobody wants to know."""


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
