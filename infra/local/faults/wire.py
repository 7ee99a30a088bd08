"""HTTP/1.1 for a proxy: whole requests in, whole answers from the server behind it, and answers in any shape out.

Requests and answers are held whole in memory: a range of an object is 32 MiB at most. Each connection serves one
request, so that whatever is done to an answer ends with it.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

import h11

from infra.local.connections import close

READ_BYTES: Final = 256 * 1024
HOP: Final = frozenset({b"connection", b"transfer-encoding", b"content-length", b"keep-alive", b"host", b"expect"})


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as the server gave it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    def head(self, *, length: int) -> bytes:
        """The head of the answer, announcing a body of some length."""
        lines = [f"HTTP/1.1 {self.status} As Proxied".encode()]
        lines += [name + b": " + value for name, value in self.headers if name.lower() not in HOP]
        lines += [b"Connection: close", b"Content-Length: %d" % length]
        return b"\r\n".join(lines) + b"\r\n\r\n"


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """Read one request; None where the client left instead. Raises `h11.RemoteProtocolError`."""
    connection = h11.Connection(h11.SERVER)
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Request(head.method.decode(), head.target.decode(), tuple(head.headers), bytes(body))
        else:
            return None


async def fetch(request: Request, *, host: str, port: int) -> Answer:
    """Ask the server behind for the whole answer. Raises `OSError` or `h11.ProtocolError`."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        connection = h11.Connection(h11.CLIENT)
        kept = [(name, value) for name, value in request.headers if name.lower() not in HOP]
        own = [(b"Host", f"{host}:{port}".encode()), (b"Connection", b"close")]
        length = [(b"Content-Length", str(len(request.body)).encode())]
        for event in (
            h11.Request(method=request.method, target=request.target, headers=[*own, *kept, *length]),
            h11.Data(data=request.body),
            h11.EndOfMessage(),
        ):
            writer.write(connection.send(event) or b"")
        await writer.drain()
        return await _read_answer(connection, reader)
    finally:
        await close(writer)


async def _read_answer(connection: h11.Connection, reader: asyncio.StreamReader) -> Answer:
    head: h11.Response | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Answer(head.status_code, tuple(head.headers), bytes(body))
        elif not isinstance(event, h11.InformationalResponse):
            raise ConnectionResetError("the server behind the proxy ended its answer early")
