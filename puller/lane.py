"""Fetches one range of a file into its stage: in pieces, with time-outs, in a few tries.

Each try goes on where the last one ended, and the next pass where the last try ended.
"""

import asyncio
import math
import os
import random
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from puller import crc32c
from puller.bandwidth import Bandwidth
from puller.engine import Engine, Interrupted
from puller.progress import Meter
from puller.ranges import Piece
from puller.stage import StagedFile
from puller.threads import in_thread
from service.files import disk_errors


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a range is tried before it is left to the next pass."""

    tries: int = 4
    stall_seconds: float = 30.0  # without a single piece
    pause_seconds: float = 0.2  # before the second try, doubled each time; up to half of it is left out at random
    write_seconds: float = 0.02  # a write to disk that takes longer is slow
    thread_seconds: float = 5.0  # after a slow write, how long writes go through threads


Note = Callable[[StagedFile, Piece], None]


class Lane:
    """The way of a range, whoever drives on it."""

    def __init__(self, engine: Engine, *, bandwidth: Bandwidth, patience: Patience) -> None:
        self._engine = engine
        self._bandwidth = bandwidth
        self._patience = patience
        self._threads_until = -math.inf

    async def fetch(self, file: StagedFile, *, start: int, end: int, note: Note, meter: Meter) -> None:
        """Write the bytes [start, end); what was written is noted, however this ends."""
        with disk_errors(f"cannot write {file.path}"):
            descriptor = os.open(file.path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            writer = _Writer(descriptor, start)
            try:
                await self._fill(file, writer, end=end, meter=meter)
            finally:
                os.close(descriptor)
                if writer.position > start:
                    note(file, Piece(start, writer.position, writer.crc))

    async def _fill(self, file: StagedFile, writer: "_Writer", *, end: int, meter: Meter) -> None:
        for tried in range(self._patience.tries):
            try:
                await self._stream(file, writer, end=end, meter=meter)
            except Interrupted:
                if tried + 1 == self._patience.tries:
                    raise
            else:
                return
            await asyncio.sleep(self._patience.pause_seconds * 2**tried * random.uniform(0.5, 1))  # noqa: S311

    async def _stream(self, file: StagedFile, writer: "_Writer", *, end: int, meter: Meter) -> None:
        async with aclosing(self._engine.stream(file.file, start=writer.position, end=end)) as pieces:
            while True:
                try:
                    async with asyncio.timeout(self._patience.stall_seconds):
                        data = await anext(pieces, b"")
                except TimeoutError as error:
                    raise Interrupted(
                        f"{file.file.object_name}: no bytes for {self._patience.stall_seconds:g} s"
                    ) from error
                if not data:
                    break
                if writer.position + len(data) > end:
                    raise Interrupted(f"{file.file.object_name}: more bytes came than were asked for")
                await self._write(writer, data)
                meter.add(len(data))
                await self._bandwidth.take(len(data))
        if writer.position < end:
            raise Interrupted(f"{file.file.object_name}: the answer ended {end - writer.position} bytes early")

    async def _write(self, writer: "_Writer", data: bytes) -> None:
        """Write to disk: at once while the disk is quick, for a thread costs a fifth of the speed; else in a thread."""
        clock = asyncio.get_running_loop().time
        started = clock()
        if started < self._threads_until:
            await in_thread(lambda: writer.write(data))
            return
        writer.write(data)
        if clock() - started > self._patience.write_seconds:
            self._threads_until = clock() + self._patience.thread_seconds


class _Writer:
    """Writes pieces one after the other and keeps the CRC32C of what was written."""

    def __init__(self, descriptor: int, position: int) -> None:
        self._descriptor = descriptor
        self.position = position
        self.crc = 0

    def write(self, data: bytes) -> None:
        """Write a piece. Blocking."""
        view = memoryview(data)
        while view:
            view = view[os.pwrite(self._descriptor, view, self.position + len(data) - len(view)) :]
        self.crc = crc32c.extend(self.crc, data)
        self.position += len(data)
