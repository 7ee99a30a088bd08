"""The exchange's port: gives units of versions to the neighbours of the site, and nothing to anybody else.

Heads are read on the event loop, within bounds and time; bytes go from the disk into the connection by `sendfile`, in a
few threads, so that neither a slow disk nor a slow neighbour holds up anything else.
"""

import asyncio
import contextlib
import json
import os
import select
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from puller.download.bandwidth import BURST_SECONDS, Bandwidth
from puller.exchange import request, signing
from puller.exchange.offers import Offer, Offers
from puller.exchange.request import CRC_HEADER, MAX_HEAD_BYTES, AskBytes, AskWord, BadRequest, Request
from service import logs, metrics
from service.connections import ACCEPTED_AT_ONCE, HEAD_SECONDS, TAKE_SECONDS, Connections, places
from service.disk_threads import in_thread
from service.errors import ModelManagerError
from service.tasks import end

log = logs.get("puller.exchange")

UPLOADS: Final = 8  # at once: together they fill a LAN's port, and each still has a fair part of it
CONNECTIONS: Final = 512
IDLE_SECONDS: Final = 60.0
WAIT_SECONDS: Final = 1.0  # a question for news is answered after this, whatever happens
SLICE_BYTES: Final = 4 * 1024 * 1024  # sent by one call in a thread
LEAST_SLICE_BYTES: Final = 64 * 1024
REASONS: Final = {
    200: "OK",
    206: "Partial Content",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    503: "Service Unavailable",
}


@dataclass(eq=False, slots=True)
class _Open:
    """A connection, as the port's bounds count it."""

    transport: asyncio.WriteTransport
    is_waiting: bool = True


