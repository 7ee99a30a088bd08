"""Server-sent events: one client's stream, which never holds more than one event, and always ends clearly.

Events are taken from the history only as fast as the client takes them. A client that takes nothing for a while is cut
off; one that comes back with Last-Event-ID loses nothing.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

from fastapi import Response
from starlette.types import Receive, Scope, Send

from master.answers import Entry
from master.api.limits import StreamSlots
from master.api.looks import until_gone
from master.fleet.views import BoardNews, Freshness
from service import logs, metrics

log = logs.get("master.api.stream")

MEDIA_TYPE = "text/event-stream"
HEARTBEAT_SECONDS = 5.0
LOOK_SECONDS = 0.5  # between looks whether NATS is away, or the client gone
TAKE_SECONDS = 30.0  # a client that takes nothing for so long is cut off
HELLO = b"retry: 2000\n\n"
HEARTBEAT = b": still here\n\n"
END = b'event: end\ndata: {"reason": "the master stops; come back with Last-Event-ID"}\n\n'


class Streams:
    """All streams of one master."""

    def __init__(self, places: StreamSlots) -> None:
        self.places = places
        self.is_ending = False

    async def run(self) -> None:
        """End all streams when this is cancelled, so that the server need not wait for their clients."""
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.is_ending = True


@dataclass(frozen=True, slots=True)
class Follower:
    """What one client follows."""

    caller: str
    entries: AsyncIterator[Entry] | AsyncIterator[BoardNews]
    freshness: Callable[[], Freshness]


class EventStream(Response):
    """The answer that goes on."""

    media_type = MEDIA_TYPE

    def __init__(self, follower: Follower, streams: Streams) -> None:
        super().__init__(headers={"X-Accel-Buffering": "no"})  # a proxy that holds events back would make them late
        del self.headers["content-length"]
        self._follower = follower
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        """Send until the client is gone, takes nothing, or the master stops."""
        with self._streams.places.one(self._follower.caller), metrics.API_STREAMS.track_inprogress():
            gone = asyncio.ensure_future(until_gone(receive))
            written = frames(self._follower, is_over=lambda: gone.done() or self._streams.is_ending)
            try:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async with contextlib.aclosing(written):
                    async for frame in written:
                        async with asyncio.timeout(TAKE_SECONDS):
                            await send({"type": "http.response.body", "body": frame, "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            except TimeoutError:
                log.warning("event stream cut off, its client takes nothing", caller=self._follower.caller)
            finally:
                gone.cancel()


async def frames(follower: Follower, *, is_over: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
    """Write what the client gets, a frame at a time; the last one says that it is the last."""
    clock = asyncio.get_running_loop().time
    coming: asyncio.Future[Entry | BoardNews] = asyncio.ensure_future(anext(follower.entries))
    was_stale, spoken = False, clock()
    yield HELLO
    try:
        while not is_over():
            await asyncio.wait({coming}, timeout=LOOK_SECONDS)
            frame = b""
            freshness = follower.freshness()
            if freshness.is_stale != was_stale:
                was_stale = freshness.is_stale
                frame = _frame(f"event: {'stale' if was_stale else 'fresh'}", freshness.model_dump_json())
            if coming.done():
                frame += _written(coming.result())
                coming = asyncio.ensure_future(anext(follower.entries))
            if not frame and clock() - spoken >= HEARTBEAT_SECONDS:
                frame = HEARTBEAT
            if frame:
                yield frame
                spoken = clock()
    except StopAsyncIteration:
        log.warning("history ended where it should go on", caller=follower.caller)
    finally:
        coming.cancel()
        await asyncio.wait({coming})
        if isinstance(follower.entries, AsyncGenerator):
            await follower.entries.aclose()
    yield END


def _written(told: Entry | BoardNews) -> bytes:
    match told:
        case Entry():
            return _frame(f"id: {told.sequence}", told.model_dump_json())
        case BoardNews():
            return _frame("event: board", told.model_dump_json())


def _frame(head: str, data: str) -> bytes:
    return f"{head}\ndata: {data}\n\n".encode()
