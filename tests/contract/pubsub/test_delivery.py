"""Publish, pull, acknowledge: what the official clients see of each message."""

import time
from datetime import timedelta

import pytest
from google.api_core.exceptions import InvalidArgument

from tests.support.pubsub import Backend, texts


def test_a_message_arrives_as_it_was_published(pubsub: Backend) -> None:
    """Data, attributes and the id that the publisher was given arrive, with the time of the publication."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    before = time.time()
    (message_id,) = pubsub.publish(topic, "Grüße", eventType="OBJECT_FINALIZE", objectId="models/m/1/a")
    (received,) = pubsub.pull(name, 1)
    message = received.message
    assert (message.message_id, message.data.decode()) == (message_id, "Grüße")
    assert dict(message.attributes) == {"eventType": "OBJECT_FINALIZE", "objectId": "models/m/1/a"}
    assert before - 1 <= message.publish_time.timestamp() <= time.time() + 1  # type: ignore[attr-defined]  # a datetime
    assert received.delivery_attempt == 0


def test_each_subscription_gets_each_message(pubsub: Backend) -> None:
    """Two nodes with a subscription each both get everything that was published after they subscribed."""
    topic = pubsub.topic()
    pubsub.publish(topic, "before")
    names = [pubsub.subscription(topic) for _ in range(2)]
    ids = pubsub.publish(topic, "one", "two", "three")
    assert len(set(ids)) == 3
    for name in names:
        assert sorted(texts(pubsub.pull(name, 3))) == ["one", "three", "two"]


def test_an_acknowledged_message_does_not_come_again(pubsub: Backend) -> None:
    """Of two messages, the one that is acknowledged is done and the one that is returned comes again."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "done", "again")
    got = {text: received.ack_id for received in pubsub.pull(name, 2) for text in texts([received])}
    pubsub.subscriber.acknowledge(subscription=name, ack_ids=[got["done"]])
    pubsub.subscriber.modify_ack_deadline(subscription=name, ack_ids=[got["again"]], ack_deadline_seconds=0)
    assert texts(pubsub.pull(name, 1)) == ["again"]
    assert pubsub.pull_now(name) == []


