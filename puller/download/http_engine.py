"""Reads the bucket over HTTP with the standard library: threads, kept connections, one buffer each.

A buffer that is used again stays in the processor's cache and asks the kernel for no new pages, and both receiving and
writing release the interpreter's lock. That makes it two to three times as fast as a client whose pieces are objects of
their own (docs/decisions/0004). Signing in stays with Google's library, which knows every kind of account.
"""

import asyncio
import http.client
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Final, TypeVar
from urllib.parse import quote

from puller.bucket.access import THREADS, TIMEOUT_SECONDS, Access
from puller.bucket.connections import Connection, Connections
from puller.bucket.objects import RemoteFile
from puller.download.bandwidth import BURST_SECONDS
from puller.download.engine import PIECE_BYTES, Interrupted, Replaced, Write
from service.causes import cause
from service.disk_threads import in_thread
from service.errors import Transient

R = TypeVar("R")

BATCH_BYTES: Final = 8 * 1024 * 1024  # written before the event loop hears of it: the way there and back costs 0.1 ms
LEAST_BATCH_BYTES: Final = 64 * 1024
BATCH_SECONDS: Final = 0.25  # and no longer than this, so that silence is noticed and progress is smooth


class HttpEngine:
    """Reads a bucket. Under a limit on bytes per second it yields often, for the caller keeps the limit."""

    def __init__(self, bucket: str, access: Access, *, bytes_per_second: int | None = None) -> None:
        self._bucket = bucket
        self._access = access
        self._batch_bytes = _batch_bytes(bytes_per_second)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="range")

    async def stream(self, file: RemoteFile, *, start: int, end: int, write: Write) -> AsyncGenerator[int, None]:
        """Hand over a range of a generation; see `Engine`."""
        headers = await self._access.headers()
        answer = await self._ask(_Range(file, start, end, f"{file.object_name} in {self._bucket}"), headers, write)
        try:
            yield answer.copied
            while not answer.is_whole and (
                count := await self._run(answer.connection, partial(self._copy, answer, write))
            ):
                yield count
        finally:
            if answer.is_read:
                self._connections.give_back(answer.connection, asyncio.get_running_loop().call_later)
            else:
                answer.close()

    def close(self) -> None:
        """Close the connections that nobody uses, and end the threads."""
        self._threads.shutdown(wait=False)
        if "_connections" in self.__dict__:
            self._connections.close()

    async def _ask(self, asked: "_Range", headers: dict[str, str], write: Write) -> "_Answer":
        """Send the request and take the first bytes; where the server has closed a kept connection, on the next."""
        while True:
            connection = self._connections.take() or await self._connect(asked)
            try:
                return await self._run(connection, partial(self._begin, connection, asked, headers, write))
            except _Stale:
                connection.close()
            except BaseException:
                connection.close()
                raise

    async def _connect(self, asked: "_Range") -> Connection:
        is_given_up = threading.Event()

        def connect() -> Connection:
            connection = self._connections.connect()
            if is_given_up.is_set():
                connection.close()
            return connection

        try:
            return await self._access.run(connect)
        except asyncio.CancelledError:
            is_given_up.set()
            raise
        except (OSError, http.client.HTTPException) as error:
            raise Interrupted(f"{asked.place} cannot be read: {cause(error)}") from error

    async def _run(self, connection: Connection, call: Callable[[], R]) -> R:
        return await in_thread(call, executor=self._threads, wake=connection.shut_down)

    def _begin(self, connection: Connection, asked: "_Range", headers: dict[str, str], write: Write) -> "_Answer":
        answer = _Answer(connection, self._head(connection, asked, headers), asked)
        try:
            self._copy(answer, write)
        except BaseException:
            answer.close()
            raise
        return answer

    def _copy(self, answer: "_Answer", write: Write) -> int:
        return answer.copy(write, self._batch_bytes)

    def _head(self, connection: Connection, asked: "_Range", headers: dict[str, str]) -> http.client.HTTPResponse:
        path = f"/download/storage/v1/b/{quote(self._bucket, safe='')}/o/{quote(asked.file.object_name, safe='')}"
        query = f"alt=media&generation={asked.file.generation}"
        if self._access.billing_project:
            query += f"&userProject={quote(self._access.billing_project, safe='')}"
        range_header = {"Range": f"bytes={asked.start}-{asked.end - 1}"}
        try:
            connection.http.request("GET", f"{path}?{query}", headers={**headers, **range_header})
            response = connection.http.getresponse()
        except (OSError, http.client.HTTPException, ValueError) as error:
            if connection.is_used and isinstance(error, ConnectionError):
                raise _Stale from error
            raise Interrupted(f"{asked.place} cannot be read: {cause(error)}") from error
        if problem := asked.problem(response):
            response.close()
            raise problem
        return response

    @cached_property
    def _connections(self) -> Connections:
        return Connections(
            self._access.endpoint,
            connect_seconds=TIMEOUT_SECONDS[0],
            buffer_bytes=PIECE_BYTES,
            way=self._access.way,
        )


def _batch_bytes(bytes_per_second: int | None) -> int:
    """How much one request may bring at once, so that all of them bring no more than a burst."""
    if bytes_per_second is None:
        return BATCH_BYTES
    return min(BATCH_BYTES, max(LEAST_BATCH_BYTES, int(bytes_per_second * BURST_SECONDS / THREADS)))


class _Stale(Exception):
    """The server closed a kept connection before it answered."""


@dataclass(frozen=True, slots=True)
class _Range:
    """What is asked for."""

    file: RemoteFile
    start: int
    end: int
    place: str

    def problem(self, response: http.client.HTTPResponse) -> Transient | None:
        """What is wrong with the head of an answer."""
        match response.status:
            case 206 if response.getheader("Content-Range", "").startswith(f"bytes {self.start}-{self.end - 1}/"):
                return None
            case 404:
                return Replaced(self.file)
            case 401 | 403:
                return Transient(f"this account may not read {self.place}: HTTP status {response.status}")
            case status:
                words = f"HTTP status {status} instead of the range that was asked for"
                return Interrupted(f"{self.place} cannot be read: {words}")


@dataclass(slots=True)
class _Answer:
    """An answer whose head was right."""

    connection: Connection
    response: http.client.HTTPResponse
    asked: _Range
    copied: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all bytes that were asked for came."""
        return self.copied == self.asked.end - self.asked.start

    @property
    def is_read(self) -> bool:
        """Whether nothing of it is left in the connection, which then serves for the next request."""
        return self.response.isclosed() and not self.response.will_close

    def close(self) -> None:
        """Break it off."""
        self.response.close()
        self.connection.close()

    def copy(self, write: Write, batch_bytes: int) -> int:
        """Hand over the next bytes; how many, none at the end. Blocking."""
        began, before, view = time.monotonic(), self.copied, memoryview(self.connection.buffer)
        missing = self.asked.end - self.asked.start
        stop = min(missing, before + batch_bytes)
        while self.copied < stop:
            count = self._read(view[: stop - self.copied])
            if not count:
                break
            write(view[:count])
            self.copied += count
            if time.monotonic() - began > BATCH_SECONDS:
                break
        return self.copied - before

    def _read(self, view: memoryview) -> int:
        try:
            return self.response.readinto(view)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Interrupted(f"{self.asked.place} broke off: {cause(error)}") from error
