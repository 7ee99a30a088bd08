"""A local folder that is to become a version: what it holds, and whether that can be a SavedModel at all."""

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import google_crc32c

from events.manifest import Content
from events.names import MANIFEST_NAME, BadName, FileName
from service.errors import ModelManagerError

READ_BYTES = 1024 * 1024
READERS = 4  # a checksum runs at a gigabyte a second and more; what waits is the disk
GRAPHS = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")
VARIABLES = "variables/variables."

_SHARD = re.compile(r"variables/variables\.data-([0-9]{5})-of-([0-9]{5})")

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


def check(folder: Path) -> dict[FileName, int]:
    """The sizes of the version's files; raises `BadFolder` where they cannot be a whole version."""
    sizes = {name: (folder / name).stat().st_size for name in files_of(folder)}
    if wrong := problems(sizes):
        raise BadFolder(f"{folder} is no whole version of a SavedModel: {'; '.join(wrong)}")
    return sizes


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


def problems(sizes: Mapping[FileName, int]) -> list[str]:
    """What is missing or empty, as far as the names and sizes of the files tell."""
    graphs = [name for name in GRAPHS if name in sizes]
    found = [] if graphs else ["it holds no saved_model.pb"]
    found += [f"{name} is empty" for name in (*graphs, f"{VARIABLES}index") if sizes.get(FileName(name)) == 0]
    if any(name.startswith(VARIABLES) for name in sizes):
        found += [] if f"{VARIABLES}index" in sizes else [f"{VARIABLES}index is missing"]
        found += _missing_shards(sizes)
    return found


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


def _missing_shards(names: Iterable[FileName]) -> list[str]:
    shards = [(int(found[1]), int(found[2])) for name in names if (found := _SHARD.fullmatch(name))]
    counts = {count for _, count in shards}
    if len(counts) > 1:
        return [f"the shards of several exports are mixed: {', '.join(f'-of-{count:05}' for count in sorted(counts))}"]
    if not counts:
        return [f"{VARIABLES}data-?????-of-????? is missing"]
    (count,) = counts
    absent = sorted(set(range(count)) - {shard for shard, _ in shards})
    listed = [f"{VARIABLES}data-{shard:05}-of-{count:05} is missing" for shard in absent[:3]]
    return listed + ([f"and {len(absent) - 3} more shards"] if len(absent) > 3 else [])
