"""The official Pub/Sub clients, connected to a server under contract, and what that server is known not to do.

What Google's emulator does not do stands in `Differences`, so that a test says what each server does instead of
asking less of both.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

import grpc
from google.api_core.exceptions import DeadlineExceeded
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from infra.local.child import Child
from infra.local.pubsub.remote import Remote

PROJECT = "contract"
_UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# A pull that its client gives up may still take a message, which is then away for its deadline, and a lost stream's for
# another one: 10 s each at least.
PATIENCE_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class Differences:
    """What a server does beyond storing and delivering; the real service does all of it."""

    applies_filters: bool = True
    checks_filters: bool = True
    checks_attributes: bool = True
    checks_expiration: bool = True
    updates_labels: bool = True
    limits_streams: bool = True
    """Obeys the flow control of a stream."""
    not_found: str = r"Resource not found \(resource=none\)\."
    already_exists: str = r"Resource already exists in the project \(resource=.*\)\."


AS_GOOGLE = Differences()
AS_GOOGLES_EMULATOR = Differences(
    applies_filters=False,
    checks_filters=False,
    checks_attributes=False,
    checks_expiration=False,
    updates_labels=False,
    limits_streams=False,
    not_found="not found|does not exist",
    already_exists="already exists",
)


@dataclass(frozen=True, slots=True)
class Backend:
    """A running server and the official clients, connected to it."""

    address: str
    differences: Differences
    publisher: PublisherClient
    subscriber: SubscriberClient

    def topic(self) -> str:
        """Make a topic that no other test knows."""
        name = f"projects/{PROJECT}/topics/t-{uuid4().hex}"
        self.publisher.create_topic(name=name)
        return name

    def subscription(self, topic: str, **settings: object) -> str:
        """Make a subscription that no other test knows."""
        name = f"projects/{PROJECT}/subscriptions/s-{uuid4().hex}"
        self.subscriber.create_subscription({"name": name, "topic": topic, **settings})
        return name

    def publish(self, topic: str, *texts: str, **attributes: str) -> list[str]:
        """Publish one message after the other; give their ids."""
        return [self.publisher.publish(topic, text.encode(), **attributes).result(PATIENCE_SECONDS) for text in texts]

    def pull(self, subscription: str, count: int) -> list[types.ReceivedMessage]:
        """Pull until there are so many messages, or patience ends."""
        got: list[types.ReceivedMessage] = []
        end = time.monotonic() + PATIENCE_SECONDS
        while len(got) < count and time.monotonic() < end:
            got += self.pull_now(subscription, max_messages=count - len(got), seconds=2)
        return got

    def pull_now(
        self, subscription: str, *, max_messages: int = 10, seconds: float = 0.5
    ) -> list[types.ReceivedMessage]:
        """Pull once; give what comes within a short time, which may be nothing."""
        try:
            request = {"subscription": subscription, "max_messages": max_messages}
            return list(self.subscriber.pull(request, timeout=seconds, retry=None).received_messages)
        except DeadlineExceeded:
            return []


@dataclass(frozen=True, slots=True)
class Embedded:
    """An embedded server of a test's own: its clients, its remote control, its process."""

    backend: Backend
    remote: Remote
    child: Child


def texts(messages: Sequence[types.ReceivedMessage]) -> list[str]:
    """Give the data of messages."""
    return [message.message.data.decode() for message in messages]


def eventually(condition: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"not within {PATIENCE_SECONDS:g} s: {what}"
        time.sleep(0.01)


@contextlib.contextmanager
def connected(address: str, differences: Differences) -> Iterator[Backend]:
    """Connect the official clients to a server without touching the environment."""
    with grpc.insecure_channel(address, _UNLIMITED) as out, grpc.insecure_channel(address, _UNLIMITED) as back:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=out))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=back))
        yield Backend(address, differences, publisher, subscriber)
        publisher.stop()
