"""Moves a version's bytes from the bucket into its stage: linked, resumed or fetched, and every byte checked.

One `Transfer` serves the whole process, so that its bounds (connections, bytes in flight, bandwidth) hold over all
versions that are fetched at once. An `Engine` knows how to read a range of one generation of an object; nothing else.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from events.names import ModelName, Version
from events.status import Progress
from puller.bucket import RemoteFile
from service.layout import FileRecord, Layout, Receipt


class Engine(Protocol):
    """Reads bytes out of the bucket."""

    def stream(self, file: RemoteFile, *, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes [start, end) of the file's generation in pieces; raises `Transient`."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files of one version that shall be staged: all of them, or first only `saved_model.pb`."""

    model: ModelName
    version: Version
    files: tuple[RemoteFile, ...]

    def receipt(self, *, staged: datetime) -> Receipt:
        """The receipt under which these files are published."""
        records = tuple(
            FileRecord(
                name=file.name,
                size=file.content.size,
                crc32c=file.content.crc32c,
                generation=file.generation,
                md5=file.md5,
            )
            for file in self.files
        )
        return Receipt(model=self.model, version=self.version, staged=staged, files=records)


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where the bytes of the staged files came from."""

    bytes_moved: int
    bytes_linked: int
    bytes_resumed: int


class Transfer:
    """Stages files under the bounds of this process."""

    def __init__(self, engine: Engine, *, layout: Layout, reserve_bytes: int, bytes_per_second: int | None) -> None:
        """Keep what was given; `reserve_bytes` of the disk stay free, None for the rate means no limit."""
        self._engine = engine
        self._layout = layout
        self._reserve_bytes = reserve_bytes
        self._bytes_per_second = bytes_per_second

    async def fetch(self, wanted: Wanted, *, on_progress: Callable[[Progress], None]) -> Fetched:
        """Stage the files, whole and verified, at `layout.stage(model, version)`.

        `on_progress` is called from the event loop, at most once a second and at the end. Raises `disk.NoRoom` before
        the first byte where the disk cannot take them, else `Transient`; what is staged then is kept and resumed by
        the next call, after a restart too. Not to be called twice at once for one version.
        """
        raise NotImplementedError
