"""Putting files that came late beside those of a published version: the one way in which its folder changes.

Every file is whole and verified in the stage, and comes by a rename; a folder that is new comes with all that is in
it. Then the version is marked to be tested again, and only then does its receipt name the files. So a crash between
any two steps leaves a version that is served as before, and the next pass goes on.
"""

from collections.abc import Collection
from functools import partial
from pathlib import Path

from events.names import FileName
from puller.disk import leftovers, publication
from puller.disk.publication import FILE_MODE, FOLDER_MODE, Step, Steps
from service import files
from service.errors import Transient
from service.files import refuse_links, sync_folder
from service.layout import Layout, Receipt


def extend(layout: Layout, receipt: Receipt, names: Collection[FileName], *, step: Step = publication.ignore) -> None:
    """Add these files of the stage to the version, durably. The stage holds all files of the receipt, verified.

    Raises `Transient`. Blocking.
    """
    model, version = receipt.model, receipt.version
    stage, target, mark = layout.stage(model, version), layout.version(model, version), layout.extended(model, version)
    folders = sorted({(target / name).parent for name in names})
    refuse_links(stage, mark.parent, layout.receipt(model, version).parent, *folders, below=layout.models_dir)
    steps: Steps = (
        ("check", lambda: _check(target, stage, receipt)),
        ("prune", lambda: leftovers.prune(stage, keep={stage / record.name for record in receipt.files})),
        ("permissions", lambda: _set_modes(stage, names)),
        *((f"add {name}", partial(_move, stage, target, name)) for name in sorted(names)),
        ("sync folders", lambda: _sync(target, folders)),
        ("mark", lambda: files.write(mark, b"")),
        ("receipt", lambda: publication.write_receipt(layout, receipt)),
        ("discard stage", lambda: leftovers.discard(layout, model, version)),
        ("done", lambda: None),
    )
    publication.take(steps, receipt, step)


def _check(target: Path, stage: Path, receipt: Receipt) -> None:
    if not target.is_dir():
        raise Transient(f"{target} is gone: there is nothing to add files to")
    publication.check_stage(stage, receipt)


def _set_modes(stage: Path, names: Collection[FileName]) -> None:
    for path in (stage / name for name in names):
        publication.set_mode(path, FILE_MODE)
        for folder in path.parents:
            if folder == stage:
                break
            publication.set_mode(folder, FOLDER_MODE)
            sync_folder(folder)


def _move(stage: Path, target: Path, name: FileName) -> None:
    """Rename a file into the version, or the first of its folders that the version does not have."""
    if not (stage / name).exists():
        return  # it came with its folder
    parts = FileName(name).split("/")
    for depth in range(1, len(parts)):
        folder = "/".join(parts[:depth])
        if not (target / folder).exists():
            (stage / folder).rename(target / folder)
            return
    (stage / name).replace(target / name)


def _sync(target: Path, folders: Collection[Path]) -> None:
    for folder in {
        target,
        *folders,
        *(parent for one in folders for parent in one.parents if parent.is_relative_to(target)),
    }:
        sync_folder(folder)
