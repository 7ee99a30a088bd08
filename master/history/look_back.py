"""A stream, read backwards: so much work a request, the newest first, and what was not looked at is said.

JetStream reads forwards alone. A window before the end is read, then a wider one before that. How many messages a
window holds is known before it is read, so none is begun that is more than what is left of the work; one whose bytes
turn out to be too many is cut and read again.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from service.bus import REPLY_SECONDS

WINDOW = 500  # sequences looked at first; eight times as many each further time
WIDER = 8
PULLED_AT_ONCE = 500
PULL_BYTES = 1024 * 1024  # in one pull; a message that is bigger comes alone
MOST_MESSAGES = 20_000  # looked at for one request: about a second
MOST_BYTES = 64 * 1024**2
LEAST_MESSAGES = 100  # with less left no further window is begun
TOO_BIG = "409"  # the next message does not fit into what is left of the bytes that were asked for
IDLE_SECONDS = 2.0  # the server forgets a consumer that asks nothing for so long

T = TypeVar("T")


@dataclass(slots=True)
class Work:
    """What one request may still look at."""

    messages: int = MOST_MESSAGES
    bytes: int = MOST_BYTES

    @property
    def is_done(self) -> bool:
        """Whether too little is left for a further window."""
        return self.messages < LEAST_MESSAGES or self.bytes <= 0


@dataclass(frozen=True, slots=True)
class Which(Generic[T]):
    """What is read: the stream, the subjects in it, and how a message becomes what is wanted, or nothing."""

    stream: str
    subjects: tuple[str, ...]
    take: Callable[[Msg], T | None]


@dataclass(frozen=True, slots=True)
class Span(Generic[T]):
    """What was found, oldest first; sequences from `start` on were looked at, the first message is of `oldest`."""

    found: tuple[T, ...]
    start: int
    is_whole: bool  # nothing older is left
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class _Consumer:
    name: str
    pending: int


@dataclass(frozen=True, slots=True)
class _Window:
    start: int
    end: int
    count: int
    most_bytes: int


@dataclass(slots=True)
class _Read(Generic[T]):
    found: list[T]
    messages: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    is_cut: bool = False


async def look_back(client: Client, which: Which[T], *, before: int | None, enough: int, work: Work) -> Span[T]:
    """Read backwards from before a sequence (none: from the end) until enough was found, or the work is done."""
    stream = client.jetstream(timeout=REPLY_SECONDS)
    state = (await stream.stream_info(which.stream)).state
    first, end = max(state.first_seq, 1), min(before or state.last_seq + 1, state.last_seq + 1)
    beyond = (await _consume(stream, which, end)).pending if end <= state.last_seq else 0
    found: list[T] = []
    width, oldest = max(WINDOW, min(enough, work.messages)), None
    while end > first and len(found) < enough and not work.is_done:
        start = max(first, end - width)
        consumer = await _consume(stream, which, start)
        count = max(0, consumer.pending - beyond)
        if count > work.messages and end - start > 1:
            width = max(1, (end - start) * work.messages // count)
            continue
        window = _Window(start, end, count, most_bytes=max(1, work.bytes // 2) if end - start > 1 else MOST_BYTES)
        read = await _read(client, which, consumer, window=window)
        work.bytes -= read.bytes
        if read.is_cut:
            width = max(1, (end - start) // WIDER)
            continue
        work.messages -= read.messages
        found[:0] = read.found
        oldest = read.oldest or oldest
        end, beyond, width = start, consumer.pending, width * WIDER
    return Span(tuple(found), end, is_whole=end <= first, oldest=oldest)


async def _consume(stream: JetStreamContext, which: Which[T], start: int) -> _Consumer:
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=start,
        ack_policy=AckPolicy.NONE,
        inactive_threshold=IDLE_SECONDS,
        mem_storage=True,
        filter_subject=which.subjects[0] if len(which.subjects) == 1 else None,
        filter_subjects=list(which.subjects) if len(which.subjects) > 1 else None,
    )
    info = await stream.add_consumer(which.stream, config)
    return _Consumer(info.name, info.num_pending or 0)


async def _read(client: Client, which: Which[T], consumer: _Consumer, *, window: _Window) -> _Read[T]:
    read: _Read[T] = _Read([])
    async for message in _pull(client, which.stream, consumer.name, count=window.count):
        metadata = message.metadata
        if metadata.sequence.stream >= window.end:
            break
        read.messages += 1
        read.bytes += len(message.data)
        if read.bytes > window.most_bytes:
            read.is_cut = True
            break
        read.oldest = read.oldest or metadata.timestamp
        if (taken := which.take(message)) is not None:
            read.found.append(taken)
    return read


async def _pull(client: Client, stream: str, consumer: str, *, count: int) -> AsyncIterator[Msg]:
    """Pull so many messages, by bytes, so that it does not matter how big each is."""
    inbox, subject = client.new_inbox(), f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
    came: list[Msg] = []
    status, wanted, turn, enough = "", 0, "", asyncio.Event()

    async def take(message: Msg) -> None:  # much cheaper than to wait for each
        nonlocal status
        said = (message.headers or {}).get("Status", "")
        if not said:
            came.append(message)
        elif message.subject == turn:  # the server's word about this pull, and not about one before
            status = said
        if status or len(came) >= wanted:
            enough.set()

    subscription = await client.subscribe(f"{inbox}.*", cb=take)
    left, most_bytes = count, PULL_BYTES
    try:
        while left > 0:
            wanted, turn, status = min(left, PULLED_AT_ONCE) if most_bytes else 1, f"{inbox}.{left}", ""
            await client.publish(subject, _request(wanted, most_bytes), reply=turn)
            async with asyncio.timeout(REPLY_SECONDS):
                await enough.wait()
            for message in came:
                yield message
            left -= len(came)
            if status and status != TOO_BIG:
                return
            most_bytes = PULL_BYTES if came else 0  # one that is bigger comes alone
            came.clear()
            enough.clear()
    finally:
        await subscription.unsubscribe()


def _request(batch: int, most_bytes: int) -> bytes:
    bound = {"max_bytes": most_bytes} if most_bytes else {}
    return json.dumps({"batch": batch, "expires": int(REPLY_SECONDS * 1e9), **bound}).encode()
