"""Notifications: attributes in, a hint or a reason out."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import notification
from events.names import Ignored, ObjectPath
from events.notification import EventType, Notification, Unparseable

ATTRIBUTES = {
    "eventType": "OBJECT_FINALIZE",
    "bucketId": "b",
    "objectId": "m/1/saved_model.pb",
    "objectGeneration": "17",
    "eventTime": "2026-01-02T03:04:05.678901Z",
    "payloadFormat": "NONE",
}


def parsed(**change: str) -> Notification:
    result = notification.parse(ATTRIBUTES | change)
    assert isinstance(result, Notification)
    return result


def test_attributes_alone_are_enough() -> None:
    """No payload is needed."""
    assert parsed() == Notification(
        EventType.FINALIZE, "b", "m/1/saved_model.pb", 17, datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    )


@pytest.mark.parametrize("name", ["eventType", "bucketId", "objectId", "objectGeneration"])
def test_missing_attribute_is_named(name: str) -> None:
    """A message that lacks what we need says which."""
    result = notification.parse({key: value for key, value in ATTRIBUTES.items() if key != name})
    assert result == Unparseable(f"attribute missing: {name}")


@pytest.mark.parametrize(
    "change", [{"eventType": "OBJECT_EXPLODED"}, {"objectGeneration": "x"}, {"objectGeneration": "9" * 40}]
)
def test_nonsense_is_unparseable(change: dict[str, str]) -> None:
    """Never an exception, always a reason."""
    assert isinstance(notification.parse(ATTRIBUTES | change), Unparseable)


@given(st.dictionaries(st.sampled_from(list(ATTRIBUTES)) | st.text(), st.text()))
def test_no_message_breaks_the_parser(attributes: dict[str, str]) -> None:
    """Whatever arrives is a notification or a reason."""
    assert isinstance(notification.parse(attributes), Notification | Unparseable)


def test_time_that_cannot_be_read_costs_only_the_time() -> None:
    """The event still counts."""
    assert parsed(eventTime="yesterday").event_time is None


def test_same_event_under_two_message_ids_is_one() -> None:
    """The key is bucket, object, generation and type; another generation is another event."""
    assert parsed().key == parsed(eventTime="2026-01-02T03:04:06Z").key
    assert parsed().key != parsed(objectGeneration="18").key


def test_only_a_finalized_object_of_our_bucket_asks_for_a_look() -> None:
    """A delete removes nothing, and a filter that is not applied costs nothing."""
    assert isinstance(notification.concerns(parsed(), bucket="b", prefix=""), ObjectPath)
    assert notification.concerns(parsed(), bucket="c", prefix="") == Ignored("other bucket")
    deleted = parsed(eventType="OBJECT_DELETE")
    assert notification.concerns(deleted, bucket="b", prefix="") == Ignored("other event type")
