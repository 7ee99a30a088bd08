"""Fetches one range of a file into its stage: in pieces, with time-outs, in a few tries.

Each try goes on where the last one ended, and the next pass where the last try ended.
"""

import asyncio
import os
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from events.pieces import piece_bytes
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


Note = Callable[[StagedFile, Piece], bool]


class RangeDownload:
    """Downloads ranges in a few tries, each from where the one before ended."""

    def __init__(self, engine: Engine, *, bandwidth: Bandwidth, retries: RetryPolicy) -> None:
        self._engine = engine
        self._bandwidth = bandwidth
        self._retries = retries

    async def fetch(self, file: StagedFile, *, start: int, end: int, note: Note, meter: Meter) -> None:
        """Write the bytes [start, end); what was written is noted piece by piece, however this ends.

        `note` ends the request early where it returns False.
        """
        with disk_errors(f"cannot write {file.path}"):
            descriptor = os.open(file.path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            writer = Writer(file, descriptor, start, end)
            try:
                await self._fill(file, writer, meter=meter, note=note)
            finally:
                os.close(descriptor)
                for piece in writer.pieces(is_over=True):
                    note(file, piece)

    async def _fill(self, file: StagedFile, writer: "Writer", *, meter: Meter, note: Note) -> None:
        for tried in range(self._retries.tries):
            try:
                await self._stream(file, writer, meter=meter, note=note)
            except Interrupted:
                if tried + 1 == self._retries.tries:
                    raise
            else:
                return
            await asyncio.sleep(self._retries.pause_seconds * 2**tried * random.uniform(0.5, 1))  # noqa: S311

    async def _stream(self, file: StagedFile, writer: "Writer", *, meter: Meter, note: Note) -> None:
        reading = self._engine.stream(file.file, start=writer.position, end=writer.end, write=writer.write)
        async with aclosing(reading) as counts:
            while await self._next(file, counts, writer, meter):
                answers = [note(file, piece) for piece in writer.pieces()]
                if not all(answers):
                    return
        if writer.position < writer.end:
            left = writer.end - writer.position
            raise Interrupted(f"{file.file.object_name}: the answer ended {left} bytes early")

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
    """Writes bytes one after the other, in whichever thread, and keeps the CRC32C of each piece of the file."""

    def __init__(self, file: StagedFile, descriptor: int, start: int, end: int) -> None:
        self._file = file
        self._length = piece_bytes(file.file.content.size)
        self._begun = start  # where the piece that is being written begins
        self._crc = 0
        self._done: list[Piece] = []
        self.descriptor = descriptor
        self.end = end
        self.position = start

    def write(self, data: memoryview) -> None:
        """Write bytes. Blocking."""
        if self.position + len(data) > self.end:
            raise Interrupted(f"{self._file.file.object_name}: more bytes came than were asked for")
        view = data
        with disk_errors(f"cannot write {self._file.path}"):
            while view:
                view = view[os.pwrite(self.descriptor, view, self.position + len(data) - len(view)) :]
        while data:
            part = data[: self._length - self.position % self._length]
            self._count(part)
            data = data[len(part) :]

    def pieces(self, *, is_over: bool = False) -> list[Piece]:
        """Return what was written since the last time, piece by piece; where it is over, also what is no whole one."""
        if is_over:
            self._end_piece()
        done, self._done = self._done, []
        return done

    def _count(self, part: memoryview) -> None:
        self._crc = crc32c.extend(self._crc, bytes(part))
        self.position += len(part)
        if self.position % self._length == 0:
            self._end_piece()

    def _end_piece(self) -> None:
        if self.position > self._begun:
            self._done.append(Piece(self._begun, self.position, self._crc))
            self._begun, self._crc = self.position, 0
