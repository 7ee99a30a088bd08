"""Topics and subscriptions, as the official clients make, change and remove them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument, NotFound
from google.pubsub_v1 import types

from tests.support.pubsub import PROJECT, Backend, texts

MISSING_TOPIC = f"projects/{PROJECT}/topics/none"
MISSING_SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/none"


def test_a_topic_is_made_shown_listed_and_removed(pubsub: Backend) -> None:
    """A topic lives from create to delete, with its labels."""
    name = pubsub.topic() + "-x"
    pubsub.publisher.create_topic(types.Topic(name=name, labels={"team": "search"}))
    assert pubsub.publisher.get_topic(topic=name).labels == {"team": "search"}
    assert name in {topic.name for topic in pubsub.publisher.list_topics(project=f"projects/{PROJECT}")}
    pubsub.publisher.delete_topic(topic=name)
    with pytest.raises(NotFound):
        pubsub.publisher.get_topic(topic=name)


def test_lists_come_in_pages(pubsub: Backend) -> None:
    """Following the pages shows each subscription of the project once."""
    topic = pubsub.topic()
    made = {pubsub.subscription(topic) for _ in range(3)}
    pages = pubsub.subscriber.list_subscriptions({"project": f"projects/{PROJECT}", "page_size": 2}).pages
    names = [subscription.name for one in pages for subscription in one.subscriptions]
    assert made <= set(names)
    assert len(names) == len(set(names))
    assert set(pubsub.publisher.list_topic_subscriptions(topic=topic)) == made


def test_settings_come_back_as_they_were_given(pubsub: Backend) -> None:
    """All that the puller sets on its subscription is stored and shown."""
    topic, dead = pubsub.topic(), pubsub.topic()
    name = pubsub.subscription(
        topic,
        ack_deadline_seconds=60,
        filter='attributes.eventType="OBJECT_FINALIZE" AND hasPrefix(attributes.objectId,"models/")',
        expiration_policy={"ttl": timedelta(days=10)},
        message_retention_duration=timedelta(hours=6),
        retry_policy={"minimum_backoff": timedelta(seconds=2), "maximum_backoff": timedelta(seconds=60)},
        dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 6},
        labels={"node": "a"},
    )
    shown = pubsub.subscriber.get_subscription(subscription=name)
    assert (shown.name, shown.topic, shown.ack_deadline_seconds) == (name, topic, 60)
    assert shown.filter.startswith('attributes.eventType="OBJECT_FINALIZE" AND')
    assert types.ExpirationPolicy.to_dict(shown.expiration_policy) == {"ttl": "864000s"}
    assert types.Subscription.to_dict(shown)["message_retention_duration"] == "21600s"
    assert types.RetryPolicy.to_dict(shown.retry_policy) == {"minimum_backoff": "2s", "maximum_backoff": "60s"}
    assert (shown.dead_letter_policy.dead_letter_topic, shown.dead_letter_policy.max_delivery_attempts) == (dead, 6)
    assert shown.labels == {"node": "a"}


def test_some_settings_change_and_some_never_do(pubsub: Backend) -> None:
    """A deadline can be changed; the filter and the topic cannot; labels where the server does it."""
    name = pubsub.subscription(pubsub.topic(), labels={"old": "1"})

    def change(path: str, **settings: object) -> types.Subscription:
        request = {"subscription": {"name": name, **settings}, "update_mask": {"paths": [path]}}
        changed: types.Subscription = pubsub.subscriber.update_subscription(request)
        return changed

    assert change("ack_deadline_seconds", ack_deadline_seconds=33).ack_deadline_seconds == 33
    for path, settings in (("filter", {"filter": "attributes:x"}), ("topic", {"topic": MISSING_TOPIC})):
        with pytest.raises(InvalidArgument, match=r"not mutable|unsupported"):
            change(path, **settings)
    if pubsub.differences.updates_labels:
        assert change("labels", labels={"new": "2"}).labels == {"new": "2"}
    else:
        with pytest.raises(InvalidArgument):
            change("labels", labels={"new": "2"})


def test_what_is_missing_is_not_found(pubsub: Backend) -> None:
    """Each call that names a missing topic or subscription ends with NOT_FOUND, and says so."""
    topic = pubsub.topic()
    publisher, subscriber = pubsub.publisher, pubsub.subscriber
    calls: list[Callable[[], object]] = [
        lambda: publisher.publish(MISSING_TOPIC, b"x").result(10),
        lambda: publisher.delete_topic(topic=MISSING_TOPIC),
        lambda: subscriber.get_subscription(subscription=MISSING_SUBSCRIPTION),
        lambda: subscriber.delete_subscription(subscription=MISSING_SUBSCRIPTION),
        lambda: subscriber.pull(subscription=MISSING_SUBSCRIPTION, max_messages=1),
        lambda: subscriber.acknowledge(subscription=MISSING_SUBSCRIPTION, ack_ids=["x"]),
        lambda: pubsub.subscription(MISSING_TOPIC),
        lambda: pubsub.subscription(topic, dead_letter_policy={"dead_letter_topic": MISSING_TOPIC}),
    ]
    for call in calls:
        with pytest.raises(NotFound, match=r"Resource not found|not found|does not exist"):
            call()
    with pytest.raises(NotFound, match=pubsub.differences.not_found):
        publisher.get_topic(topic=MISSING_TOPIC)


def test_a_name_is_taken_once(pubsub: Backend) -> None:
    """Making what exists ends with ALREADY_EXISTS, whatever the settings."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    with pytest.raises(AlreadyExists, match=pubsub.differences.already_exists):
        pubsub.publisher.create_topic(name=topic)
    with pytest.raises(AlreadyExists, match=pubsub.differences.already_exists):
        pubsub.subscriber.create_subscription({"name": name, "topic": topic, "ack_deadline_seconds": 20})


