"""A KV bucket, watched: its whole content at first, then each change, until the connection is lost."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.js import JetStreamContext
from nats.js.kv import KV_DEL, KV_PURGE

from service import jetstream

Snapshot = Callable[[Mapping[str, bytes]], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as it is since `time`; `value` is None where it was deleted or has expired."""

    key: str
    value: bytes | None
    revision: int
    time: datetime


Follow = Callable[[Entry | None], None]  # None: all that was there at first has been shown


def whole(show: Snapshot) -> Follow:
    """Show the whole content, at first and on every change, instead of single entries."""
    content: dict[str, bytes] = {}
    is_whole = False

    def follow(entry: Entry | None) -> None:
        nonlocal is_whole
        if entry is None:
            is_whole = True
        elif entry.value is None:
            content.pop(entry.key, None)
        else:
            content[entry.key] = entry.value
        if is_whole:
            show(dict(content))

    return follow


def watcher(
    stream: JetStreamContext, bucket: str, *, begin: Callable[[], Follow], seconds: float | None
) -> Callable[[], Awaitable[None]]:
    """Return a job that watches a bucket, for so many seconds at most."""

    async def watch() -> None:
        follow = begin()
        entries = await (await jetstream.bucket(stream, bucket)).watchall()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for found in entries:
                    if found is None:
                        follow(None)
                        continue
                    value = None if found.operation in {KV_DEL, KV_PURGE} else found.value or b""
                    follow(Entry(found.key, value, found.revision or 0, found.created or datetime.now(UTC)))
        await entries.stop()  # type: ignore[no-untyped-call]  # nats-py leaves it unannotated

    return watch
