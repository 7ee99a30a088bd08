"""Connections that are kept: used again, replaced without a word where the server has closed them."""

import asyncio

import pytest

from events.manifest import Content
from events.names import FileName
from infra.local.connections import accepting
from infra.local.ports import LOOPBACK
from puller.bucket import connections
from puller.bucket.access import Access
from puller.bucket.objects import RemoteFile
from puller.download.engine import Interrupted
from puller.download.http_engine import HttpEngine
from tests.fakes.bucket import EPOCH

SIZE = 5_000_000
DATA = bytes(range(250)) * (SIZE // 250)
FILE = RemoteFile(FileName("f"), "m/1/f", Content(SIZE, 0), 7, None, EPOCH)


class KeepingServer:
    """Serves ranges over connections that stay open for so many answers; `answers` counts them by connection."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.most_answers = 1000
        self.extra = b""
        self.has_ended = asyncio.Event()  # a client closed its connection between two requests

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other."""
        me = len(self.answers)
        self.answers.append(0)
        while self.answers[me] < self.most_answers:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            except (asyncio.IncompleteReadError, ConnectionError):
                self.has_ended.set()
                return
            first, last = head.split("range: bytes=")[1].split("\r\n")[0].split("-")
            start, end = int(first), int(last) + 1
            length = end - start + len(self.extra)
            writer.write(
                f"HTTP/1.1 206 Partial Content\r\nContent-Length: {length}\r\n"
                f"Content-Range: bytes {start}-{end - 1}/{SIZE}\r\n\r\n".encode()
            )
            writer.write(DATA[start:end] + self.extra)
            await writer.drain()
            self.answers[me] += 1


@pytest.fixture
def server() -> KeepingServer:
    return KeepingServer()


async def read(server: KeepingServer, *ranges: tuple[int, int]) -> list[bytes]:
    """Read ranges one after the other."""
    came: list[bytes] = []
    async with accepting(server.serve, LOOPBACK) as port:
        access = Access(emulator=f"http://{LOOPBACK}:{port}")
        engine = HttpEngine("bucket", access)
        try:
            for start, end in ranges:
                came.append(await read_range(engine, start, end))
        finally:
            engine.close()
            access.close()
    return came


async def read_range(engine: HttpEngine, start: int, end: int) -> bytes:
    """Read one range."""
    pieces: list[bytes] = []
    async for _ in engine.stream(FILE, start=start, end=end, write=lambda piece: pieces.append(bytes(piece))):
        pass
    return b"".join(pieces)


async def test_an_idle_connection_is_closed(server: KeepingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node at rest holds none: neither descriptors of its own nor the server's."""
    monkeypatch.setattr(connections, "IDLE_SECONDS", 0.0)
    async with accepting(server.serve, LOOPBACK) as port, asyncio.timeout(10):
        engine = HttpEngine("bucket", Access(emulator=f"http://{LOOPBACK}:{port}"))
        await read_range(engine, 0, 1)
        await server.has_ended.wait()
        engine.close()


async def test_ranges_share_a_connection(server: KeepingServer) -> None:
    """A connection whose answer was read to its end serves the next request."""
    ranges = ((0, SIZE), (10, 20), (SIZE - 1, SIZE))
    assert await read(server, *ranges) == [DATA[start:end] for start, end in ranges]
    assert server.answers == [3]


async def test_a_connection_that_the_server_closed_is_replaced(server: KeepingServer) -> None:
    """Servers end idle connections when they like: that is no fault, and costs none of a range's tries."""
    server.most_answers = 1
    assert await read(server, (0, 10), (10, 20), (20, 30)) == [DATA[0:10], DATA[10:20], DATA[20:30]]
    assert server.answers == [1, 1, 1]


async def test_no_byte_beyond_the_range_is_taken(server: KeepingServer) -> None:
    """What a server sends besides is neither handed over nor taken for the next answer."""
    server.extra = b"HTTP/1.1 200 OK\r\n\r\n"
    assert await read(server, (0, 10), (10, 20)) == [DATA[0:10], DATA[10:20]]
    assert server.answers[0] == 1


async def test_a_server_that_is_not_there_is_told_in_words(server: KeepingServer) -> None:
    """Nothing listens: the object, the bucket and what happened are in the words."""
    async with accepting(server.serve, LOOPBACK) as port:
        pass
    engine = HttpEngine("bucket", Access(emulator=f"http://{LOOPBACK}:{port}"))
    with pytest.raises(Interrupted, match=r"m/1/f in bucket cannot be read: .*refused"):
        await read_range(engine, 0, 10)
    engine.close()