def test_a_message_whose_deadline_passes_comes_again_and_the_old_ack_id_is_void(pubsub: Backend) -> None:
    """An acknowledgement that comes after the deadline does not count."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "slow")
    (first,) = pubsub.pull(name, 1)
    pubsub.subscriber.modify_ack_deadline(subscription=name, ack_ids=[first.ack_id], ack_deadline_seconds=1)
    (second,) = pubsub.pull(name, 1)
    assert second.message.message_id == first.message.message_id
    assert second.ack_id != first.ack_id
    pubsub.subscriber.acknowledge(subscription=name, ack_ids=[first.ack_id])
    pubsub.subscriber.modify_ack_deadline(subscription=name, ack_ids=[second.ack_id], ack_deadline_seconds=0)
    assert texts(pubsub.pull(name, 1)) == ["slow"]


def test_a_retry_policy_does_not_lose_the_message(pubsub: Backend) -> None:
    """With a backoff, a message that is returned comes again, later."""
    topic = pubsub.topic()
    backoff = timedelta(seconds=1)
    name = pubsub.subscription(topic, retry_policy={"minimum_backoff": backoff, "maximum_backoff": backoff})
    pubsub.publish(topic, "again")
    for _ in range(2):
        (received,) = pubsub.pull(name, 1)
        pubsub.subscriber.modify_ack_deadline(subscription=name, ack_ids=[received.ack_id], ack_deadline_seconds=0)
    assert texts(pubsub.pull(name, 1)) == ["again"]


def test_after_its_last_attempt_a_message_is_a_dead_letter(pubsub: Backend) -> None:
    """The attempts are counted from 1 to 5; then the message is in the dead-letter topic, and only there."""
    topic, dead = pubsub.topic(), pubsub.topic()
    graveyard = pubsub.subscription(dead)
    name = pubsub.subscription(topic, dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5})
    pubsub.publish(topic, "bad", k="v")
    attempts = []
    for _ in range(5):
        (received,) = pubsub.pull(name, 1)
        attempts.append(received.delivery_attempt)
        pubsub.subscriber.modify_ack_deadline(subscription=name, ack_ids=[received.ack_id], ack_deadline_seconds=0)
    assert attempts == [1, 2, 3, 4, 5]
    assert pubsub.pull_now(name) == []  # Google's emulator moves the message when it would deliver it once more
    (buried,) = pubsub.pull(graveyard, 1)
    assert buried.message.data == b"bad"
    assert buried.message.attributes["k"] == "v"
    assert buried.message.attributes["CloudPubSubDeadLetterSourceSubscription"] == name.rpartition("/")[2]


@pytest.mark.parametrize(
    ("text", "passing"),
    [
        ('attributes.eventType = "OBJECT_FINALIZE"', {"model", "other"}),
        ('attributes.eventType="OBJECT_FINALIZE" AND hasPrefix(attributes.objectId,"models/")', {"model"}),
        ("NOT attributes:eventType", {"bare"}),
        ('attributes.eventType != "OBJECT_FINALIZE"', {"deleted", "bare"}),
    ],
)
def test_a_filter_lets_through_what_matches(pubsub: Backend, text: str, passing: set[str]) -> None:
    """A filter is applied by the real service; Google's emulator stores it and delivers everything."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic, filter=text)
    pubsub.publish(topic, "model", eventType="OBJECT_FINALIZE", objectId="models/m/1/saved_model.pb")
    pubsub.publish(topic, "other", eventType="OBJECT_FINALIZE", objectId="logs/1")
    pubsub.publish(topic, "deleted", eventType="OBJECT_DELETE", objectId="models/m/1/saved_model.pb")
    pubsub.publish(topic, "bare")
    expected = passing if pubsub.differences.applies_filters else {"model", "other", "deleted", "bare"}
    assert set(texts(pubsub.pull(name, len(expected)))) == expected
    assert pubsub.pull_now(name) == []


def test_a_message_can_have_ten_megabytes_less_its_frame(pubsub: Backend) -> None:
    """The largest message that the real service takes is delivered whole."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    data = b"\x00\xff" * 4_999_000
    pubsub.publisher.publish(topic, data).result(30)
    (received,) = pubsub.pull(name, 1)
    assert received.message.data == data


def test_empty_and_oversized_publications_are_refused(pubsub: Backend) -> None:
    """A message with nothing in it is refused; so are attributes past the limits, except by Google's emulator."""
    topic = pubsub.topic()
    with pytest.raises(InvalidArgument):
        pubsub.publisher.publish(topic, b"").result(10)
    for attributes in ({"k" * 257: "v"}, {"k": "v" * 1025}, {"googclient": "v"}):
        if pubsub.differences.checks_attributes:
            with pytest.raises(InvalidArgument):
                pubsub.publisher.publish(topic, b"x", **attributes).result(10)
        else:
            assert pubsub.publisher.publish(topic, b"x", **attributes).result(10)


@pytest.mark.parametrize("ack_id", ["", "zz"])
def test_an_ack_id_that_was_never_given_is_refused(pubsub: Backend, ack_id: str) -> None:
    """A malformed ack id is the caller's mistake, for acknowledging and for moving a deadline."""
    name = pubsub.subscription(pubsub.topic())
    with pytest.raises(InvalidArgument, match="Invalid ack id"):
        pubsub.subscriber.acknowledge(subscription=name, ack_ids=[ack_id])
    with pytest.raises(InvalidArgument, match="Invalid ack id"):
        pubsub.subscriber.modify_ack_deadline(subscription=name, ack_ids=[ack_id], ack_deadline_seconds=10)
