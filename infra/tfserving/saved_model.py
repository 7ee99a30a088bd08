"""Looks at a version's directory as TensorFlow's loader does, without TensorFlow.

It finds what TensorFlow would refuse (facts from its C++ loader): no or an empty `saved_model.pb`, a truncated one,
tags that match nothing, shards that are missing. It lets pass what TensorFlow lets pass, first of all a version whose
variables are not there at all. Cut-off or flipped bytes inside the variables are not noticed.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from infra.tfserving.servable import Code, LoadFailure

_SHARD = re.compile(r"variables\.data-([0-9]{5})-of-([0-9]{5})")
GRAPHS = ("saved_model.pb", "saved_model.pbtxt")
_SCHEMA_VERSION = 0x08  # SavedModel.saved_model_schema_version, a varint
_META_GRAPH = 0x12  # SavedModel.meta_graphs, length-delimited


@dataclass(frozen=True, slots=True)
class Export:
    """What a version's directory promises."""

    graph: MetaGraphDef | None  # None: saved_model.pb holds something else than a SavedModel
    is_initialized: bool  # False: variables are expected and not there


def read_export(path: Path, *, tags: Collection[str]) -> Export:
    """Check a directory and read its graph, or raise `LoadFailure` as TensorFlow's loader would."""
    content = _content(path)
    no_graph = LoadFailure(
        Code.NOT_FOUND,
        f"Could not find meta graph def matching supplied tags: {{ {' '.join(sorted(tags))} }}. To inspect available "
        "tag-sets in the SavedModel, please use the SavedModel CLI: `saved_model_cli`",
    )
    if not content:
        raise no_graph
    graphs = _graphs(content)
    graph = next((one for one in graphs or [] if set(one.meta_info_def.tags) == set(tags)), None)
    if graphs and graph is None:
        raise no_graph
    has_variables = _check_variables(path / "variables")
    return Export(graph, has_variables or graph is None or not graph.saver_def.restore_op_name)


def check_folder(path: Path) -> None:
    """Look, as TensorFlow Serving does before it hands a directory to TensorFlow's loader, or raise `LoadFailure`."""
    if not any((path / name).exists() for name in GRAPHS):
        raise _no_export(path)


def _no_export(path: Path) -> LoadFailure:
    if (path / "export.meta").exists():
        return LoadFailure(Code.UNIMPLEMENTED, "Session Bundle is deprecated and removed.")
    return LoadFailure(
        Code.NOT_FOUND,
        "Specified file path does not appear to contain a SavedModel bundle (should have a file called "
        f"`saved_model.pb`)\nSpecified file path: {path}",
    )


def _content(path: Path) -> bytes:
    for name in GRAPHS:
        if (path / name).is_file():
            return (path / name).read_bytes()
    raise _no_export(path)


def _check_variables(folder: Path) -> bool:
    """Tell whether there are variables; raise `LoadFailure` if there is an index and something is wrong with the rest.

    Without an index TensorFlow does not look for the shards at all.
    """
    index = folder / "variables.index"
    if not index.is_file():
        return False
    if index.stat().st_size == 0:
        raise LoadFailure(Code.DATA_LOSS, f"Unable to read file ({index}). Perhaps the file is corrupt or missing?")
    shards: dict[int, dict[int, Path]] = {}
    for file in folder.iterdir():
        if (match := _SHARD.fullmatch(file.name)) is not None:
            shards.setdefault(int(match.group(2)), {})[int(match.group(1))] = file
    whole = next((found for count, found in shards.items() if found.keys() == set(range(count))), None)
    if whole is None:
        raise LoadFailure(Code.NOT_FOUND, f"{folder / 'variables'}.data: a shard is missing; No such file or directory")
    if empty := [file for file in whole.values() if file.stat().st_size == 0]:
        raise LoadFailure(Code.OUT_OF_RANGE, f"Read fewer bytes than requested from {empty[0]}")
    return True


def _graphs(content: bytes) -> list[MetaGraphDef] | None:
    """Return the meta graphs of a SavedModel, or None if the bytes are none at all."""
    if content[0] != _SCHEMA_VERSION:
        return None
    try:
        return [MetaGraphDef.FromString(content[start:end]) for start, end in _graph_spans(content)]
    except (DecodeError, IndexError) as error:
        raise LoadFailure(Code.OUT_OF_RANGE, "Read fewer bytes than requested from saved_model.pb") from error


def _graph_spans(content: bytes) -> Iterator[tuple[int, int]]:
    at = 0
    while at < len(content):
        tag = content[at]
        value, at = _varint(content, at + 1)
        if tag == _META_GRAPH:
            if at + value > len(content):
                raise IndexError("cut off")
            yield at, at + value
            at += value
        elif tag != _SCHEMA_VERSION:
            raise IndexError("neither field of a SavedModel")


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
