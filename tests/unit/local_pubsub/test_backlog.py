"""The messages of one subscription in virtual time: leases, deadlines, retries, retention, flow control."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from infra.local.pubsub.backlog import Claim, Delivery
from infra.local.pubsub.broker import Broker
from infra.local.pubsub.faults import Faults
from infra.local.pubsub.names import SubscriptionName, TopicName
from infra.local.pubsub.resources import Draft, RetryPolicy, Subscription, Topic

TOPIC = TopicName("projects/p/topics/uploads")
NODE_A = SubscriptionName("projects/p/subscriptions/node-a")
RULES = Subscription(NODE_A, TOPIC)


def broker_with(rules: Subscription, *, faults: Faults | None = None) -> Broker:
    broker = Broker(faults or Faults())
    broker.create_topic(Topic(TOPIC))
    broker.create_subscription(rules, now=0)
    return broker


def publish(broker: Broker, *texts: str, now: float = 0.0) -> None:
    broker.publish(TOPIC, [Draft(text.encode()) for text in texts], now=now)


def take(broker: Broker, now: float, **claim: float) -> list[Delivery]:
    return broker.take(NODE_A, Claim("me", 10, **claim), now=now)


def texts(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message.draft.data.decode() for delivery in deliveries]


def test_a_deadline_that_passes_brings_the_message_again() -> None:
    """A message is leased until its deadline and not a moment longer; acknowledged, it is gone for good."""
    broker = broker_with(RULES)
    publish(broker, "one")
    take(broker, 0)
    assert take(broker, 9.9) == []
    assert broker.next_change(NODE_A, now=9.9) == 10
    (again,) = take(broker, 10)
    assert (again.attempt, texts([again])) == (2, ["one"])
    broker.acknowledge(NODE_A, [again.number], now=11)
    assert take(broker, 1000) == []


def test_an_acknowledgement_after_the_deadline_is_too_late() -> None:
    """The ack id of a lease that has ended does nothing, so that the message comes again."""
    broker = broker_with(RULES)
    publish(broker, "one")
    (first,) = take(broker, 0)
    take(broker, 10)
    broker.acknowledge(NODE_A, [first.number], now=11)
    assert texts(take(broker, 20)) == ["one"]


def test_a_lease_can_be_extended_and_given_back() -> None:
    """A longer deadline holds the message back; a deadline of 0 returns it at once."""
    broker = broker_with(RULES)
    publish(broker, "one")
    (first,) = take(broker, 0)
    broker.extend(NODE_A, [first.number], seconds=60, now=9)
    assert take(broker, 68.9) == []
    (second,) = take(broker, 69)
    broker.extend(NODE_A, [second.number], seconds=0, now=70)
    assert texts(take(broker, 70)) == ["one"]


def test_a_retry_policy_doubles_the_wait_up_to_its_maximum() -> None:
    """After each failed delivery the message waits twice as long, within the bounds."""
    broker = broker_with(replace(RULES, retry=RetryPolicy(2, 10)))
    publish(broker, "one")
    now, waits = 0.0, []
    for _ in range(5):
        (delivery,) = take(broker, now)
        broker.extend(NODE_A, [delivery.number], seconds=0, now=now)
        later = broker.next_change(NODE_A, now=now)
        assert take(broker, later - 0.01) == []
        waits.append(later - now)
        now = later
    assert waits == [2, 4, 8, 10, 10]


def test_messages_older_than_the_retention_are_gone() -> None:
    """What nobody took within the retention time is never delivered."""
    broker = broker_with(replace(RULES, retention_seconds=600))
    publish(broker, "old", now=0)
    publish(broker, "new", now=300)
    assert texts(take(broker, 600)) == ["new"]


def test_flow_control_bounds_what_a_holder_has() -> None:
    """A holder of as many messages or bytes as it allows itself gets no more until it acknowledges."""
    broker = broker_with(RULES)
    publish(broker, "aaaa", "bbbb", "cccc", "dddd")
    first, second = take(broker, 0, max_messages=2)
    assert take(broker, 1, max_messages=2) == []
    assert broker.next_change(NODE_A, now=1) == 10
    broker.acknowledge(NODE_A, [first.number], now=2)
    assert texts(take(broker, 2, max_messages=2)) == ["cccc"]
    broker.acknowledge(NODE_A, [second.number], now=3)
    assert texts(take(broker, 3, max_bytes=5)) == ["dddd"]


def test_one_message_larger_than_the_flow_allows_still_travels() -> None:
    """A holder with nothing in hand gets the next message, however large it is."""
    broker = broker_with(RULES)
    publish(broker, "x" * 100, "y")
    assert len(take(broker, 0, max_bytes=10)) == 1


def test_one_answer_is_not_larger_than_a_client_takes() -> None:
    """Large messages come in several answers."""
    broker = broker_with(RULES)
    publish(broker, *["x" * 1_500_000] * 4)
    assert [len(take(broker, 0)) for _ in range(3)] == [2, 2, 0]


STEPS = st.lists(
    st.tuples(st.sampled_from(["publish", "ack", "nack", "wait"]), st.integers(0, 5), st.integers(1, 15)), max_size=40
)


@given(STEPS, st.integers(0, 2**16))
def test_nothing_is_lost_unless_it_is_dropped(steps: list[tuple[str, int, int]], seed: int) -> None:
    """Whatever is acknowledged, returned or left to its deadline, in the end each message has been delivered."""
    faults = Faults(duplicate=0.3, reorder=0.5, delay=0.3, seed=seed)
    broker = broker_with(replace(RULES, retry=RetryPolicy(1, 8)), faults=faults)
    now, published, seen = 0.0, set[str](), set[str]()
    for action, which, seconds in [*steps, ("wait", 0, 0)]:
        if action == "publish":
            published.add(f"{now}-{which}")
            publish(broker, f"{now}-{which}", now=now)
        held = take(broker, now, max_messages=which)
        seen.update(texts(held))
        if action == "ack":
            broker.acknowledge(NODE_A, [delivery.number for delivery in held], now=now)
        if action == "nack":
            broker.extend(NODE_A, [delivery.number for delivery in held], seconds=0, now=now)
        now += seconds
    for _ in range(30):
        rest = take(broker, now := now + 20)
        seen.update(texts(rest))
        broker.acknowledge(NODE_A, [delivery.number for delivery in rest], now=now)
    assert seen == published
    assert take(broker, now + 1000) == []
