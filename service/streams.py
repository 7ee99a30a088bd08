"""The streams and buckets in JetStream as they have to be, and what of one that was made otherwise matters.

Nobody but whoever may change streams puts one right: `python -m infra.nats.streams`, with the admin's key.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf

from nats.js.api import DiscardPolicy, StreamConfig, StreamSource

from events import bounds, subjects
from events.cloudevents import MAX_MESSAGE_BYTES
from events.status import MAX_PRESENCE_BYTES, MAX_REPORT_BYTES

DAY_SECONDS = 86400.0
EVENT_DAYS = 30
EVENT_BYTES = 256 * 1024**2  # JetStream sets them aside at once, so a small server must have them
AUDIT_DAYS = 365
AUDIT_BYTES = 128 * 1024**2  # 200,000 changes and commands: 550 a day for a year
DESIRED_HISTORY = 32  # earlier documents of a model, for the audit
DUPLICATE_SECONDS = 120.0

CHANGE_BYTES = 64 * 1024  # who wrote a document and why, in the headers of the write
REQUEST_BYTES = 4 * 1024**2  # with what a change does on each of many nodes
MOST_BYTES = 8 * 1024**2  # as infra/nats has max_payload


def _kept(bucket: str, *, most_bytes: int, history: int = 1, seconds: float = 0.0) -> StreamConfig:
    """Describe a KV bucket; nobody may empty it by the header of a write."""
    return StreamConfig(
        name=f"KV_{bucket}",
        subjects=[f"$KV.{bucket}.>"],
        allow_rollup_hdrs=False,
        deny_delete=True,
        discard=DiscardPolicy.NEW,
        duplicate_window=min(seconds, DUPLICATE_SECONDS) or DUPLICATE_SECONDS,
        max_age=seconds,
        max_msg_size=most_bytes,
        max_msgs_per_subject=history,
    )


STREAMS: Mapping[str, StreamConfig] = {
    str(config.name): config
    for config in (
        StreamConfig(
            name=subjects.AUDIT_STREAM,
            subjects=[f"{subjects.AUDIT}.>"],
            discard=DiscardPolicy.OLD,
            max_age=AUDIT_DAYS * DAY_SECONDS,
            max_bytes=AUDIT_BYTES,
            max_msg_size=MAX_MESSAGE_BYTES,
            duplicate_window=DUPLICATE_SECONDS,
            deny_delete=True,
        ),
        StreamConfig(
            name=subjects.EVENT_STREAM,
            subjects=[f"{subjects.EVENTS}.>"],
            sources=[StreamSource(name=subjects.AUDIT_STREAM)],
            discard=DiscardPolicy.OLD,
            max_age=EVENT_DAYS * DAY_SECONDS,
            max_bytes=EVENT_BYTES,
            max_msg_size=MAX_MESSAGE_BYTES,
            duplicate_window=DUPLICATE_SECONDS,
        ),
        _kept(subjects.DESIRED_BUCKET, most_bytes=bounds.DESIRED.max_bytes + CHANGE_BYTES, history=DESIRED_HISTORY),
        _kept(subjects.STATUS_BUCKET, most_bytes=MAX_REPORT_BYTES),
        _kept(subjects.PRESENCE_BUCKET, most_bytes=MAX_PRESENCE_BYTES),
        _kept(subjects.REQUEST_BUCKET, most_bytes=REQUEST_BYTES, seconds=DAY_SECONDS),
    )
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a stream that is not as it has to be, and why that matters."""

    field: str
    found: object
    wanted: object
    why: str


_MATTERS: Mapping[str, str] = {
    "max_age": "what is in it goes by itself, or stays for ever",
    "max_msgs_per_subject": "earlier documents are the way back, and what is kept of each key",
    "max_msg_size": "one message may push all others out",
    "allow_rollup_hdrs": "one write can empty it",
    "subject_delete_marker_ttl": "it needs rollups, by which one write can empty it",
    "sources": "the history shows no changes",
}


_MORE_IS_WELL = frozenset({"max_age", "max_msgs_per_subject"})


def differences(found: StreamConfig) -> tuple[Difference, ...]:
    """Tell what matters of a stream and is otherwise than we make it; all else is an operator's choice."""
    wanted = STREAMS[str(found.name)]
    return tuple(
        Difference(field, getattr(found, field), getattr(wanted, field), why)
        for field, why in _MATTERS.items()
        if not _serves(field, getattr(found, field) or 0, getattr(wanted, field) or 0)
    )


def corrected(found: StreamConfig) -> StreamConfig:
    """Describe the stream with what matters put right."""
    wrong = {difference.field for difference in differences(found)}
    wanted = STREAMS[str(found.name)]
    return replace(
        found,
        **{field: getattr(wanted if field in wrong else found, field) for field in _MATTERS},
    )


def _serves(field: str, found: object, wanted: object) -> bool:
    """Tell whether what was found is as good as what is wanted; more of what is kept is, and less is not."""
    if field == "sources":
        return bool(found) or not wanted
    if field == "max_msg_size":
        return isinstance(found, int) and 0 < found <= MOST_BYTES
    if field in _MORE_IS_WELL and isinstance(found, int | float) and isinstance(wanted, int | float):
        return (found if found > 0 else inf) >= (wanted if wanted > 0 else inf)
    return found == wanted
