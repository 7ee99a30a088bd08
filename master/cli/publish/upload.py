"""The upload of one version: never over another one, resumed where an earlier try stopped, the manifest last.

Every object is written on the condition that there is none of its name, so two publishers of one version cannot mix
their files: the second is refused.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

from events import manifest
from events.manifest import Content
from events.names import MANIFEST_NAME, FileName
from master.cli.publish.folder import Folder, of_bytes
from service.errors import ModelManagerError
from service.reading import Read, nobody

# Eight uploads hide the round trips to a real bucket; more only compete for the same line.
WORKERS = 8


class VersionExists(ModelManagerError):
    """The bucket holds a version of this number already, and it is not this one."""


class Changed(ModelManagerError):
    """A file changed while it was uploaded; the manifest was not written, so no node takes the version."""


class Stopped(Exception):
    """Another file's upload failed, or a person pressed Ctrl-C: this one ends, too."""


class Bucket(Protocol):
    """What an upload needs of a bucket."""

    def contents(self, prefix: str) -> Mapping[str, Content]:
        """Size and CRC32C of all objects below a prefix, by full name."""

    def create_file(self, name: str, path: Path, *, moved: Read = ...) -> Content:
        """Write a file as a new object; return what the bucket has, also where there was one of this name before."""

    def create(self, name: str, data: bytes) -> Content:
        """Write a new object; return what the bucket has, also where there was one of this name before."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an upload did: files sent now, and files that an earlier try had sent."""

    sent: int
    resumed: int
    was_there: bool = False  # the whole version was, with its manifest


@dataclass(frozen=True, slots=True)
class Left:
    """What is left to do."""

    files: tuple[FileName, ...]
    has_manifest: bool


def upload(bucket: Bucket, folder: Folder, *, base: str, moved: Read = nobody, with_manifest: bool = True) -> Uploaded:
    """Upload the folder below `base` (`…MODEL/VERSION/`); `moved` hears of the bytes as they go, or were there."""
    files = folder.files
    rest = left(files, _below(base, bucket.contents(base)), base=base)
    resumed = len(files) - len(rest.files)
    if rest.has_manifest:
        return Uploaded(sent=0, resumed=resumed, was_there=True)
    moved(sum(files[name].size for name in files if name not in set(rest.files)))
    _send(bucket, folder, names=rest.files, base=base, moved=moved)
    if with_manifest:
        if wrong := manifest.differences(files, _below(base, bucket.contents(base))):
            raise VersionExists(f"{base} was changed by somebody else during the upload: {'; '.join(wrong[:5])}")
        data = manifest.render(files, folder.table)
        if bucket.create(base + MANIFEST_NAME, data) != of_bytes(data):
            raise VersionExists(f"somebody else published {base} at the same moment; take the next number")
    return Uploaded(sent=len(rest.files), resumed=resumed)


def left(files: Mapping[FileName, Content], there: Mapping[FileName, Content], *, base: str) -> Left:
    """Compare what shall be with what is there; `VersionExists` where that is not a part of the same version."""
    has_manifest = MANIFEST_NAME in there
    found = {name: content for name, content in there.items() if name != MANIFEST_NAME}
    missing = tuple(name for name in files if name not in found)
    others = {name: found.get(name, files[name]) for name in files} | dict(found)
    if wrong := manifest.differences(files, others):
        raise VersionExists(
            f"{base} holds another version already ({'; '.join(wrong[:3])}); a published version never changes: "
            "take the next number"
        )
    if has_manifest and missing:
        raise VersionExists(
            f"{base} was published before and misses {missing[0]} now; take the next number, or delete what is left"
        )
    return Left(missing, has_manifest)


def _below(base: str, contents: Mapping[str, Content]) -> dict[FileName, Content]:
    """The objects that are files of the version; placeholders of folders are none."""
    return {FileName(name[len(base) :]): content for name, content in contents.items() if not name.endswith("/")}


def _send(bucket: Bucket, folder: Folder, *, names: tuple[FileName, ...], base: str, moved: Read) -> None:
    counted = _Counter(moved)

    def send(name: FileName) -> None:
        if bucket.create_file(base + name, folder.path / name, moved=counted) != folder.files[name]:
            raise Changed(
                f"{base}{name} is not what was sent: the file changed meanwhile, or somebody else uploads the same "
                "version; the manifest was not written, so no node takes it"
            )

    with ThreadPoolExecutor(WORKERS) as pool:
        # The largest first: a large file that starts last makes everybody wait.
        sending = [pool.submit(send, name) for name in sorted(names, key=lambda name: -folder.files[name].size)]
        try:
            for one in as_completed(sending):
                one.result()
        except BaseException:
            counted.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Counter:
    """Passes counts on until it is stopped; then the upload that counts ends."""

    def __init__(self, moved: Read) -> None:
        self._moved = moved
        self._stopping = Event()

    def __call__(self, size: int) -> None:
        if self._stopping.is_set():
            raise Stopped
        self._moved(size)

    def stop(self) -> None:
        self._stopping.set()
