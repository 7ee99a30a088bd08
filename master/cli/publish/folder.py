"""A local folder that is to become a version: what it holds, and whether that can be a SavedModel at all."""

from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from events import manifest
from events.manifest import BadManifest, Content
from events.names import MANIFEST_NAME, BadName, FileName
from events.pieces import Digests, Table
from master.cli.publish import diagnosis
from service import warmup
from service.errors import Invalid, ModelManagerError
from service.reading import READ_BYTES, READERS, Read, nobody
from service.saved_model import Needs, needs_of
from service.structure import BINARY_GRAPH, GRAPHS, empty, graph_in, missing, readable

MAX_NAMED = 3
_RENAME = f"publishing writes a {MANIFEST_NAME} of its own: rename this file, or delete it"


class BadFolder(ModelManagerError):
    """A folder that is no version to upload."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that can become a version: its files with size and CRC32C, and the SHA-256 of their pieces."""

    path: Path
    files: Mapping[FileName, Content]
    table: Table


def look(path: Path, *, read: Read = nobody) -> Folder:
    """Read every file of the version; `read` hears of the bytes as they go by. Raises `BadFolder`."""
    names = files_of(path)
    with ThreadPoolExecutor(READERS) as pool:
        found = dict(zip(names, pool.map(lambda name: _read(path / name, read=read), names), strict=True))
    files = {name: content for name, (content, _) in found.items()}
    if (own := _manifest(path)) is not None:
        _compare(path, own, files)
    return Folder(path, files, Table({name: digests for name, (_, digests) in found.items()}))


def check(folder: Path, *, require_assets: bool = True) -> dict[FileName, int]:
    """The sizes of the version's files; `BadFolder` where a puller would not take them for a whole version."""
    sizes = {name: (folder / name).stat().st_size for name in files_of(folder)}
    if not any(name in sizes for name in GRAPHS) and (instead := diagnosis.of_no_version(folder)):
        raise BadFolder(instead)
    if (own := _manifest(folder)) is not None:
        found = {name: Content(size, own[name].crc32c if name in own else 0) for name, size in sizes.items()}
        _compare(folder, own, found)
    needs = _needs(folder, sizes)
    if wrong := empty(sizes) or missing(sizes.keys(), needs, require_assets=require_assets):
        raise BadFolder(f"{folder} is no whole version of a SavedModel: {'; '.join(wrong)}")
    try:
        warmup.refuse(folder, needs)
    except Invalid as error:
        raise BadFolder(f"{folder} would not be loaded: {error}") from error
    return sizes


def size_of(folder: Path, *, without: Set[FileName] = frozenset()) -> int:
    """Bytes of all files of a version, but for some."""
    return sum((folder / name).stat().st_size for name in files_of(folder) if name not in without)


def guessed(folder: Path) -> str:
    """Say why only a guess can tell whether the version is whole; empty where the graph itself tells it."""
    graph = _graph(folder)
    if readable(graph) and not (unread := needs_of(folder / graph).unread):
        return ""
    why = unread if readable(graph) else f"its graph is in {graph}, of which nobody reads what files it needs"
    return f"{folder}: {why}: whether the version is whole cannot be told; save it with {BINARY_GRAPH}"


def _manifest(folder: Path) -> Mapping[FileName, Content] | None:
    """Read the manifest that lies in the folder; None where there is none. `BadFolder` where it is another document."""
    path = folder / MANIFEST_NAME
    if not path.is_file():
        return None
    if path.stat().st_size > manifest.MAX_MANIFEST_BYTES:
        raise BadFolder(f"{path} is no manifest: it has more than {manifest.MAX_MANIFEST_BYTES} bytes; {_RENAME}")
    try:
        return manifest.parse(path.read_bytes())
    except BadManifest as error:
        raise BadFolder(f"{path} would not be published: {error}; {_RENAME}") from error


def _compare(folder: Path, own: Mapping[FileName, Content], found: Mapping[FileName, Content]) -> None:
    if wrong := manifest.differences(own, found):
        raise BadFolder(
            f"{folder} is not the version that its own {MANIFEST_NAME} lists ({'; '.join(wrong[:MAX_NAMED])}); "
            f"put the files right, or delete {MANIFEST_NAME} if the files are meant as they are"
        )


def _graph(folder: Path) -> FileName:
    """Name the graph that TensorFlow loads from the folder of a whole version."""
    return next((name for name in GRAPHS if (folder / name).is_file()), BINARY_GRAPH)


def _needs(folder: Path, sizes: Mapping[FileName, int]) -> Needs | None:
    """What the graph says must be there; None where it cannot be read."""
    graph = graph_in(sizes.keys())
    try:
        return needs_of(folder / graph) if graph and readable(graph) else None
    except Invalid as error:
        raise BadFolder(f"{folder}: {error}") from error


def files_of(folder: Path) -> list[FileName]:
    """The files of a version, without its manifest; raises `BadFolder`."""
    if not folder.is_dir():
        raise BadFolder(diagnosis.of_no_folder(folder))
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
    for block in _blocks(path, read):
        checksum.update(block)
        size += len(block)
    return Content(size, int.from_bytes(checksum.digest(), "big"))


def _read(path: Path, *, read: Read) -> tuple[Content, tuple[bytes, ...]]:
    """Size and CRC32C of a file, and the SHA-256 of its pieces."""
    expected = path.stat().st_size
    checksum, digests, size = google_crc32c.Checksum(), Digests(expected), 0
    for block in _blocks(path, read):
        checksum.update(block)
        digests.add(block)
        size += len(block)
    if size != expected:
        raise BadFolder(
            f"{path} changed while it was read: {size} bytes, and {expected} before; publish it when it is whole"
        )
    return Content(size, int.from_bytes(checksum.digest(), "big")), digests.result()


def _blocks(path: Path, read: Read) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(READ_BYTES):
            yield block
            read(len(block))


def of_bytes(data: bytes) -> Content:
    """Size and CRC32C of bytes."""
    return Content(len(data), google_crc32c.value(data))
