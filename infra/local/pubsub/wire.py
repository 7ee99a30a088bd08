"""Topics, messages and acknowledgements: Google's types to the broker's values and back.

What Pub/Sub would not take is refused here. Limits are those of Google's documentation; the sentences are near the
real service's.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message as Proto
from google.pubsub_v1 import types

from infra.local.pubsub.backlog import Delivery
from infra.local.pubsub.errors import InvalidArgument, Unsupported
from infra.local.pubsub.names import SubscriptionName, topic_name
from infra.local.pubsub.resources import Draft, Subscription, Topic

MAX_REQUEST_BYTES = 10_000_000


def read_drafts(request: types.PublishRequest) -> list[Draft]:
    """Accept what a publisher sends."""
    raw = types.PublishRequest.pb(request)
    if not raw.messages:
        raise InvalidArgument("No messages to publish")
    if len(raw.messages) > 1000:
        raise InvalidArgument("Too many messages to publish")
    if raw.ByteSize() > MAX_REQUEST_BYTES:
        raise InvalidArgument(f"The request is too large: {raw.ByteSize()} bytes, the maximum is {MAX_REQUEST_BYTES}.")
    return [_read_draft(message) for message in raw.messages]


def read_topic(request: types.Topic) -> Topic:
    """Accept a new topic."""
    name = topic_name(request.name)
    refuse_others(types.Topic.pb(request), {"name", "labels"})
    return Topic(name, dict(request.labels))


def read_ack_numbers(subscription: SubscriptionName, ack_ids: Iterable[str]) -> list[int]:
    """Find the deliveries that ack ids stand for."""
    return [_ack_number(subscription, ack_id) for ack_id in ack_ids]


def read_extension(seconds: int) -> int:
    """Accept the seconds that a deadline is moved to."""
    if not 0 <= seconds <= 600:
        raise InvalidArgument(f"The ack deadline must be between 0 and 600 seconds, not {seconds}.")
    return seconds


def refuse_others(raw: Proto, supported: set[str]) -> None:
    """Refuse a request that asks for what this server does not do."""
    ignored = {"state", "topic_message_retention_duration"}  # output only
    for field, _ in raw.ListFields():
        if field.name not in supported | ignored:
            raise Unsupported(f"The embedded Pub/Sub server does not do {field.name}; leave it unset.")


def write_topic(topic: Topic) -> types.Topic:
    """Show a topic."""
    return types.Topic(name=topic.name, labels=dict(topic.labels))


def write_delivery(delivery: Delivery, rules: Subscription) -> types.ReceivedMessage:
    """Show one delivery; as at Google, attempts are counted only where there is a dead-letter policy."""
    shown = types.ReceivedMessage()
    raw = types.ReceivedMessage.pb(shown)  # setting its fields through the wrapper takes most of the time of a flood
    raw.ack_id = f"{rules.name}:{delivery.number}"
    raw.delivery_attempt = delivery.attempt if rules.dead_letter else 0
    message, draft = raw.message, delivery.message.draft
    message.data = draft.data
    message.attributes.update(draft.attributes)
    message.message_id = delivery.message.id
    message.publish_time.FromDatetime(datetime.fromtimestamp(delivery.message.published, UTC))
    message.ordering_key = draft.ordering_key
    return shown


def _read_draft(message: Any) -> Draft:
    attributes = dict(message.attributes)
    if not message.data and not attributes:
        raise InvalidArgument("Some messages are empty")
    if len(attributes) > 100:
        raise InvalidArgument(f"A message has {len(attributes)} attributes, the maximum is 100.")
    for key, value in attributes.items():
        _check_attribute(key, value)
    return Draft(message.data, attributes, message.ordering_key)


def _check_attribute(key: str, value: str) -> None:
    if not key or len(key.encode()) > 256 or key.startswith("goog"):
        raise InvalidArgument(f"An attribute key has 1 to 256 bytes and does not start with goog (key={key[:300]}).")
    if len(value.encode()) > 1024:
        raise InvalidArgument(f"The value of an attribute has at most 1024 bytes (key={key}).")


def _ack_number(subscription: SubscriptionName, ack_id: str) -> int:
    owner, _, number = ack_id.rpartition(":")
    if owner != subscription or not (number.isascii() and number.isdecimal()):
        raise InvalidArgument(f"Invalid ack id (ack_id={ack_id})")
    return int(number)
