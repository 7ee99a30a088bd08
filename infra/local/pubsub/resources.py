"""The values the broker works with: messages, topics, subscriptions and their policies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from infra.local.pubsub.filters import Filter
from infra.local.pubsub.names import SubscriptionName, TopicName


@dataclass(frozen=True)
class Draft:
    """What a publisher sends: a message that has neither id nor time yet."""

    data: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)
    ordering_key: str = ""

    @cached_property
    def size(self) -> int:
        """Count the bytes that flow control counts."""
        attributes = sum(len(key.encode()) + len(value.encode()) for key, value in self.attributes.items())
        return len(self.data) + len(self.ordering_key.encode()) + attributes


@dataclass(frozen=True, slots=True)
class Message:
    """A published message; `published` is in seconds since 1970."""

    id: str
    draft: Draft
    published: float


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic has a name and labels; its messages live in its subscriptions."""

    name: TopicName
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long a message waits after a failed delivery: twice as long each time, between two bounds."""

    minimum_seconds: float
    maximum_seconds: float

    def backoff(self, attempts: int) -> float:
        """Give the wait after this many deliveries."""
        # 2 ** 20 is past any bound: ten minutes is the most that Pub/Sub allows.
        return min(self.maximum_seconds, self.minimum_seconds * 2.0 ** min(attempts - 1, 20))


@dataclass(frozen=True, slots=True)
class DeadLetterPolicy:
    """Where a message goes after this many deliveries without an acknowledgement."""

    topic: TopicName
    max_attempts: int


@dataclass(frozen=True, slots=True)
class Subscription:
    """All settings of a subscription; `ttl_seconds` None means that it never expires."""

    name: SubscriptionName
    topic: TopicName
    ack_deadline_seconds: int = 10
    retention_seconds: float = 7 * 86_400.0
    ttl_seconds: float | None = 31 * 86_400.0
    retry: RetryPolicy | None = None
    dead_letter: DeadLetterPolicy | None = None
    filter: Filter | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
