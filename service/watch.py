"""A KV bucket, watched: its whole content at first, then each change, until the connection is lost."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import NoKeysError
from nats.js.kv import KV_DEL, KV_MARKER_REASON, KV_OP, KV_PURGE, KeyValue

from service import jetstream

TURN_SECONDS = 0.002  # a follower works for so long at a time, and then leaves half as long to others
PULLED_AT_ONCE = 64  # of up to 100 kB each, so at most 6 MB wait in memory
PULL_SECONDS = 30
PATIENCE_SECONDS = 2.0 * PULL_SECONDS  # a server that does not even end a request has forgotten it
REPLY_SECONDS = 5.0
PULL = json.dumps({"batch": PULLED_AT_ONCE, "expires": PULL_SECONDS * 1_000_000_000}).encode()


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as it is since `time`; `value` is None where it was deleted or has expired.

    `spoiled` says that the newest revision, which is `revision`, cannot be read, and which one `value` is of.
    """

    key: str
    value: bytes | None
    revision: int
    time: datetime
    spoiled: str = ""


Snapshot = Callable[[Mapping[str, Entry]], None]
Follow = Callable[[Entry | None], None]  # None: all that was there at first has been shown
Check = Callable[[bytes], str]  # what is wrong with a value; empty where nothing is


def anything(_value: bytes) -> str:
    """Take any value as it is."""
    return ""


def whole(show: Snapshot) -> Follow:
    """Show the whole content, deleted keys among it, at first and on every change, instead of single entries."""
    content: dict[str, Entry] = {}
    is_whole = False

    def follow(entry: Entry | None) -> None:
        nonlocal is_whole
        if entry is None:
            is_whole = True
        else:
            content[entry.key] = entry
        if is_whole:
            show(dict(content))

    return follow


async def heal(bucket: KeyValue, entry: Entry, check: Check) -> Entry:
    """Put the newest value that can be read in the place of one that cannot, and say so; NATS keeps earlier ones."""
    if entry.value is None or not (wrong := check(entry.value)):
        return entry
    found = f"revision {entry.revision} cannot be read ({wrong})"
    with contextlib.suppress(NoKeysError):
        for earlier in reversed(await bucket.history(entry.key)):
            value = None if earlier.operation in {KV_DEL, KV_PURGE} else earlier.value or b""
            if (earlier.revision or 0) < entry.revision and (value is None or not check(value)):
                return replace(entry, value=value, spoiled=f"{found}; revision {earlier.revision} holds")
    return replace(entry, spoiled=f"{found}, nor can any that NATS still has from before")


def watcher(
    client: Client, bucket: str, *, begin: Callable[[], Follow], seconds: float, check: Check = anything
) -> Callable[[], Awaitable[None]]:
    """Return a job that watches a small bucket, for so many seconds at most."""

    async def watch() -> None:
        follow = begin()
        kept = await jetstream.bucket(client.jetstream(timeout=REPLY_SECONDS), bucket)
        entries = await kept.watchall()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for found in entries:
                    if found is None:
                        follow(None)
                        continue
                    value = None if found.operation in {KV_DEL, KV_PURGE} else found.value or b""
                    entry = Entry(found.key, value, found.revision or 0, found.created or datetime.now(UTC))
                    follow(await heal(kept, entry, check))
        await entries.stop()  # type: ignore[no-untyped-call]  # nats-py leaves it unannotated

    return watch


def follower(
    client: Client, bucket: str, *, begin: Callable[[], Follow], check: Check = anything
) -> Callable[[], Awaitable[None]]:
    """Return a job that watches a bucket of any size.

    Entries are pulled, a few at a time: what is pushed comes faster than it can be dealt with, and the server cuts off,
    or the client drops, what does not fit. And what is done with them leaves time for all else the process does.
    """

    async def watch() -> None:
        stream = client.jetstream(timeout=REPLY_SECONDS)
        kept = await jetstream.bucket(stream, bucket)
        info = await stream.add_consumer(f"KV_{bucket}", _consumer(bucket))
        follow, is_whole, busy_seconds = begin(), not info.num_pending, 0.0
        if is_whole:
            follow(None)
        inbox = client.new_inbox()
        subscription = await client.subscribe(inbox)
        ask = partial(client.publish, f"$JS.API.CONSUMER.MSG.NEXT.KV_{bucket}.{info.name}", PULL, reply=inbox)
        try:
            async with asyncio.timeout(None) as limit:
                left = 0
                while True:
                    if not left:
                        limit.reschedule(asyncio.get_running_loop().time() + PATIENCE_SECONDS)
                        await ask()
                        left = PULLED_AT_ONCE
                    message = await anext(subscription.messages)
                    if "Status" in (message.headers or {}):  # the server's own word: the request has ended
                        left = 0
                        continue
                    left -= 1
                    entry = await heal(kept, _entry(message, bucket), check)
                    started = time.perf_counter()
                    follow(entry)
                    if not is_whole and not message.metadata.num_pending:
                        is_whole = True
                        follow(None)
                    busy_seconds += time.perf_counter() - started
                    if busy_seconds > TURN_SECONDS:
                        await asyncio.sleep(busy_seconds / 2)
                        busy_seconds = 0.0
        finally:
            await subscription.unsubscribe()

    return watch


def _consumer(bucket: str) -> ConsumerConfig:
    return ConsumerConfig(
        filter_subject=f"$KV.{bucket}.>",
        deliver_policy=DeliverPolicy.LAST_PER_SUBJECT,
        ack_policy=AckPolicy.NONE,
        mem_storage=True,
        inactive_threshold=2 * PULL_SECONDS,
    )


def _entry(message: Msg, bucket: str) -> Entry:
    headers = message.headers or {}
    is_gone = headers.get(KV_OP) in {KV_DEL, KV_PURGE} or KV_MARKER_REASON in headers
    metadata = message.metadata
    key = message.subject.removeprefix(f"$KV.{bucket}.")
    return Entry(key, None if is_gone else message.data, metadata.sequence.stream, metadata.timestamp)
