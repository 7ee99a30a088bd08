"""Google's message types in and out: limits, defaults, what may change, and what is refused rather than ignored."""

from datetime import timedelta

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from infra.local.pubsub.backlog import Delivery
from infra.local.pubsub.calls import page
from infra.local.pubsub.errors import InvalidArgument, OutOfRange, Refused, Unsupported
from infra.local.pubsub.names import SubscriptionName, project_name, subscription_name, topic_name
from infra.local.pubsub.resources import DeadLetterPolicy, Draft, Message, RetryPolicy, Subscription
from infra.local.pubsub.rules import read_subscription, read_update, write_subscription
from infra.local.pubsub.wire import read_ack_numbers, read_drafts, read_extension, read_topic, write_delivery

NAME = "projects/p/subscriptions/node"
TOPIC = "projects/p/topics/uploads"
DAY = 86_400


def settings(**changes: object) -> types.Subscription:
    return types.Subscription({"name": NAME, "topic": TOPIC, **changes})


FULL = settings(
    ack_deadline_seconds=60,
    message_retention_duration=timedelta(hours=1),
    expiration_policy={"ttl": timedelta(days=2)},
    retry_policy={"minimum_backoff": timedelta(seconds=2), "maximum_backoff": timedelta(seconds=60.5)},
    dead_letter_policy={"dead_letter_topic": "projects/p/topics/dead", "max_delivery_attempts": 7},
    filter='attributes.eventType="OBJECT_FINALIZE"',
    labels={"node": "a"},
)


@pytest.mark.parametrize("name", ["abc", "a12", "A-_.~+%", "x" * 255])
def test_names_as_at_google_are_taken(name: str) -> None:
    """A name has 3 to 255 of Google's characters and begins with a letter."""
    assert topic_name(f"projects/p/topics/{name}")
    assert subscription_name(f"projects/p/subscriptions/{name}")


@pytest.mark.parametrize("name", ["", "ab", "1abc", "googol", "a$c", "a/c", "x" * 256, "abc\n"])
def test_other_names_are_refused(name: str) -> None:
    """A name that Google would refuse is refused."""
    with pytest.raises(InvalidArgument, match=r"Invalid \[topics\] name"):
        topic_name(f"projects/p/topics/{name}")
    with pytest.raises(InvalidArgument, match=r"Invalid \[subscriptions\] name"):
        subscription_name(f"projects/p/subscriptions/{name}")
    with pytest.raises(InvalidArgument, match=r"Invalid \[projects\] name"):
        project_name(name)


def test_settings_come_back_as_they_were_given() -> None:
    """All settings are kept, and shown as they were set."""
    rules = read_subscription(FULL)
    assert rules.retry == RetryPolicy(2, 60.5)
    assert rules.dead_letter == DeadLetterPolicy(topic_name("projects/p/topics/dead"), 7)
    assert (rules.ttl_seconds, rules.retention_seconds, rules.ack_deadline_seconds) == (2 * DAY, 3600, 60)
    assert write_subscription(rules) == types.Subscription(FULL, state=types.Subscription.State.ACTIVE)


def test_what_is_not_set_has_googles_default() -> None:
    """10 seconds to acknowledge, 7 days of retention, 31 days to live, no policies."""
    rules = read_subscription(settings())
    assert rules == Subscription(subscription_name(NAME), topic_name(TOPIC), 10, 7 * DAY, 31 * DAY)
    assert read_subscription(settings(retry_policy={})).retry == RetryPolicy(10, 600)
    policy = {"dead_letter_topic": TOPIC}
    assert read_subscription(settings(dead_letter_policy=policy)).dead_letter == DeadLetterPolicy(topic_name(TOPIC), 5)


