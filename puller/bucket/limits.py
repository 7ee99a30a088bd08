"""How much a version may be: bounds that hold before the first byte of it is fetched. Pure.

Whoever may write to the bucket can offer what fills every node's disk, or names by the million. The free disk is a
bound of its own (`puller/disk.py`); how much of it one model may take is `puller/download/model_quota.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from events.bounds import MAX_FILES
from events.names import MAX_DEPTH
from puller.bucket.objects import RemoteFile

GIB: Final = 1024**3


@dataclass(frozen=True, slots=True)
class Limits:
    """The node's settings `MM_MAX_…`, in bytes and in numbers."""

    files: int = MAX_FILES
    depth: int = MAX_DEPTH  # folders below the version, the file's own name counts as one
    object_bytes: int = 256 * GIB
    version_bytes: int = 1024 * GIB
    model_bytes: int = 4096 * GIB


def exceeded(files: Sequence[RemoteFile], limits: Limits) -> list[str]:
    """Say which bounds a version's files break, with the setting that each is."""
    if len(files) > limits.files:  # then the list was not read to its end, and says nothing about sizes
        return [f"it has more than {limits.files} files (MM_MAX_FILES)"]
    return [*_by_file(files, limits), *_by_sum(sum(file.content.size for file in files), limits)]


def _by_file(files: Sequence[RemoteFile], limits: Limits) -> Iterator[str]:
    for file in files:
        if file.content.size > limits.object_bytes:
            yield f"{file.name} has {file.content.size} bytes, more than {limits.object_bytes} (MM_MAX_OBJECT_GIB)"
        if (depth := file.name.count("/") + 1) > limits.depth:
            yield f"{file.name} is {depth} folders deep, more than {limits.depth} (MM_MAX_DEPTH)"


def _by_sum(size: int, limits: Limits) -> Iterator[str]:
    if size > limits.version_bytes:
        yield f"it has {size} bytes, more than {limits.version_bytes} (MM_MAX_VERSION_GIB)"
    elif size > limits.model_bytes:
        yield f"it has {size} bytes, more than all of the model may have, {limits.model_bytes} (MM_MAX_MODEL_GIB)"
