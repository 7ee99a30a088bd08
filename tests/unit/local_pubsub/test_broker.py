"""The broker in virtual time: who gets what, when, and what becomes of what nobody acknowledges."""

from dataclasses import replace

import pytest

from infra.local.pubsub.backlog import Claim, Delivery
from infra.local.pubsub.broker import Broker
from infra.local.pubsub.errors import AlreadyExists, NotFound
from infra.local.pubsub.faults import Faults
from infra.local.pubsub.filters import parse_filter
from infra.local.pubsub.names import DELETED_TOPIC, ProjectName, SubscriptionName, TopicName
from infra.local.pubsub.resources import DeadLetterPolicy, Draft, RetryPolicy, Subscription, Topic

DAY = 86_400.0
TOPIC = TopicName("projects/p/topics/uploads")
DEAD = TopicName("projects/p/topics/dead")
NODE_A = SubscriptionName("projects/p/subscriptions/node-a")
NODE_B = SubscriptionName("projects/p/subscriptions/node-b")
RULES = Subscription(NODE_A, TOPIC)


def broker_with(*rules: Subscription) -> Broker:
    broker = Broker(Faults(), first_id=100)
    broker.create_topic(Topic(TOPIC))
    broker.create_topic(Topic(DEAD))
    for one in rules:
        broker.create_subscription(one, now=0)
    return broker


def publish(broker: Broker, *texts: str, now: float = 0.0) -> list[str]:
    return broker.publish(TOPIC, [Draft(text.encode()) for text in texts], now=now)


def take(broker: Broker, now: float, *, name: SubscriptionName = NODE_A) -> list[Delivery]:
    return broker.take(name, Claim("me", 10), now=now)


def texts(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message.draft.data.decode() for delivery in deliveries]


def test_each_subscription_gets_each_message_once() -> None:
    """Two nodes each get all messages, in order, with the ids and the time of the publication."""
    broker = broker_with(RULES, replace(RULES, name=NODE_B))
    ids = publish(broker, "one", "two", now=5)
    for name in (NODE_A, NODE_B):
        got = take(broker, 6, name=name)
        assert texts(got) == ["one", "two"]
        assert [delivery.message.id for delivery in got] == ids == ["100", "101"]
        assert {delivery.message.published for delivery in got} == {5}
        assert take(broker, 6, name=name) == []


def test_a_subscription_gets_nothing_published_before_it() -> None:
    """What was published earlier is not delivered."""
    broker = broker_with()
    publish(broker, "early")
    broker.create_subscription(RULES, now=0)
    assert take(broker, 1) == []


def test_a_filter_keeps_other_messages_out() -> None:
    """Only messages whose attributes match are delivered."""
    broker = broker_with(replace(RULES, filter=parse_filter('attributes.kind = "model"')))
    broker.publish(TOPIC, [Draft(b"yes", {"kind": "model"}), Draft(b"no", {"kind": "log"}), Draft(b"no")], now=0)
    assert texts(take(broker, 0)) == ["yes"]


def test_the_last_attempt_sends_a_message_to_the_dead_letter_topic() -> None:
    """After the allowed deliveries the message moves over, with its attributes and where it came from."""
    dead = replace(RULES, name=NODE_B, topic=DEAD)
    broker = broker_with(replace(RULES, dead_letter=DeadLetterPolicy(DEAD, 5)), dead)
    broker.publish(TOPIC, [Draft(b"bad", {"k": "v"})], now=0)
    for attempt in range(1, 6):
        (delivery,) = take(broker, 0)
        assert delivery.attempt == attempt
        broker.extend(NODE_A, [delivery.number], seconds=0, now=0)
    assert take(broker, 0) == []
    (buried,) = take(broker, 0, name=NODE_B)
    assert buried.message.draft.attributes == {
        "k": "v",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "node-a",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "p",
    }


def test_without_its_dead_letter_topic_a_message_stays() -> None:
    """A message is not lost because the topic for dead letters was deleted."""
    broker = broker_with(replace(RULES, dead_letter=DeadLetterPolicy(DEAD, 5)))
    publish(broker, "bad")
    broker.delete_topic(DEAD)
    for attempt in range(1, 8):
        (delivery,) = take(broker, 0)
        assert delivery.attempt == attempt
        broker.extend(NODE_A, [delivery.number], seconds=0, now=0)