def test_an_expiration_policy_without_ttl_means_never() -> None:
    """An empty policy and no policy differ, as at Google, also after a round trip."""
    rules = read_subscription(settings(expiration_policy={}))
    assert rules.ttl_seconds is None
    assert read_subscription(write_subscription(rules)) == rules


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"ack_deadline_seconds": 9}, InvalidArgument),
        ({"ack_deadline_seconds": 601}, InvalidArgument),
        ({"message_retention_duration": timedelta(seconds=599)}, InvalidArgument),
        ({"message_retention_duration": timedelta(days=31, seconds=1)}, InvalidArgument),
        ({"expiration_policy": {"ttl": timedelta(hours=23)}}, InvalidArgument),
        ({"expiration_policy": {"ttl": timedelta(days=6)}}, InvalidArgument),
        (
            {"retry_policy": {"minimum_backoff": timedelta(seconds=20), "maximum_backoff": timedelta(seconds=10)}},
            InvalidArgument,
        ),
        ({"retry_policy": {"maximum_backoff": timedelta(seconds=601)}}, InvalidArgument),
        ({"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 4}}, OutOfRange),
        ({"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 101}}, OutOfRange),
        ({"dead_letter_policy": {"dead_letter_topic": "dead"}}, InvalidArgument),
        ({"filter": "garbage !!"}, InvalidArgument),
        ({"name": "node"}, InvalidArgument),
        ({"topic": ""}, InvalidArgument),
        ({"push_config": {"push_endpoint": "https://example.com"}}, Unsupported),
        ({"enable_message_ordering": True}, Unsupported),
        ({"enable_exactly_once_delivery": True}, Unsupported),
        ({"retain_acked_messages": True}, Unsupported),
        ({"bigquery_config": {"table": "a.b.c"}}, Unsupported),
    ],
)
def test_settings_out_of_bounds_or_not_done_are_refused(changes: dict[str, object], kind: type[Refused]) -> None:
    """What Google refuses is refused; what this server does not do is said, never ignored."""
    with pytest.raises(kind):
        read_subscription(settings(**changes))


def test_an_empty_push_config_means_pull() -> None:
    """Google's own emulator shows one on each pull subscription."""
    assert read_subscription(settings(push_config={})).name == NAME


def update(paths: list[str], **changes: object) -> types.UpdateSubscriptionRequest:
    return types.UpdateSubscriptionRequest(subscription=settings(**changes), update_mask=FieldMask(paths=paths))


def test_an_update_changes_what_the_mask_names_and_nothing_else() -> None:
    """Fields outside of the mask stay, fields in it are replaced, also by nothing."""
    old = read_subscription(FULL)
    new = read_update(update(["labels", "retry_policy", "expiration_policy"], labels={"x": "y"}), old)
    assert (new.labels, new.retry, new.ttl_seconds) == ({"x": "y"}, None, 31 * DAY)
    assert (new.filter, new.dead_letter, new.ack_deadline_seconds) == (old.filter, old.dead_letter, 60)
    assert read_update(update(["expiration_policy"], expiration_policy={}), old).ttl_seconds is None


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ([], "must be set"),
        (["filter"], "the filter field in the Subscription is not mutable"),
        (["topic"], "the topic field in the Subscription is not mutable"),
        (["nonsense"], "nonsense is not a known Subscription field"),
        (["ack_deadline_seconds"], "Invalid ack deadline"),
    ],
)
def test_an_update_that_cannot_be_is_refused(paths: list[str], reason: str) -> None:
    """Name, topic and filter never change, and new values obey the same bounds."""
    with pytest.raises(InvalidArgument, match=reason):
        read_update(update(paths, ack_deadline_seconds=5), read_subscription(FULL))


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "No messages to publish"),
        ([{"data": b"x"}] * 1001, "Too many messages"),
        ([{"data": b""}], "Some messages are empty"),
        ([{"data": b"x" * 10_000_001}], "The request is too large: 100000.. bytes"),
        ([{"attributes": {"k" * 257: "v"}}], "An attribute key has 1 to 256 bytes"),
        ([{"attributes": {"googclient": "v"}}], "does not start with goog"),
        ([{"attributes": {"k": "v" * 1025}}], "at most 1024 bytes"),
        ([{"attributes": {str(number): "v" for number in range(101)}}], "101 attributes"),
    ],
)
def test_a_publication_past_googles_limits_is_refused(messages: list[object], reason: str) -> None:
    """The limits of the real service hold, which the emulator lets pass."""
    with pytest.raises(InvalidArgument, match=reason):
        read_drafts(types.PublishRequest({"topic": TOPIC, "messages": messages}))


def test_a_topic_asks_only_for_what_there_is() -> None:
    """Labels are kept; a schema is refused, not ignored."""
    assert read_topic(types.Topic(name=TOPIC, labels={"a": "b"})).labels == {"a": "b"}
    with pytest.raises(Unsupported, match="kms_key_name"):
        read_topic(types.Topic(name=TOPIC, kms_key_name="key"))


@pytest.mark.parametrize("ack_id", ["", "zz", "7", f"{NAME}:", f"{NAME}:x", f"{NAME}:²", f"{NAME}-2:7"])
def test_an_ack_id_that_was_never_given_is_refused(ack_id: str) -> None:
    """Malformed ack ids, and those of another subscription, are mistakes of the caller."""
    with pytest.raises(InvalidArgument, match="Invalid ack id"):
        read_ack_numbers(SubscriptionName(NAME), [ack_id])


@pytest.mark.parametrize("with_dead_letter", [True, False])
def test_deliveries_are_counted_for_subscribers_with_a_dead_letter_policy(with_dead_letter: bool) -> None:
    """The attempt is shown where Google shows it; the ack id leads back to the delivery."""
    rules = read_subscription(FULL if with_dead_letter else settings())
    message = Message("42", Draft(b"x", {"k": "v"}, "key"), published=1.25)
    shown = write_delivery(Delivery(3, message, attempt=2), rules)
    assert shown.delivery_attempt == (2 if with_dead_letter else 0)
    assert read_ack_numbers(rules.name, [shown.ack_id]) == [3]
    assert (shown.message.message_id, shown.message.data, dict(shown.message.attributes)) == ("42", b"x", {"k": "v"})
    raw = types.PubsubMessage.pb(shown.message)
    assert (raw.publish_time.seconds, raw.publish_time.nanos, raw.ordering_key) == (1, 250_000_000, "key")


@pytest.mark.parametrize("seconds", [-1, 601])
def test_a_deadline_is_moved_by_at_most_ten_minutes(seconds: int) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidArgument, match="between 0 and 600"):
        read_extension(seconds)


def test_pages_cover_the_list_once() -> None:
    """Following the tokens shows each item once and ends."""
    names, token, seen = ["a", "b", "c", "d"], "", list[str]()
    for _ in range(2):
        shown, token = page(names, str, size=2, token=token)
        seen += shown
    assert (seen, token) == (names, "")
    assert page(names, str, size=0, token="") == (names, "")
    with pytest.raises(InvalidArgument, match="page_size"):
        page(names, str, size=-1, token="")
