"""How a node asks its neighbours: for the units that they have, and for bytes.

Questions for units wait on the event loop, one connection for each neighbour. Bytes are received in threads, into one
buffer for each connection, as from the bucket.
"""

import asyncio
import contextlib
import http.client
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from events import cost
from puller.bucket.connections import Connection, Connections
from puller.download.engine import PIECE_BYTES
from puller.exchange import signing
from puller.exchange.neighbours import Availability, Failure
from puller.exchange.request import CRC_HEADER, Place
from service.causes import cause
from service.disk_threads import in_thread

CONNECT_SECONDS: Final = 2.0
STALL_SECONDS: Final = 5.0  # without a byte
LEAST_BYTES_PER_SECOND: Final = 1024 * 1024  # a neighbour that is slower is no help
WORD_SECONDS: Final = 5.0  # for the answer to a question, which waits a second at most
MAX_WORD_BYTES: Final = 256 * 1024
THREADS: Final = 8
_HEX = re.compile(r"[0-9a-f]+", re.ASCII)
_CRC = re.compile(r"[0-9a-f]{8}", re.ASCII)
_LENGTH = re.compile(rb"\r\ncontent-length: (\d{1,9})\r\n", re.ASCII | re.IGNORECASE)

Write = Callable[[memoryview], None]


class NotGiven(Exception):
    """A neighbour did not give what was asked for."""

    def __init__(self, why: Failure, words: str) -> None:
        """Say why, for the schedule and for people."""
        super().__init__(words)
        self.why = why


@dataclass(frozen=True, slots=True)
class Wanted:
    """Bytes of a file, and what takes them."""

    target: str
    start: int
    end: int
    write: Write


class Client:
    """Asks all neighbours of a site. The clock gives Unix time."""

    def __init__(
        self, secret: str, *, clock: Callable[[], float] = time.time, stall_seconds: float = STALL_SECONDS
    ) -> None:
        """Keep what was given; connections are made when they are needed."""
        self._stall_seconds = stall_seconds
        self._secret = secret
        self._clock = clock
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="neighbour")
        self._connections: dict[str, Connections] = {}

    def link(self, address: str, place: Place) -> "Link":
        """Begin to ask a neighbour about a version."""
        return Link(address, place, sign=self._sign)

    async def fetch(self, address: str, wanted: list[Wanted]) -> list[int | None]:
        """Fetch bytes one after the other; what the neighbour says is the CRC32C of each, where it says it.

        `NotGiven` where the neighbour does not give all of them in time.
        """
        connections = self._at(address)
        connection = connections.take()
        try:
            if connection is None:
                connection = await in_thread(partial(_connect, connections), executor=self._threads)
            call = partial(self._receive, connection, wanted)
            stated = await in_thread(call, executor=self._threads, wake=connection.shut_down)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        connections.give_back(connection, asyncio.get_running_loop().call_later)
        return stated

    def close(self) -> None:
        """Let go of the connections that nobody uses, and of the threads."""
        self._threads.shutdown(wait=False)
        for connections in self._connections.values():
            connections.close()

    def _at(self, address: str) -> Connections:
        if address not in self._connections:
            self._connections[address] = Connections(
                f"http://{address}", connect_seconds=CONNECT_SECONDS, buffer_bytes=PIECE_BYTES
            )
        return self._connections[address]

    def _receive(self, connection: Connection, wanted: list[Wanted]) -> list[int | None]:
        """Blocking."""
        stated: list[int | None] = []
        seconds = self._stall_seconds + sum(one.end - one.start for one in wanted) / LEAST_BYTES_PER_SECOND
        until = time.monotonic() + seconds
        connection.sock.settimeout(self._stall_seconds)
        for one in wanted:
            ranged = f"bytes={one.start}-{one.end - 1}"
            headers = {"Range": ranged, "Authorization": self._sign(one.target, ranged)}
            try:
                connection.http.request("GET", one.target, headers=headers)
                with contextlib.closing(connection.http.getresponse()) as response:
                    stated.append(_take(connection, response, one, until=until))
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise NotGiven(Failure.BROKEN, f"it broke off: {cause(error)}") from error
            connection.is_used = True
        return stated

    def _sign(self, target: str, range_header: str) -> str:
        return signing.sign(self._secret, target, range_header, at=int(self._clock()))


