"""Events on the wire: CloudEvents 1.0 in JSON, which say who speaks and when."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from events import bounds, wording
from events.bounds import AtMost
from events.messages import ALL, Event, VersionEvent
from events.names import NodeName

CONTENT_TYPE = "application/cloudevents+json"
TYPE_PREFIX = "mm.v1."
MAX_MESSAGE_BYTES = bounds.EVENT.max_bytes
_BY_TYPE = {event.type: event for event in ALL}


class BadMessage(ValueError):
    """A message that cannot be read."""


class Source(BaseModel):
    """Who speaks."""

    model_config = ConfigDict(defer_build=True, frozen=True)
    node: NodeName
    service: str


class Envelope(BaseModel):
    """A CloudEvent around one of our events."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    data: Annotated[dict[str, object], AtMost(bounds.MAX_FIELDS)]


def render(event: Event, *, source: Source, event_id: str, time: datetime) -> bytes:
    """Write an event as a CloudEvent."""
    subject = f"{event.model}/{event.version}" if isinstance(event, VersionEvent) else None
    return (
        Envelope(
            id=event_id,
            source=f"/nodes/{source.node}/{source.service}",
            type=f"{TYPE_PREFIX}{event.type}",
            subject=subject,
            time=time,
            data=event.model_dump(mode="json"),
        )
        .model_dump_json(exclude_none=True)
        .encode()
    )


def parse(data: bytes) -> tuple[Envelope, Event]:
    """Read a CloudEvent of ours; `BadMessage` says what is wrong with it."""
    if problem := bounds.EVENT.problem(data):
        raise BadMessage(f"the message is {problem}")
    try:
        envelope = Envelope.model_validate_json(data)
        kind = _BY_TYPE.get(envelope.type.removeprefix(TYPE_PREFIX))
        if kind is None:
            raise BadMessage(f"unknown event type {envelope.type[:80]!a}")
        return envelope, kind.model_validate(envelope.data, strict=False)
    except ValidationError as error:
        raise BadMessage(f"not an event of ours: {wording.problems(error)}") from error
