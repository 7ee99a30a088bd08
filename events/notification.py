"""A Cloud Storage notification, as Pub/Sub brings it, becomes a `Notification`: a hint to look at one model now.

Everything needed is in the attributes; the payload may be missing (`payloadFormat=NONE`). The same event may come as
several messages with different ids, so `key` names the event, not the message (Cloud Storage "Pub/Sub notifications").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from events.names import Ignored, ObjectPath, locate


class EventType(StrEnum):
    """Cloud Storage's event types that can concern us."""

    FINALIZE = "OBJECT_FINALIZE"
    DELETE = "OBJECT_DELETE"
    ARCHIVE = "OBJECT_ARCHIVE"
    METADATA_UPDATE = "OBJECT_METADATA_UPDATE"


@dataclass(frozen=True, slots=True)
class Notification:
    """One event of one object. `event_time` is Cloud Storage's own, absent where it could not be read."""

    event_type: EventType
    bucket: str
    object_name: str
    generation: int
    event_time: datetime | None

    @property
    def key(self) -> tuple[str, str, int, EventType]:
        """What makes two messages the same event."""
        return (self.bucket, self.object_name, self.generation, self.event_type)


@dataclass(frozen=True, slots=True)
class Unparseable:
    """A message that is no notification, and why."""

    reason: str


def parse(attributes: Mapping[str, str]) -> Notification | Unparseable:
    """Read a message's attributes."""
    missing = [name for name in ("eventType", "bucketId", "objectId", "objectGeneration") if not attributes.get(name)]
    if missing:
        return Unparseable(f"attribute missing: {', '.join(missing)}")
    try:
        event_type = EventType(attributes["eventType"])
    except ValueError:
        return Unparseable("unknown eventType")
    generation = attributes["objectGeneration"]
    if not (generation.isascii() and generation.isdigit() and len(generation) < 20):
        return Unparseable("objectGeneration is not a number")
    return Notification(
        event_type,
        attributes["bucketId"],
        attributes["objectId"],
        int(generation),
        _time(attributes.get("eventTime", "")),
    )


def concerns(notification: Notification, *, bucket: str, prefix: str) -> ObjectPath | Ignored:
    """Tell which version's file appeared, or why this notification asks for nothing.

    Only OBJECT_FINALIZE counts: a delete never removes a served version by itself, and the subscription's filter
    cannot be relied on (Google's emulator stores it and does not apply it).
    """
    if notification.bucket != bucket:
        return Ignored("other bucket")
    if notification.event_type is not EventType.FINALIZE:
        return Ignored("other event type")
    return locate(notification.object_name, prefix)


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
