"""What is watched: the keys of a KV bucket as they are, and what holds where one of them cannot be read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from nats.js import JetStreamContext
from nats.js.kv import KV_DEL, KV_MARKER_REASON, KV_OP, KV_PURGE

from service import jetstream
from service.streams import STREAMS


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


@dataclass(frozen=True, slots=True)
class Watched:
    """A bucket, the consumer to watch it through, and what is done with what comes."""

    bucket: str
    consumer: str
    begin: Callable[[], Follow]
    check: Check = anything

    @property
    def stream(self) -> str:
        """The stream that holds the bucket."""
        return f"KV_{self.bucket}"

    @property
    def is_lasting(self) -> bool:
        """Whether a key stays until somebody deletes it."""
        return not STREAMS[self.stream].max_age


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


async def heal(stream: JetStreamContext, bucket: str, entry: Entry, check: Check) -> Entry:
    """Put the newest value that can be read in the place of one that cannot, and say so; NATS keeps earlier ones."""
    if entry.value is None or not (wrong := check(entry.value)):
        return entry
    found = f"revision {entry.revision} cannot be read ({wrong})"
    earlier = [one async for one in jetstream.revisions(stream, bucket, entry.key)]
    for one in reversed(earlier):
        value = None if is_gone(one.headers or {}) else one.data or b""
        if (one.seq or 0) < entry.revision and (value is None or not check(value)):
            return replace(entry, value=value, spoiled=f"{found}; revision {one.seq} holds")
    return replace(entry, spoiled=f"{found}, nor can any that NATS still has from before")


def is_gone(headers: Mapping[str, str]) -> bool:
    """Tell whether a message says that its key was deleted or has expired."""
    return headers.get(KV_OP) in {KV_DEL, KV_PURGE} or KV_MARKER_REASON in headers
