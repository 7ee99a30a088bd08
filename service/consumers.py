"""How a KV bucket is watched: its whole content at first, then each change, until the connection is lost.

A node's service has one consumer of a fixed name, which is all that its key may make; it ends the old one before it
makes the new one, so that neither renewals nor restarts leave any behind. Masters pull through consumers of their own.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.errors import NotFoundError

from service import jetstream, logs, watch
from service.jobs import Job
from service.tasks import end
from service.watch import Watched

log = logs.get("service.consumers")

TURN_SECONDS = 0.002  # a follower works for so long at a time, and then leaves half as long to others
PULLED_AT_ONCE = 64  # of up to 100 kB each, so at most 6 MB wait in memory
PULL_SECONDS = 30
PATIENCE_SECONDS = 2.0 * PULL_SECONDS  # a server that does not even end a request has forgotten it
REPLY_SECONDS = 5.0
UNUSED_SECONDS = 60.0  # a consumer that nobody reads goes after so long
BEAT_SECONDS = 10.0  # so often the server shows that a quiet consumer is there
SILENCE_SECONDS = 3 * BEAT_SECONDS
WATCH_SECONDS = 300.0  # a watch starts anew this often, whatever it seems to be
LOOK_SECONDS, FOLLOWERS_LOOK_SECONDS = 30.0, 5.0  # so often the bucket is compared with what was heard of it
PULL = json.dumps({"batch": PULLED_AT_ONCE, "expires": PULL_SECONDS * 1_000_000_000}).encode()
PULL_ENDED = {"404", "408"}
CONTROL = "100"

Attempt = Callable[[], Awaitable[None]]


class Interrupted(NatsError):
    """A watch has to begin anew; the message says why."""


@dataclass(slots=True)
class _Seen:
    """What a watch has heard."""

    keys: set[str] = field(default_factory=set)
    last: int = 0
    is_whole: bool = False


def watcher(client: Client, watched: Watched, job: Job, *, look_seconds: float = LOOK_SECONDS) -> Attempt:
    """Return an attempt to watch a small bucket, whose entries the server sends by itself."""

    async def attempt() -> None:
        seen = _Seen()
        compare = _compare(client, watched, job, seen, every_seconds=look_seconds)
        await _first(_read_pushed(client, watched, job, seen), compare, at_most_seconds=WATCH_SECONDS)

    return attempt


def follower(client: Client, watched: Watched, job: Job) -> Attempt:
    """Return an attempt to watch a bucket of any size.

    Entries are pulled, a few at a time: what is pushed comes faster than it can be dealt with, and the server cuts off,
    or the client drops, what does not fit. And what is done with them leaves time for all else the process does.
    """

    async def attempt() -> None:
        seen = _Seen()
        compare = _compare(client, watched, job, seen, every_seconds=FOLLOWERS_LOOK_SECONDS)
        await _first(_read_pulled(client, watched, job, seen), compare, at_most_seconds=None)

    return attempt


async def _first(*jobs: Coroutine[None, None, None], at_most_seconds: float | None) -> None:
    """Run jobs until the first of them ends, or for so long."""
    running = [asyncio.create_task(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(running, timeout=at_most_seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(running)
    for task in done:
        task.result()


async def _compare(client: Client, watched: Watched, job: Job, seen: _Seen, *, every_seconds: float) -> None:
    """Compare the bucket with what was heard of it; return where the watch has to begin anew.

    A key that is gone without a mark, by a limit of the stream or with the stream itself, is told by nothing else. Nor
    is a JetStream that has stopped: a watch of it is as quiet as one in which nothing happens.
    """
    while True:
        await asyncio.sleep(every_seconds)
        known, last = len(seen.keys), seen.last
        try:
            found = await jetstream.state(client, watched.stream, seconds=REPLY_SECONDS)
        except (NatsError, OSError, TimeoutError) as error:
            job.fail(jetstream.words(error))
            continue
        if seen.is_whole:
            job.succeed()
            if found.last < last or (watched.is_lasting and found.subjects < known):
                log.warning("a bucket lost keys that nobody deleted; it is read anew", bucket=watched.bucket)
                return


async def _read_pushed(client: Client, watched: Watched, job: Job, seen: _Seen) -> None:
    stream = client.jetstream(timeout=REPLY_SECONDS)
    await jetstream.bucket(stream, watched.bucket)
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    try:
        pushed = ConsumerConfig(deliver_subject=inbox, flow_control=True, idle_heartbeat=BEAT_SECONDS)
        take = _taker(stream, watched, seen, await _consume(stream, watched, pushed))
        job.succeed()
        taken = 0
        while True:
            try:
                message = await subscription.next_msg(SILENCE_SECONDS)
            except NatsTimeoutError as error:
                raise Interrupted("the server fell silent; the watch begins anew") from error
            headers = message.headers or {}
            if headers.get("Status") == CONTROL:
                if reply := message.reply or headers.get("Nats-Consumer-Stalled"):
                    await client.publish(reply, b"")
                if int(headers.get("Nats-Last-Consumer", taken)) > taken:
                    raise Interrupted("an entry was lost on its way; the watch begins anew")
                continue
            taken += 1
            if message.metadata.sequence.consumer != taken:
                raise Interrupted("an entry was lost on its way; the watch begins anew")
            await take(message)
    finally:
        await subscription.unsubscribe()


async def _read_pulled(client: Client, watched: Watched, job: Job, seen: _Seen) -> None:
    stream = client.jetstream(timeout=REPLY_SECONDS)
    await jetstream.bucket(stream, watched.bucket)
    take = _taker(stream, watched, seen, await _consume(stream, watched, ConsumerConfig()))
    job.succeed()
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    ask = partial(client.publish, f"$JS.API.CONSUMER.MSG.NEXT.{watched.stream}.{watched.consumer}", PULL, reply=inbox)
    left, busy_seconds = 0, 0.0
    try:
        async with asyncio.timeout(None) as limit:
            while True:
                if not left:
                    limit.reschedule(asyncio.get_running_loop().time() + PATIENCE_SECONDS)
                    await ask()
                    left = PULLED_AT_ONCE
                message = await anext(subscription.messages)
                if status := (message.headers or {}).get("Status"):  # the server's own word: the request has ended
                    if status not in PULL_ENDED:
                        raise Interrupted(f"the server ended the watch ({_said(message)}); it begins anew")
                    left = 0
                    continue
                left -= 1
                busy_seconds += await take(message)
                if busy_seconds > TURN_SECONDS:
                    await asyncio.sleep(busy_seconds / 2)
                    busy_seconds = 0.0
    finally:
        await subscription.unsubscribe()


async def _consume(stream: JetStreamContext, watched: Watched, config: ConsumerConfig) -> ConsumerInfo:
    """Make the consumer in the place of the one there may be."""
    with contextlib.suppress(NotFoundError):
        await stream.delete_consumer(watched.stream, watched.consumer)
    return await stream.add_consumer(
        watched.stream,
        replace(
            config,
            name=watched.consumer,
            filter_subject=f"$KV.{watched.bucket}.>",
            deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
            ack_policy=AckPolicy.NONE,
            mem_storage=True,
            inactive_threshold=UNUSED_SECONDS,
        ),
    )


def _taker(
    stream: JetStreamContext, watched: Watched, seen: _Seen, made: ConsumerInfo
) -> Callable[[Msg], Awaitable[float]]:
    """Begin to follow; return what takes a message, and tells how many seconds that took the follower."""
    follow = watched.begin()
    sent = made.delivered.consumer_seq if made.delivered else 0

    def note_whole() -> None:
        seen.is_whole = True
        follow(None)

    async def take(message: Msg) -> float:
        entry = await watch.heal(stream, watched.bucket, _entry(message, watched.bucket), watched.check)
        seen.keys.add(entry.key)
        seen.last = entry.revision
        started = time.perf_counter()
        follow(entry)
        if not seen.is_whole and not message.metadata.num_pending:
            note_whole()
        return time.perf_counter() - started

    if not (made.num_pending or sent):
        note_whole()
    return take


def _said(message: Msg) -> str:
    headers = message.headers or {}
    return headers.get("Description", "") or f"status {headers.get('Status')}"


def _entry(message: Msg, bucket: str) -> watch.Entry:
    metadata = message.metadata
    key = message.subject.removeprefix(f"$KV.{bucket}.")
    value = None if watch.is_gone(message.headers or {}) else message.data
    return watch.Entry(key, value, metadata.sequence.stream, metadata.timestamp)
