"""This node's subscription at Pub/Sub: made where it is missing, replaced where it cannot work any more.

It is the node's alone: every node hears everything. It expires by itself when the node does not come back.
"""

from dataclasses import dataclass
from enum import Enum, auto

from google.api_core.exceptions import NotFound, PermissionDenied
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import types
from google.pubsub_v1.services.subscriber import SubscriberAsyncClient

from events.resources import are_same
from events.subscription import ACK_SECONDS, DELETED_TOPIC, RETENTION_SECONDS, RETRY_SECONDS, filter_of, is_outdated
from service import logs
from service.causes import cause
from service.errors import Transient

log = logs.get("puller.registration")

CALL_SECONDS = 10.0
DAY = 86400
BOOTSTRAP = "`model-manager bootstrap --node NODE` does"


@dataclass(frozen=True, slots=True)
class Names:
    """Which subscription, of which topic, for which objects; it expires after `days` without use.

    `topic_path` and `path` are as Pub/Sub names topic and subscription; they may be in two projects. `emulator` is what
    `PUBSUB_EMULATOR_HOST` says, empty for the real Pub/Sub.
    """

    topic_path: str
    path: str
    prefix: str
    days: int
    emulator: str = ""


class Registered(Enum):
    """What became of the subscription."""

    THERE = auto()
    MADE = auto()
    UNSEEN = auto()  # this account may not look; only the stream can tell


async def ensure(client: SubscriberAsyncClient, names: Names) -> Registered:
    """Make the subscription where it is missing or useless, as far as this account may look."""
    try:
        found = await client.get_subscription(subscription=names.path, timeout=CALL_SECONDS, retry=None)
    except PermissionDenied:
        return Registered.UNSEEN  # a role that may receive and not look is enough; the stream tells whether it may
    except NotFound:
        await _make(client, names)
        return Registered.MADE
    if found.topic != DELETED_TOPIC and not are_same(found.topic, names.topic_path):
        raise Transient(
            f"subscription {names.path} belongs to {found.topic}, not to {names.topic_path}: "
            "correct MM_TOPIC, or choose another name with MM_SUBSCRIPTION"
        )
    if found.topic == DELETED_TOPIC or is_outdated(found.filter, names.prefix):
        await _drop(client, names)
        await _make(client, names)
        log.info("subscription replaced", subscription=names.path, topic=found.topic)
        return Registered.MADE
    return Registered.THERE


async def _drop(client: SubscriberAsyncClient, names: Names) -> None:
    try:
        await client.delete_subscription(subscription=names.path, timeout=CALL_SECONDS, retry=None)
    except PermissionDenied as error:
        raise Transient(
            f"subscription {names.path} has another filter, or its topic was deleted, and this account may not replace "
            f"it: {cause(error)}; {BOOTSTRAP}"
        ) from error


async def _make(client: SubscriberAsyncClient, names: Names) -> None:
    low, high = RETRY_SECONDS
    wanted = types.Subscription(
        name=names.path,
        topic=names.topic_path,
        ack_deadline_seconds=ACK_SECONDS,
        filter=filter_of(names.prefix),
        message_retention_duration=Duration(seconds=RETENTION_SECONDS),
        expiration_policy=types.ExpirationPolicy(ttl=Duration(seconds=names.days * DAY)),
        retry_policy=types.RetryPolicy(minimum_backoff=Duration(seconds=low), maximum_backoff=Duration(seconds=high)),
    )
    try:
        await client.create_subscription(request=wanted, timeout=CALL_SECONDS, retry=None)
    except NotFound as error:
        raise Transient(
            f"topic {names.topic_path} does not exist: create it with the bucket's notifications, or "
            "correct MM_TOPIC and MM_PROJECT"
        ) from error
    except PermissionDenied as error:
        raise Transient(
            f"subscription {names.path} does not exist, and this account may not make it: {cause(error)}; {BOOTSTRAP}"
        ) from error
    log.info("subscription made", subscription=names.path, topic=names.topic_path)
