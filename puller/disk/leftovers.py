"""Taking away what nobody needs: stages, receipts and marks that a crash or a change of mind left behind."""

import os
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Final

from events.names import BadName, ModelName, Version
from service import files
from service.files import disk_errors, refuse_links
from service.isolation import Each, each
from service.layout import Layout

AGAIN: Final = "the next look at the whole bucket tries again"


def journal(layout: Layout, model: ModelName, version: Version) -> Path:
    """The notes on a version's stage: beside it, for the stage becomes the version."""
    return layout.stage(model, version).with_name(f"{version}.journal")


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
