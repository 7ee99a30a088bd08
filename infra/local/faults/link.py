"""A TCP connection that can go bad: to TensorFlow Serving, to NATS, to Pub/Sub.

As long as it passes bytes it is not there: an end that closes closes the other end too.
"""

import asyncio
from enum import StrEnum
from typing import Final

from infra.local.connections import close
from service.tasks import end

READ_BYTES: Final = 64 * 1024


class Mode(StrEnum):
    """How a link behaves."""

    PASS = "pass"  # noqa: S105 - no password
    BLACK_HOLE = "black hole"  # connections stay open and new ones are taken; nothing goes through
    REFUSE = "refuse"  # connections are reset, and new ones at once
    GARBAGE = "garbage"  # connections are reset; new ones lead to a gRPC server whose answers make no sense


class Link:
    """Connections from one port to one address."""

    def __init__(self, host: str, port: int, *, garbage_port: int) -> None:
        self._target = (host, port)
        self._garbage = ("127.0.0.1", garbage_port)
        self._open: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self.mode = Mode.PASS
        self.taken = 0

    def turn(self, mode: Mode) -> None:
        """Behave like this from now on. What a black hole held back goes on its way when it ends."""
        if mode is self.mode:
            return
        if Mode.GARBAGE in {mode, self.mode} or mode is Mode.REFUSE:
            self.reset()
        self.mode = mode
        if mode is Mode.BLACK_HOLE:
            self._flows.clear()
        else:
            self._flows.set()

    def reset(self) -> None:
        """Reset all connections."""
        for writer in self._open:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.taken += 1
        self._open.add(writer)
        try:
            await self._flows.wait()
            if self.mode is Mode.REFUSE:
                writer.transport.abort()
                return
            await self._join(reader, writer)
        except OSError:
            writer.transport.abort()  # the server behind is away: the client learns of it in the same way
        finally:
            self._open.discard(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = self._garbage if self.mode is Mode.GARBAGE else self._target
        behind_reader, behind_writer = await asyncio.open_connection(*target)
        self._open.add(behind_writer)
        ways = [
            asyncio.create_task(self._pump(reader, behind_writer)),
            asyncio.create_task(self._pump(behind_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._open.discard(behind_writer)
            behind_writer.close()  # first of all: what follows may be cancelled
            await end(ways)
            await close(behind_writer)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(READ_BYTES):
            await self._flows.wait()
            writer.write(data)
            await writer.drain()
