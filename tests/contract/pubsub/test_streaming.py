"""Streaming pull: with the official client's callbacks, as the puller uses it, and with the stream itself."""

import queue
from types import TracebackType
from typing import Self

import pytest
from google.api_core.exceptions import InvalidArgument, NotFound
from google.cloud.pubsub_v1.subscriber.message import Message
from google.cloud.pubsub_v1.types import FlowControl
from google.pubsub_v1 import types

from tests.support.pubsub import PATIENCE_SECONDS, PROJECT, Backend, eventually, texts


class Stream:
    """One open stream, read and written by the test."""

    def __init__(self, pubsub: Backend, **first: object) -> None:
        self._requests: queue.SimpleQueue[types.StreamingPullRequest | None] = queue.SimpleQueue()
        self.send(**first)
        self._call = pubsub.subscriber.streaming_pull(
            requests=iter(self._requests.get, None), timeout=PATIENCE_SECONDS, retry=None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._requests.put(None)
        self._call.cancel()

    def send(self, **request: object) -> None:
        self._requests.put(types.StreamingPullRequest(request))

    def end_requests(self) -> None:
        self._requests.put(None)

    def receive(self, count: int) -> list[types.ReceivedMessage]:
        got: list[types.ReceivedMessage] = []
        for response in self._call:
            got += response.received_messages
            if len(got) >= count:
                break
        return got

    def wait_end(self) -> None:
        """Read to the end; raise what the server ends the stream with."""
        for _ in self._call:
            pass


def test_callbacks_get_each_message_and_acknowledge_it(pubsub: Backend) -> None:
    """The official client delivers what is published to a callback, and what is acknowledged does not come again."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    seen: list[str] = []

    def callback(message: Message) -> None:
        seen.append(message.data.decode())
        message.ack()

    pubsub.publish(topic, "before")
    future = pubsub.subscriber.subscribe(name, callback)
    pubsub.publish(topic, "while", "open")
    eventually(lambda: len(seen) >= 3, "three callbacks")
    future.cancel()
    future.result(PATIENCE_SECONDS)
    assert sorted(seen) == ["before", "open", "while"]
    assert pubsub.pull_now(name) == []


def test_what_a_callback_returns_comes_again(pubsub: Backend) -> None:
    """A nack brings the message back to the callback under the same id."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    seen: list[str] = []

    def callback(message: Message) -> None:
        seen.append(message.message_id)
        if len(seen) < 3:
            message.nack()
        else:
            message.ack()

    future = pubsub.subscriber.subscribe(name, callback, flow_control=FlowControl(max_messages=1))
    (message_id,) = pubsub.publish(topic, "again")
    eventually(lambda: len(seen) >= 3, "three deliveries")
    future.cancel()
    future.result(PATIENCE_SECONDS)
    assert seen == [message_id] * 3


def test_a_deleted_subscription_ends_the_callbacks(pubsub: Backend) -> None:
    """The future of the official client fails with NotFound, so that a supervisor can make the subscription again."""
    name = pubsub.subscription(pubsub.topic())
    future = pubsub.subscriber.subscribe(name, lambda message: message.ack())
    pubsub.subscriber.delete_subscription(subscription=name)
    with pytest.raises(NotFound):
        future.result(PATIENCE_SECONDS)


def test_a_deleted_subscription_ends_an_open_stream(pubsub: Backend) -> None:
    """A stream that is waiting ends with NOT_FOUND at once."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    with Stream(pubsub, subscription=name, stream_ack_deadline_seconds=10) as stream:
        pubsub.publish(topic, "proof that the stream is open")
        stream.receive(1)
        pubsub.subscriber.delete_subscription(subscription=name)
        with pytest.raises(NotFound):
            stream.wait_end()


def test_a_stream_ends_when_its_caller_has_no_more_to_say(pubsub: Backend) -> None:
    """A caller that closes its side gets a regular end."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    with Stream(pubsub, subscription=name, stream_ack_deadline_seconds=10) as stream:
        pubsub.publish(topic, "one")
        stream.receive(1)
        stream.end_requests()
        stream.wait_end()


def test_flow_control_holds_messages_back_until_others_are_acknowledged(pubsub: Backend) -> None:
    """No more messages are outstanding on a stream than it allows; an acknowledgement on the stream makes room."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "a", "b", "c")
    with Stream(pubsub, subscription=name, stream_ack_deadline_seconds=60, max_outstanding_messages=1) as stream:
        seen: list[str] = []
        while len(seen) < 3:
            received = stream.receive(1)
            assert len(received) == 1 or not pubsub.differences.limits_streams
            seen += texts(received)
            stream.send(ack_ids=[one.ack_id for one in received])
    assert sorted(seen) == ["a", "b", "c"]


def test_deadlines_move_on_the_stream(pubsub: Backend) -> None:
    """A deadline of 0 on the stream brings the message back on it."""
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "again")
    with Stream(pubsub, subscription=name, stream_ack_deadline_seconds=60) as stream:
        (first,) = stream.receive(1)
        stream.send(modify_deadline_ack_ids=[first.ack_id], modify_deadline_seconds=[0])
        (second,) = stream.receive(1)
    assert first.message.message_id == second.message.message_id


def test_the_messages_of_a_lost_stream_come_again(pubsub: Backend) -> None:
    """What a subscriber had and never acknowledged goes to the next one, once it is given back.

    Google's emulator may give it to the lost stream once more, for as long as that stream's deadline.
    """
    topic = pubsub.topic()
    name = pubsub.subscription(topic)
    pubsub.publish(topic, "orphan")
    with Stream(pubsub, subscription=name, stream_ack_deadline_seconds=10) as stream:
        (first,) = stream.receive(1)
    pubsub.subscriber.modify_ack_deadline(subscription=name, ack_ids=[first.ack_id], ack_deadline_seconds=0)
    assert texts(pubsub.pull(name, 1)) == ["orphan"]


@pytest.mark.parametrize(
    ("first", "then", "reason"),
    [
        ({"stream_ack_deadline_seconds": 10, "subscription": ""}, {}, "must set subscription"),
        ({"stream_ack_deadline_seconds": 0}, {}, "must set stream_ack_deadline_seconds"),
        ({"stream_ack_deadline_seconds": 5}, {}, "between 10 and 600"),
        ({"ack_ids": ["zz"]}, {}, "Invalid ack id"),
        ({"modify_deadline_ack_ids": ["zz"]}, {}, "same size"),
        ({}, {"ack_ids": ["zz"]}, "Invalid ack id"),
        ({}, {"subscription": "again"}, "only be set in first message"),
    ],
)
def test_a_wrong_request_ends_the_stream(
    pubsub: Backend, first: dict[str, object], then: dict[str, object], reason: str
) -> None:
    """The caller's mistakes end the stream with INVALID_ARGUMENT and a reason."""
    name = pubsub.subscription(pubsub.topic())
    with Stream(pubsub, **{"subscription": name, "stream_ack_deadline_seconds": 10, **first}) as stream:
        if then:
            stream.send(**then)
        with pytest.raises(InvalidArgument, match=reason):
            stream.wait_end()


def test_a_stream_on_nothing_is_not_found(pubsub: Backend) -> None:
    """A stream on a subscription that does not exist ends with NOT_FOUND."""
    missing = f"projects/{PROJECT}/subscriptions/none"
    with (
        Stream(pubsub, subscription=missing, stream_ack_deadline_seconds=10) as stream,
        pytest.raises(NotFound, match=r"resource=none"),
    ):
        stream.wait_end()