class Link:
    """Questions to one neighbour about one version, over one connection."""

    def __init__(self, address: str, place: Place, *, sign: Callable[[str, str], str]) -> None:
        """Keep what was given."""
        self._address = address
        self._place = place
        self._sign = sign
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def word(self, *, after: int | None) -> Availability | None:
        """Ask which units are there; None where the neighbour does not take part. `NotGiven` where none comes."""
        try:
            async with asyncio.timeout(WORD_SECONDS):
                status, body = await self._ask(f"{self._place.target}{'' if after is None else f'?after={after}'}")
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError, ValueError) as error:
            self.close()
            raise NotGiven(Failure.BROKEN, cause(error)) from error
        match status:
            case 200:
                return _word(body)
            case 404:
                return None
            case _:
                self.close()
                raise NotGiven(Failure.BROKEN, body.decode(errors="replace")[:200].strip() or f"HTTP status {status}")

    def close(self) -> None:
        """Let go of the connection."""
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def _ask(self, target: str) -> tuple[int, bytes]:
        if self._streams is None:
            host, _, port = self._address.rpartition(":")
            self._streams = await asyncio.open_connection(host.strip("[]"), int(port), limit=MAX_WORD_BYTES)
        reader, writer = self._streams
        writer.write(f"GET {target} HTTP/1.1\r\nAuthorization: {self._sign(target, '')}\r\n\r\n".encode())
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not head.startswith(b"HTTP/1.1 ") or length is None or int(length[1]) > MAX_WORD_BYTES:
            raise ValueError("what answers is no exchange of model.manager")
        return int(head[9:12]), await reader.readexactly(int(length[1]))


def _connect(connections: Connections) -> Connection:
    try:
        return connections.connect()
    except OSError as error:
        raise NotGiven(Failure.BROKEN, f"it cannot be reached: {cause(error)}") from error


def _take(connection: Connection, response: http.client.HTTPResponse, one: Wanted, *, until: float) -> int | None:
    """Receive one answer whole; the CRC32C that it says."""
    if response.status != 206 or response.getheader("Content-Range") != f"bytes {one.start}-{one.end - 1}/*":
        why = {503: Failure.BUSY, 404: Failure.MISSING}.get(response.status, Failure.BROKEN)
        words = response.read(200).decode(errors="replace").strip()
        raise NotGiven(why, words or f"HTTP status {response.status}")
    crc = _crc(response.getheader(CRC_HEADER))
    left, view = one.end - one.start, memoryview(connection.buffer)
    while left:
        if time.monotonic() > until:
            raise NotGiven(Failure.BROKEN, "it is slower than a line to the bucket")
        count = response.readinto(view[:left])
        if not count:
            raise NotGiven(Failure.BROKEN, f"its answer ended {left} bytes early")
        one.write(view[:count])
        left -= count
    response.read()
    return crc


def _crc(stated: str | None) -> int | None:
    if stated is not None and not _CRC.fullmatch(stated):
        raise NotGiven(Failure.BROKEN, "the CRC32C that it says cannot be read")
    return None if stated is None else int(stated, 16)


def _word(body: bytes) -> Availability:
    if problem := cost.problem(body, most_bytes=MAX_WORD_BYTES, most_values=16):
        raise NotGiven(Failure.BROKEN, f"its word is {problem}")
    with contextlib.suppress(ValueError, TypeError, KeyError):
        said = json.loads(body)
        has, coming, count = str(said["has"]), str(said["coming"]), said["bytes"]
        if _HEX.fullmatch(has) and _HEX.fullmatch(coming) and isinstance(count, int):
            return Availability(int(has, 16), int(coming, 16), count)
    raise NotGiven(Failure.BROKEN, "its word cannot be read")
