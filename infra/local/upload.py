"""Upload a version as `events/manifest.py` wants it: all files side by side, the manifest last.

Without the manifest it is an upload as any training job makes it, and the puller decides by the version's structure.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import google_crc32c

from events import manifest
from events.manifest import Content
from events.names import MANIFEST_NAME, FileName, ModelName, Version
from infra.local.bucket import Bucket

# Eight uploads hide the round trips to a real bucket; more only compete for the same line.
WORKERS = 8
READ_BYTES = 1024 * 1024

Uploaded = Callable[[FileName, int], None]


class BadFolder(Exception):
    """A folder that is no version to upload."""


def nobody(file: FileName, size: int) -> None:
    """Tell nobody about an uploaded file."""


class Upload:
    """One version on its way to the bucket."""

    def __init__(self, bucket: Bucket, *, prefix: str, model: ModelName, version: Version) -> None:
        self._bucket = bucket
        self._base = f"{prefix}{model}/{version}/"

    def send(self, folder: Path, *, with_manifest: bool = True, uploaded: Uploaded = nobody) -> int:
        """Upload every file of the folder and return how many; the manifest follows when all are there."""
        files = files_of(folder)
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(lambda name: self._send(folder, name, uploaded), files))
        if with_manifest:
            contents = {name: content_of(folder / name) for name in files}
            self._bucket.write(self._base + MANIFEST_NAME, manifest.render(contents))
        return len(files)

    def _send(self, folder: Path, name: FileName, uploaded: Uploaded) -> None:
        self._bucket.write_file(self._base + name, folder / name)
        uploaded(name, (folder / name).stat().st_size)


def files_of(folder: Path) -> list[FileName]:
    """The files of a version, without a manifest that an earlier download left there."""
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    if "saved_model.pb" not in names:
        raise BadFolder(f"{folder} holds no saved_model.pb; name the folder of one version of a SavedModel")
    return sorted(FileName.parse(name) for name in names if name != MANIFEST_NAME)


def content_of(path: Path) -> Content:
    """Size and CRC32C of a file."""
    checksum, size = google_crc32c.Checksum(), 0
    with path.open("rb") as file:
        while piece := file.read(READ_BYTES):
            checksum.update(piece)
            size += len(piece)
    return Content(size, int.from_bytes(checksum.digest(), "big"))
