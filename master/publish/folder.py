"""A local folder that is to become a version: what it holds, and whether that can be a SavedModel at all."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from events.manifest import Content
from events.names import MANIFEST_NAME, BadName, FileName
from service.errors import Invalid, ModelManagerError
from service.saved_model import Needs, needs_of
from service.structure import READABLE_GRAPH, empty, missing

READ_BYTES = 1024 * 1024
READERS = 4  # a checksum runs at a gigabyte a second and more; what waits is the disk

Read = Callable[[int], None]


class BadFolder(ModelManagerError):
    """A folder that is no version to upload."""


def nobody(_bytes: int) -> None:
    """Tell nobody about bytes that went by."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that can become a version: its files with size and CRC32C."""

    path: Path
    files: Mapping[FileName, Content]


def look(path: Path, *, read: Read = nobody) -> Folder:
    """Read every file of the version; `read` hears of the bytes as they go by. Raises `BadFolder`."""
    names = files_of(path)
    with ThreadPoolExecutor(READERS) as pool:
        contents = list(pool.map(lambda name: content_of(path / name, read=read), names))
    return Folder(path, dict(zip(names, contents, strict=True)))


def check(folder: Path, *, require_assets: bool = True) -> dict[FileName, int]:
    """The sizes of the version's files; `BadFolder` where a puller would not take them for a whole version."""
    sizes = {name: (folder / name).stat().st_size for name in files_of(folder)}
    wrong = empty(sizes) or missing(sizes.keys(), _needs(folder, sizes), require_assets=require_assets)
    if wrong:
        raise BadFolder(f"{folder} is no whole version of a SavedModel: {'; '.join(wrong)}")
    return sizes


def _needs(folder: Path, sizes: Mapping[FileName, int]) -> Needs | None:
    """What the graph says must be there; only its binary form is read."""
    try:
        return needs_of(folder / READABLE_GRAPH) if READABLE_GRAPH in sizes else None
    except Invalid as error:
        raise BadFolder(f"{folder}: {error}") from error


def files_of(folder: Path) -> list[FileName]:
    """The files of a version, without a manifest that an earlier download left there; raises `BadFolder`."""
    if not folder.is_dir():
        raise BadFolder(f"{folder} is no folder")
    paths = [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]
    try:
        names = sorted(FileName.parse(path.relative_to(folder).as_posix()) for path in paths)
    except BadName as error:
        raise BadFolder(f"{folder} cannot be uploaded: {error}") from error
    if unreadable := [path for path in paths if not path.is_file()]:
        raise BadFolder(f"{unreadable[0]} is a link to a folder or to nothing; put the files themselves there")
    return [name for name in names if name != MANIFEST_NAME]


def content_of(path: Path, *, read: Read = nobody) -> Content:
    """Size and CRC32C of a file."""
    checksum, size = google_crc32c.Checksum(), 0
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            checksum.update(piece)
            size += len(piece)
            read(len(piece))
    return Content(size, int.from_bytes(checksum.digest(), "big"))


def of_bytes(data: bytes) -> Content:
    """Size and CRC32C of bytes."""
    return Content(len(data), google_crc32c.value(data))