class Server:
    """Serves a site's neighbours on one listening socket."""

    def __init__(
        self, offers: Offers, *, secret: str, bytes_per_second: int | None, clock: Callable[[], float] = time.time
    ) -> None:
        """Keep what was given; an empty secret lets everybody in who reaches the port, None means no limit."""
        self._offers = offers
        self._secret = secret
        self._clock = clock
        self._bandwidth = Bandwidth(bytes_per_second)
        self._slice_bytes = _slice_bytes(bytes_per_second)
        self._threads = ThreadPoolExecutor(UPLOADS, thread_name_prefix="exchange")
        self._uploads = 0
        self._connections = Connections(min(CONNECTIONS, places()))
        self._strangers: set[str] = set()

    async def serve(self, listener: socket.socket) -> None:
        """Serve until cancelled."""
        tasks: set[asyncio.Task[None]] = set()

        def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._follow(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(begin, sock=listener, limit=MAX_HEAD_BYTES, backlog=ACCEPTED_AT_ONCE)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            await end(tuple(tasks))
            self._threads.shutdown(wait=False)

    async def _follow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests, one after the other."""
        address = str((writer.get_extra_info("peername") or ("",))[0])
        opened = _Open(writer.transport)
        writer.transport.set_write_buffer_limits(0)  # `drain` then waits until the head is on its way
        try:
            if not self._connections.admit(opened, address):
                await self._say(writer, 503, "too many connections are open; ask again\n")
                return
            while await self._answer_next(reader, writer, opened, address):
                self._connections.touch(opened)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # it is gone, or too slow, or sends what is no request
        finally:
            self._connections.leave(opened)
            writer.close()

    async def _answer_next(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, opened: _Open, address: str
    ) -> bool:
        """Take a request and answer it; tell whether another may follow."""
        if not (first := await _first_byte(reader, IDLE_SECONDS)):
            return False
        async with asyncio.timeout(HEAD_SECONDS):
            head = first + await reader.readuntil(b"\r\n\r\n")
        opened.is_waiting = False
        try:
            asked = request.parse(head)
        except BadRequest as error:
            await self._say(writer, 400, f"{error}\n")
            return False
        if why := signing.problem(
            self._secret, asked.authorization, asked.target, asked.range_header, now=self._clock()
        ):
            self._note_stranger(address, why)
            await self._say(writer, 401, f"{why}\n")
            return False
        await self._answer(writer, asked)
        opened.is_waiting = True
        return True

    async def _answer(self, writer: asyncio.StreamWriter, asked: Request) -> None:
        try:
            offer = await self._offers.find(asked.asks.place)
        except ModelManagerError as error:
            log.debug("offer cannot be found", reason=str(error))
            offer = None
        if offer is None:
            await self._say(writer, 404, "this node does not offer the version\n")
            return
        match asked.asks:
            case AskWord(after=after):
                await self._tell(writer, offer, after)
            case AskBytes() as asks:
                await self._send(writer, offer, asks)

    async def _tell(self, writer: asyncio.StreamWriter, offer: Offer, after: int | None) -> None:
        if after is not None:
            await offer.wait(after=after, seconds=WAIT_SECONDS)
        word = offer.word
        said = {"has": f"{word.has:x}", "coming": f"{word.coming:x}", "bytes": word.bytes_there}
        await self._say(writer, 200, json.dumps(said))

    async def _send(self, writer: asyncio.StreamWriter, offer: Offer, asks: AskBytes) -> None:
        """Send bytes of a file, if they are here and there is a place for it."""
        if self._uploads >= UPLOADS:
            await self._say(writer, 503, "this node serves as many neighbours as it can; ask again\n")
            return
        self._uploads += 1
        try:
            descriptor = await self._opened(offer, asks)
            if descriptor is None:
                await self._say(writer, 404, "these bytes are not here\n")
                return
            try:
                await self._send_from(descriptor, writer, asks, crc=offer.crc(asks.name, asks.start, asks.end))
            finally:
                os.close(descriptor)
        finally:
            self._uploads -= 1

    async def _opened(self, offer: Offer, asks: AskBytes) -> int | None:
        if not offer.holds(asks.name, asks.start, asks.end):
            return None
        try:
            return await in_thread(partial(self._offers.open, offer, asks.name), executor=self._threads)
        except ModelManagerError as error:
            log.warning("a file cannot be offered", reason=str(error))
            return None

    async def _send_from(
        self, descriptor: int, writer: asyncio.StreamWriter, asks: AskBytes, *, crc: int | None
    ) -> None:
        more = f"Content-Range: bytes {asks.start}-{asks.end - 1}/*\r\n"
        more += "" if crc is None else f"{CRC_HEADER}: {crc:08x}\r\n"
        await _head(writer, 206, asks.end - asks.start, more)
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as taker:
            at = asks.start
            while at < asks.end:
                count = min(self._slice_bytes, asks.end - at)
                await in_thread(
                    partial(_sendfile, taker, descriptor, at, count), executor=self._threads, wake=partial(_shut, taker)
                )
                metrics.EXCHANGE_SENT_BYTES.inc(count)
                await self._bandwidth.take(count)
                at += count

    async def _say(self, writer: asyncio.StreamWriter, status: int, words: str) -> None:
        body = words.encode()
        await _head(writer, status, len(body))
        writer.write(body)
        async with asyncio.timeout(TAKE_SECONDS):
            await writer.drain()

    def _note_stranger(self, address: str, why: str) -> None:
        """Say once of an address that it was turned away."""
        metrics.EXCHANGE_REFUSED.inc()
        if address not in self._strangers and len(self._strangers) < CONNECTIONS:
            self._strangers.add(address)
            log.warning("a request to the exchange was refused", address=address, reason=why)


async def _first_byte(reader: asyncio.StreamReader, seconds: float) -> bytes:
    """Wait for a request to begin; empty where none does."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await reader.read(1)
    return b""


async def _head(writer: asyncio.StreamWriter, status: int, length: int, more: str = "") -> None:
    """Send the head of an answer, and wait until it is on its way."""
    close = "Connection: close\r\n" if status in {400, 401} else ""
    writer.write(f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Length: {length}\r\n{more}{close}\r\n".encode())
    async with asyncio.timeout(TAKE_SECONDS):
        await writer.drain()


def _sendfile(taker: socket.socket, descriptor: int, start: int, count: int) -> None:
    """Send bytes of a file; `TimeoutError` where the other side takes none for too long. Blocking."""
    end, ready = start + count, select.poll()
    ready.register(taker, select.POLLOUT)
    while start < end:
        if not ready.poll(TAKE_SECONDS * 1000):
            raise TimeoutError
        with contextlib.suppress(BlockingIOError):
            sent = os.sendfile(taker.fileno(), descriptor, start, end - start)
            if not sent:
                raise ConnectionError("the file became shorter while it was sent")
            start += sent


def _shut(taker: socket.socket) -> None:
    with contextlib.suppress(OSError):
        taker.shutdown(socket.SHUT_RDWR)


def _slice_bytes(bytes_per_second: int | None) -> int:
    if bytes_per_second is None:
        return SLICE_BYTES
    return min(SLICE_BYTES, max(LEAST_SLICE_BYTES, int(bytes_per_second * BURST_SECONDS / UPLOADS)))
