"""A server that answers for Cloud Storage as badly as it is told to.

Each request takes the next behaviour; when none is left, an object's range is served as it should be.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from infra.local.connections import accepting
from infra.local.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    target: str
    start: int
    end: int


Behaviour = Callable[["HttpBucket", Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class HttpBucket:
    """The bytes of the one object, what to do next, and what was asked."""

    data: bytes
    behaviours: list[Behaviour] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    url: str = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, one request."""
        try:
            request = await self._read(reader)
            self.requests.append(request)
            await (self.behaviours.pop(0) if self.behaviours else serve)(self, request, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left

    async def _read(self, reader: asyncio.StreamReader) -> Request:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        start, end = 0, len(self.data)
        if "range" in headers:
            first, _, last = headers["range"].removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1
        return Request(head[0].split()[1], start, end)

    def head(self, request: Request, *, length: int | None = None) -> bytes:
        """The head of a right answer, perhaps with another length."""
        size = request.end - request.start if length is None else length
        return (
            f'HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: {size}\r\nETag: "e"\r\n'
            f"Last-Modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
            f"Content-Range: bytes {request.start}-{request.end - 1}/{len(self.data)}\r\n\r\n"
        ).encode()


@asynccontextmanager
async def running(data: bytes) -> AsyncIterator[HttpBucket]:
    """Serve an object on a free port."""
    bucket = HttpBucket(data)
    async with accepting(bucket.answer, LOOPBACK) as port:
        bucket.url = f"http://{LOOPBACK}:{port}"
        yield bucket


async def serve(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
    """As it should be."""
    writer.write(bucket.head(request) + bucket.data[request.start : request.end])


def status(code: int, body: bytes = b"no") -> Behaviour:
    """Only a status."""

    async def behave(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {code} As Told\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    return behave


async def refuse(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
    """Reset the connection without a word."""
    writer.transport.abort()


async def reset(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
    """Reset the connection half-way."""
    half = (request.start + request.end) // 2
    writer.write(bucket.head(request) + bucket.data[request.start : half])
    await writer.drain()
    writer.transport.abort()


async def close_early(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
    """End the connection half-way, politely."""
    half = (request.start + request.end) // 2
    writer.write(bucket.head(request) + bucket.data[request.start : half])


async def announce_less(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
    """A consistent answer of half the length."""
    half = (request.start + request.end) // 2
    writer.write(bucket.head(request, length=half - request.start) + bucket.data[request.start : half])


async def ignore_range(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
    """The whole object with status 200, whatever was asked."""
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(bucket.data)}\r\n\r\n"
    writer.write(head.encode() + bucket.data)


async def shift(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
    """Other bytes than were asked for, and it says so."""
    other = Request(request.target, request.start + 1, request.end)
    await serve(bucket, other, writer)


async def damage(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
    """One byte is wrong."""
    data = bytearray(bucket.data[request.start : request.end])
    data[len(data) // 2] ^= 1
    writer.write(bucket.head(request) + data)


async def stall(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
    """Send half, then nothing, with the connection open."""
    half = (request.start + request.end) // 2
    writer.write(bucket.head(request) + bucket.data[request.start : half])
    await writer.drain()
    await asyncio.get_running_loop().create_future()


async def stall_the_end(bucket: HttpBucket, request: Request, writer: asyncio.StreamWriter) -> None:
    """Serve the first range of an object and stall on the others."""
    await (stall if request.start else serve)(bucket, request, writer)