def test_an_idle_subscription_expires() -> None:
    """A subscription that nobody used for its time to live is gone; looking at it does not keep it."""
    broker = broker_with(replace(RULES, ttl_seconds=DAY))
    take(broker, DAY / 2)
    assert broker.subscription(NODE_A, now=DAY * 1.5 - 1).name == NODE_A
    with pytest.raises(NotFound, match=r"Resource not found \(resource=node-a\)\."):
        broker.subscription(NODE_A, now=DAY * 1.5)
    assert broker.subscriptions(ProjectName("projects/p"), now=DAY * 1.5) == []


def test_a_subscription_without_a_time_to_live_never_expires() -> None:
    """No ttl means for ever."""
    broker = broker_with(replace(RULES, ttl_seconds=None))
    assert broker.subscription(NODE_A, now=DAY * 10_000).name == NODE_A


def test_an_open_stream_keeps_a_subscription() -> None:
    """A connected subscriber is activity; the time to live counts from when it leaves."""
    broker = broker_with(replace(RULES, ttl_seconds=DAY))
    broker.open_stream(NODE_A, "s", now=0)
    assert broker.subscription(NODE_A, now=5 * DAY).name == NODE_A
    broker.close_stream(NODE_A, "s", now=5 * DAY)
    assert broker.subscription(NODE_A, now=6 * DAY - 1).name == NODE_A
    with pytest.raises(NotFound):
        broker.subscription(NODE_A, now=6 * DAY)


def test_a_stream_ends_with_its_subscription_even_if_one_of_the_same_name_follows() -> None:
    """A stream belongs to the subscription that it was opened on."""
    broker = broker_with(RULES)
    broker.open_stream(NODE_A, "old", now=0)
    broker.check_stream(NODE_A, "old")
    broker.delete_subscription(NODE_A, now=1)
    broker.create_subscription(RULES, now=1)
    with pytest.raises(NotFound):
        broker.check_stream(NODE_A, "old")
    broker.close_stream(NODE_A, "old", now=2)


def test_subscriptions_outlive_their_topic_and_get_nothing_more() -> None:
    """After its topic is deleted a subscription hands out what it has; a new topic of the name does not feed it."""
    broker = broker_with(RULES)
    publish(broker, "before")
    broker.delete_topic(TOPIC)
    assert broker.subscription(NODE_A, now=0).topic == DELETED_TOPIC
    broker.create_topic(Topic(TOPIC))
    publish(broker, "after")
    assert texts(take(broker, 1)) == ["before"]
    assert broker.subscriptions_of(TOPIC, now=1) == []


def test_names_are_taken_once_and_must_exist() -> None:
    """A second topic or subscription of a name, and any use of a missing one, is refused in Google's words."""
    broker = broker_with(RULES)
    missing = TopicName("projects/p/topics/none")
    with pytest.raises(AlreadyExists, match=r"Resource already exists in the project \(resource=uploads\)\."):
        broker.create_topic(Topic(TOPIC))
    with pytest.raises(AlreadyExists):
        broker.create_subscription(RULES, now=0)
    with pytest.raises(NotFound, match=r"Resource not found \(resource=none\)\."):
        broker.publish(missing, [], now=0)
    with pytest.raises(NotFound):
        broker.create_subscription(replace(RULES, name=NODE_B, topic=missing), now=0)
    with pytest.raises(NotFound):
        broker.create_subscription(replace(RULES, name=NODE_B, dead_letter=DeadLetterPolicy(missing, 5)), now=0)
    with pytest.raises(NotFound):
        broker.take(NODE_B, Claim("me", 10), now=0)


def test_new_settings_apply_to_what_is_there() -> None:
    """An update changes how the messages that wait are delivered, and loses none."""
    broker = broker_with(RULES)
    publish(broker, "one")
    broker.update_subscription(replace(RULES, retry=RetryPolicy(5, 5)), now=0)
    (delivery,) = take(broker, 0)
    broker.extend(NODE_A, [delivery.number], seconds=0, now=1)
    assert broker.next_change(NODE_A, now=1) == 6


def test_whoever_waits_is_woken_by_what_may_concern_it() -> None:
    """Publishing, acknowledging, giving back and deleting each wake the subscription's waiters."""
    woken: list[str] = []
    broker = Broker(Faults(), wake=woken.append)
    broker.create_topic(Topic(TOPIC))
    broker.create_subscription(RULES, now=0)
    publish(broker, "one")
    (delivery,) = take(broker, 0)
    broker.extend(NODE_A, [delivery.number], seconds=0, now=0)
    broker.acknowledge(NODE_A, [delivery.number], now=0)
    broker.delete_subscription(NODE_A, now=0)
    assert woken == [NODE_A] * 4