@pytest.mark.parametrize("short", ["ab", "1abc", "goog-x", "a$c"])
def test_names_follow_googles_rules(pubsub: Backend, short: str) -> None:
    """A name that Google refuses is refused."""
    with pytest.raises(InvalidArgument, match="name="):
        pubsub.publisher.create_topic(name=f"projects/{PROJECT}/topics/{short}")
    with pytest.raises(InvalidArgument, match="name="):
        pubsub.subscriber.create_subscription(
            {"name": f"projects/{PROJECT}/subscriptions/{short}", "topic": pubsub.topic()}
        )


def test_settings_out_of_bounds_are_refused(pubsub: Backend) -> None:
    """Bounds of the real service hold; where Google's emulator has none, that is stated."""
    topic = pubsub.topic()
    bad: list[dict[str, object]] = [
        {"ack_deadline_seconds": 601},
        {"message_retention_duration": timedelta(minutes=9)},
        {"retry_policy": {"minimum_backoff": timedelta(seconds=20), "maximum_backoff": timedelta(seconds=10)}},
    ]
    if pubsub.differences.checks_filters:
        bad += [{"filter": "garbage !!"}, {"filter": "attributes:a AND attributes:b OR attributes:c"}]
    else:
        assert pubsub.subscription(topic, filter="garbage !!")
    if pubsub.differences.checks_expiration:
        bad.append({"expiration_policy": {"ttl": timedelta(hours=1)}})
    else:
        assert pubsub.subscription(topic, expiration_policy={"ttl": timedelta(hours=1)})
    for settings in bad:
        with pytest.raises(InvalidArgument):
            pubsub.subscription(topic, **settings)


def test_a_subscription_outlives_its_topic(pubsub: Backend) -> None:
    """After its topic is deleted, a subscription shows so and still hands out what it has."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "before")
    pubsub.publisher.delete_topic(topic=topic)
    assert pubsub.subscriber.get_subscription(subscription=name).topic == "_deleted-topic_"
    assert texts(pubsub.pull(name, 1)) == ["before"]
