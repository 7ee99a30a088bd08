"""Fetches one range of a file into its stage: in pieces, with time-outs, in a few tries.

Each try goes on where the last one ended, and the next pass where the last try ended.
"""

import asyncio
import os
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from puller.disk import crc32c
from puller.disk.ranges import Piece
from puller.disk.stage import StagedFile
from puller.download.bandwidth import Bandwidth
from puller.download.engine import Engine, Interrupted
from puller.download.progress import Meter
from service.files import disk_errors


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a range is tried before it is left to the next pass."""

    tries: int = 4
    stall_seconds: float = 30.0  # without a single piece
    pause_seconds: float = 0.2  # before the second try, doubled each time; up to half of it is left out at random


Note = Callable[[StagedFile, Piece], None]


class RangeDownload:
    """The way of a range, whoever drives on it."""

    def __init__(self, engine: Engine, *, bandwidth: Bandwidth, retries: RetryPolicy) -> None:
        self._engine = engine
        self._bandwidth = bandwidth
        self._retries = retries

    async def fetch(self, file: StagedFile, *, start: int, end: int, note: Note, meter: Meter) -> None:
        """Write the bytes [start, end); what was written is noted, however this ends."""
        with disk_errors(f"cannot write {file.path}"):
            descriptor = os.open(file.path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            writer = Writer(file, descriptor, start, end)
            try:
                await self._fill(file, writer, end=end, meter=meter)
            finally:
                os.close(descriptor)
                if writer.position > start:
                    note(file, Piece(start, writer.position, writer.crc))

    async def _fill(self, file: StagedFile, writer: "Writer", *, end: int, meter: Meter) -> None:
        for tried in range(self._retries.tries):
            try:
                await self._stream(file, writer, end=end, meter=meter)
            except Interrupted:
                if tried + 1 == self._retries.tries:
                    raise
            else:
                return
            await asyncio.sleep(self._retries.pause_seconds * 2**tried * random.uniform(0.5, 1))  # noqa: S311

    async def _stream(self, file: StagedFile, writer: "Writer", *, end: int, meter: Meter) -> None:
        reading = self._engine.stream(file.file, start=writer.position, end=end, write=writer.write)
        async with aclosing(reading) as counts:
            while await self._next(file, counts, writer, meter):
                pass
        if writer.position < end:
            raise Interrupted(f"{file.file.object_name}: the answer ended {end - writer.position} bytes early")

    async def _next(self, file: StagedFile, counts: AsyncGenerator[int, None], writer: "Writer", meter: Meter) -> int:
        """Wait for the next bytes; how many, none at the end. What was written counts, also where it is broken off."""
        before = writer.position
        try:
            async with asyncio.timeout(self._retries.stall_seconds):
                count = await anext(counts, 0)
        except TimeoutError as error:
            raise Interrupted(f"{file.file.object_name}: no bytes for {self._retries.stall_seconds:g} s") from error
        finally:
            meter.add(writer.position - before)
        await self._bandwidth.take(count)
        return count


class Writer:
    """Writes pieces one after the other, in whichever thread, and keeps the CRC32C of what was written."""

    def __init__(self, file: StagedFile, descriptor: int, start: int, end: int) -> None:
        self._file = file
        self.descriptor = descriptor
        self.end = end
        self.position = start
        self.crc = 0

    def write(self, data: memoryview) -> None:
        """Write a piece. Blocking."""
        if self.position + len(data) > self.end:
            raise Interrupted(f"{self._file.file.object_name}: more bytes came than were asked for")
        view = data
        with disk_errors(f"cannot write {self._file.path}"):
            while view:
                view = view[os.pwrite(self.descriptor, view, self.position + len(data) - len(view)) :]
        self.crc = crc32c.extend(self.crc, bytes(data))
        self.position += len(data)
