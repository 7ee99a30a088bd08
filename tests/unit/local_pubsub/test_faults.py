"""Misbehaviour on demand: what each fault does, how often, and that it can be repeated."""

import pytest

from infra.local.pubsub.backlog import Claim
from infra.local.pubsub.broker import Broker
from infra.local.pubsub.control import read_faults
from infra.local.pubsub.errors import InvalidArgument
from infra.local.pubsub.faults import FaultPlan, Faults, Tally
from infra.local.pubsub.names import SubscriptionName, TopicName
from infra.local.pubsub.resources import Draft, Subscription, Topic

TOPIC = TopicName("projects/p/topics/uploads")
NODE = SubscriptionName("projects/p/subscriptions/node")
OTHER = SubscriptionName("projects/p/subscriptions/other")


def fates(faults: Faults, count: int = 1000) -> list[tuple[float, ...]]:
    plan = FaultPlan(faults)
    return [plan.arrivals(NODE) for _ in range(count)]


def test_without_faults_each_message_arrives_once_at_once() -> None:
    """The server behaves unless it is told otherwise."""
    assert set(fates(Faults())) == {(0.0,)}


def test_a_chance_of_one_is_certain() -> None:
    """Rates at their end leave nothing to the dice."""
    assert set(fates(Faults(drop=1))) == {()}
    assert set(fates(Faults(duplicate=1))) == {(0.0, 0.0)}
    assert all(0 < wait <= 5 for (wait,) in fates(Faults(delay=1)))
    assert all(0 < wait <= 0.5 for (wait,) in fates(Faults(reorder=1)))


def test_a_rate_is_about_that_often() -> None:
    """Of 1000 messages, about as many suffer as the rate says."""
    assert 250 < sum(fate == () for fate in fates(Faults(drop=0.3))) < 350


def test_the_same_seed_brings_the_same_faults() -> None:
    """A rehearsal can be repeated; another seed makes another one."""
    wild = Faults(duplicate=0.5, reorder=0.5, delay=0.5, drop=0.2, seed=1)
    assert fates(wild) == fates(wild)
    assert fates(wild) != fates(Faults(duplicate=0.5, reorder=0.5, delay=0.5, drop=0.2, seed=2))


def test_the_tally_says_what_was_done() -> None:
    """The counts add up to what the plan decided."""
    plan = FaultPlan(Faults(duplicate=0.5, drop=0.5, seed=3))
    arrivals = [plan.arrivals(NODE) for _ in range(100)]
    assert plan.tally == Tally(
        arrived=sum(len(copies) for copies in arrivals),
        duplicated=sum(len(copies) == 2 for copies in arrivals),
        dropped=sum(len(copies) == 0 for copies in arrivals),
    )


def test_one_subscription_can_suffer_alone() -> None:
    """A fault can befall one node while the others get everything."""
    plan = FaultPlan(Faults(drop=1, subscription=NODE))
    assert plan.arrivals(NODE) == ()
    assert plan.arrivals(OTHER) == (0.0,)


def broker_with(faults: Faults) -> Broker:
    broker = Broker(faults)
    broker.create_topic(Topic(TOPIC))
    broker.create_subscription(Subscription(NODE, TOPIC), now=0)
    return broker


def test_a_duplicate_has_a_message_id_of_its_own() -> None:
    """The copy carries the same data and time, and an id that no other message has."""
    broker = broker_with(Faults(duplicate=1))
    ids = broker.publish(TOPIC, [Draft(b"one"), Draft(b"two")], now=0)
    got = [delivery.message for delivery in broker.take(NODE, Claim("me", 10), now=0)]
    assert sorted(message.draft.data for message in got) == [b"one", b"one", b"two", b"two"]
    assert len({message.id for message in got}) == 4
    assert {message.id for message in got} > set(ids)


def test_reordered_messages_come_in_another_order_within_the_time() -> None:
    """Later messages overtake; after the time given all are there."""
    broker = broker_with(Faults(reorder=1, reorder_seconds=2))
    sent = [str(number).encode() for number in range(20)]
    broker.publish(TOPIC, [Draft(data) for data in sent], now=0)
    got = [delivery.message.draft.data for delivery in broker.take(NODE, Claim("me", 10), now=2)]
    assert sorted(got) == sorted(sent)
    assert got != sent


def test_new_faults_start_a_new_tally_and_leave_waiting_messages_alone() -> None:
    """Faults can change at any time; what was delayed before still comes when it was going to."""
    broker = broker_with(Faults(delay=1, delay_seconds=5))
    broker.publish(TOPIC, [Draft(b"late")], now=0)
    broker.misbehave(Faults())
    broker.publish(TOPIC, [Draft(b"now")], now=0)
    assert [delivery.message.draft.data for delivery in broker.take(NODE, Claim("me", 10), now=0)] == [b"now"]
    assert [delivery.message.draft.data for delivery in broker.take(NODE, Claim("me", 10), now=5)] == [b"late"]
    assert broker.plan.tally == Tally(arrived=1)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"drop": 1.5}, "drop is a chance between 0 and 1"),
        ({"duplicate": -0.1}, "duplicate is a chance"),
        ({"drop": float("nan")}, "drop is a chance"),
        ({"delay_seconds": -1}, "delay_seconds is a number of seconds"),
        ({"reorder_seconds": float("inf")}, "reorder_seconds is a number of seconds"),
        ({"lose": 0.5}, "lose is not a fault; there are duplicate, reorder, delay, drop"),
        ({"drop": "often"}, "drop is a number"),
        ({"drop": True}, "drop is a number"),
        ({"subscription": 7.0}, "subscription is the name of one"),
    ],
)
def test_faults_that_make_no_sense_are_refused(wrong: dict[str, object], reason: str) -> None:
    """A mistake in a rehearsal is told, not ignored."""
    with pytest.raises(InvalidArgument, match=reason):
        read_faults(wrong)


def test_faults_are_read_by_name() -> None:
    """What is left out has its default."""
    assert read_faults({"drop": 0.5, "seed": 7.0, "subscription": NODE}) == Faults(drop=0.5, seed=7, subscription=NODE)
    assert read_faults({}) == Faults()
