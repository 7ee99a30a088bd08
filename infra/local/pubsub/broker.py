"""All topics and subscriptions, and what happens to them; the time is an argument of every call that depends on it.

Whoever waits for messages is told through `wake` when a subscription may have become worth another look. Streams are
named here so that a deleted subscription ends them, also when another of the same name is made at once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from infra.local.pubsub.backlog import Backlog, Claim, Delivery, Waiting
from infra.local.pubsub.errors import AlreadyExists, NotFound
from infra.local.pubsub.faults import FaultPlan, Faults
from infra.local.pubsub.names import DELETED_TOPIC, ProjectName, SubscriptionName, TopicName, project_id, short_name
from infra.local.pubsub.resources import Draft, Message, Subscription, Topic


@dataclass(slots=True)
class _Attached:
    rules: Subscription
    last_active: float
    backlog: Backlog = field(default_factory=Backlog)
    streams: set[str] = field(default_factory=set)

    def is_expired(self, *, now: float) -> bool:
        ttl = self.rules.ttl_seconds
        return ttl is not None and not self.streams and now >= self.last_active + ttl


def _nobody(_: SubscriptionName) -> None:
    """Wake nobody."""


class Broker:
    """The state behind the two services."""

    def __init__(
        self, faults: Faults, *, first_id: int = 1, wake: Callable[[SubscriptionName], None] = _nobody
    ) -> None:
        self.plan = FaultPlan(faults)
        self._wake = wake
        self._next_id = first_id
        self._topics: dict[TopicName, Topic] = {}
        self._attached: dict[SubscriptionName, _Attached] = {}

    def misbehave(self, faults: Faults) -> None:
        """Apply these faults to what is published from now on."""
        self.plan = FaultPlan(faults)

    def create_topic(self, topic: Topic) -> None:
        """Add a topic."""
        if topic.name in self._topics:
            raise _exists(topic.name)
        self._topics[topic.name] = topic

    def topic(self, name: TopicName) -> Topic:
        """Look a topic up."""
        if name not in self._topics:
            raise _not_found(name)
        return self._topics[name]

    def topics(self, project: ProjectName) -> list[Topic]:
        """List the topics of a project by name."""
        return [topic for name, topic in sorted(self._topics.items()) if name.startswith(f"{project}/")]

    def delete_topic(self, name: TopicName) -> None:
        """Remove a topic; its subscriptions stay, with what they hold, and get nothing more."""
        self.topic(name)
        del self._topics[name]
        for attached in self._attached.values():
            if attached.rules.topic == name:
                attached.rules = replace(attached.rules, topic=DELETED_TOPIC)

    def publish(self, topic: TopicName, drafts: Iterable[Draft], *, now: float) -> list[str]:
        """Bring messages into each subscription whose filter they match; give their ids."""
        self.topic(topic)
        self._expire(now)
        return [self._publish(topic, draft, now=now) for draft in drafts]

    def create_subscription(self, rules: Subscription, *, now: float) -> None:
        """Add a subscription; it gets what is published from now on."""
        self._expire(now)
        if rules.name in self._attached:
            raise _exists(rules.name)
        self.topic(rules.topic)
        if rules.dead_letter:
            self.topic(rules.dead_letter.topic)
        self._attached[rules.name] = _Attached(rules, now)

    def subscription(self, name: SubscriptionName, *, now: float) -> Subscription:
        """Look a subscription up; this alone does not keep it from expiring."""
        self._expire(now)
        return self._find(name).rules

    def subscriptions(self, project: ProjectName, *, now: float) -> list[Subscription]:
        """List the subscriptions of a project by name."""
        self._expire(now)
        return [one.rules for name, one in sorted(self._attached.items()) if name.startswith(f"{project}/")]

    def subscriptions_of(self, topic: TopicName, *, now: float) -> list[SubscriptionName]:
        """List the subscriptions of a topic by name."""
        self.topic(topic)
        self._expire(now)
        return sorted(name for name, one in self._attached.items() if one.rules.topic == topic)

    def update_subscription(self, rules: Subscription, *, now: float) -> None:
        """Replace the settings of a subscription; its messages stay."""
        attached = self._use(rules.name, now)
        if rules.dead_letter:
            self.topic(rules.dead_letter.topic)
        attached.rules = rules

    def delete_subscription(self, name: SubscriptionName, *, now: float) -> None:
        """Remove a subscription with its messages."""
        self._use(name, now)
        del self._attached[name]
        self._wake(name)

    def open_stream(self, name: SubscriptionName, stream: str, *, now: float) -> None:
        """Note that a subscriber is connected: its subscription does not expire."""
        self._use(name, now).streams.add(stream)

    def close_stream(self, name: SubscriptionName, stream: str, *, now: float) -> None:
        """Note that a subscriber is gone."""
        attached = self._attached.get(name)
        if attached and stream in attached.streams:
            attached.streams.remove(stream)
            attached.last_active = now

    def check_stream(self, name: SubscriptionName, stream: str) -> None:
        """Refuse if the subscription that this stream was opened on is gone."""
        if stream not in self._find(name).streams:
            raise _not_found(name)

    def take(self, name: SubscriptionName, claim: Claim, *, now: float) -> list[Delivery]:
        """Lease messages to a subscriber."""
        attached = self._use(name, now)
        return attached.backlog.take(claim, attached.rules, now=now)

    def acknowledge(self, name: SubscriptionName, numbers: Iterable[int], *, now: float) -> None:
        """Be done with deliveries."""
        self._use(name, now).backlog.acknowledge(numbers)
        self._wake(name)

    def extend(self, name: SubscriptionName, numbers: Iterable[int], *, seconds: float, now: float) -> None:
        """Give deliveries a new deadline from now; 0 seconds bring the message back at once."""
        attached = self._use(name, now)
        for number in numbers:
            attached.backlog.extend(number, now + seconds)
        self._settle(attached, now)
        self._wake(name)

    def next_change(self, name: SubscriptionName, *, now: float) -> float:
        """Give the next moment at which time alone makes a message deliverable; infinity if there is none."""
        return self._find(name).backlog.next_change(now=now)

    def _publish(self, topic: TopicName, draft: Draft, *, now: float) -> str:
        message = Message(self._new_id(), draft, now)
        for attached in self._attached.values():
            rules = attached.rules
            if rules.topic == topic and (rules.filter is None or rules.filter.matches(draft.attributes)):
                self._arrive(attached, message, now=now)
        return message.id

    def _arrive(self, attached: _Attached, message: Message, *, now: float) -> None:
        for copy, wait in enumerate(self.plan.arrivals(attached.rules.name)):
            arriving = replace(message, id=self._new_id()) if copy else message
            attached.backlog.add(arriving, now + wait)
        self._wake(attached.rules.name)

    def _new_id(self) -> str:
        self._next_id += 1
        return str(self._next_id - 1)

    def _find(self, name: SubscriptionName) -> _Attached:
        if name not in self._attached:
            raise _not_found(name)
        return self._attached[name]

    def _use(self, name: SubscriptionName, now: float) -> _Attached:
        self._expire(now)
        attached = self._find(name)
        attached.last_active = now
        self._settle(attached, now)
        return attached

    def _expire(self, now: float) -> None:
        for name in [name for name, attached in self._attached.items() if attached.is_expired(now=now)]:
            del self._attached[name]

    def _settle(self, attached: _Attached, now: float) -> None:
        for exhausted in attached.backlog.lapse(attached.rules, now=now):
            self._bury(attached, exhausted, now=now)

    def _bury(self, attached: _Attached, exhausted: Waiting, *, now: float) -> None:
        rules = attached.rules
        if rules.dead_letter is None or rules.dead_letter.topic not in self._topics:
            attached.backlog.add(exhausted.message, exhausted.due, attempts=exhausted.attempts)
            return
        draft = exhausted.message.draft
        source = {
            "CloudPubSubDeadLetterSourceDeliveryCount": str(exhausted.attempts),
            "CloudPubSubDeadLetterSourceSubscription": short_name(rules.name),
            "CloudPubSubDeadLetterSourceSubscriptionProject": project_id(rules.name),
        }
        self._publish(rules.dead_letter.topic, replace(draft, attributes={**draft.attributes, **source}), now=now)


def _not_found(name: str) -> NotFound:
    return NotFound(f"Resource not found (resource={short_name(name)}).")


def _exists(name: str) -> AlreadyExists:
    return AlreadyExists(f"Resource already exists in the project (resource={short_name(name)}).")
