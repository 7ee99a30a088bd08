"""What a path holds that is no version of a SavedModel, and what to do about it. It reads names, never contents."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from service.structure import GRAPHS

KERAS = frozenset({".keras", ".h5", ".hdf5"})
MAX_ENTRIES = 1_000  # of one folder; more names would not make the sentence better
MAX_NAMED = 5
EXPORT = "TensorFlow Serving does not load it: write a SavedModel with model.export('FOLDER') and publish that FOLDER"


def of_no_folder(path: Path) -> str:
    """Say why a path that is no folder is no version either."""
    if not path.is_file():
        return f"{path} is no folder"
    if path.suffix.lower() in KERAS:
        return f"{path} is a file of Keras; {EXPORT}"
    if path.name in GRAPHS:
        return f"{path} is one file of a version; publish the folder that it is in: {path.parent}"
    return f"{path} is a file; a version is a folder that holds {GRAPHS[1]}"


def of_no_version(folder: Path) -> str:
    """Say what a folder without a graph holds instead; empty where there is nothing to say."""
    entries = list(islice(folder.iterdir(), MAX_ENTRIES))
    if versions := sorted((one.name for one in entries if _has_graph(one)), key=_numerically):
        kind = "versions" if all(name.isdigit() for name in versions) else "SavedModels"
        one = folder / versions[-1]
        return f"{folder} holds {kind} ({_listed(versions)}), and is none itself; publish one of them: {one}"
    if files := sorted(one.name for one in entries if one.suffix.lower() in KERAS):
        return f"{folder} holds a model of Keras ({_listed(files)}); {EXPORT}"
    if _has_graph(folder.absolute().parent):
        return f"{folder} is a part of a version; publish the whole folder: {folder.absolute().parent}"
    if deeper := sorted(str(one.parent.relative_to(folder)) for one in _graphs_below(entries)):
        return f"{folder} holds SavedModels deeper down ({_listed(deeper)}); publish one of them: {folder / deeper[-1]}"
    return ""


def _graphs_below(entries: list[Path]) -> Iterator[Path]:
    """Find graphs two folders down: MODEL/VERSION in a folder of models."""
    for entry in entries:
        if entry.is_dir():
            yield from islice(entry.glob(f"*/{GRAPHS[1]}"), MAX_ENTRIES)


def _has_graph(folder: Path) -> bool:
    return any((folder / name).is_file() for name in GRAPHS)


def _numerically(name: str) -> tuple[int, str]:
    return (int(name) if name.isascii() and name.isdigit() else -1, name)


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_NAMED
    return ", ".join(names[-MAX_NAMED:]) + (f" and {more} more" if more > 0 else "")
