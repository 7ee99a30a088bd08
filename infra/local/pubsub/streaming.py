"""One streaming pull: messages go out while acknowledgements and deadlines come in on the same stream."""

import asyncio
from collections.abc import AsyncIterator

import grpc
from google.pubsub_v1 import types

from infra.local.pubsub.backlog import Claim
from infra.local.pubsub.calls import Desk
from infra.local.pubsub.errors import InvalidArgument, Refused
from infra.local.pubsub.names import subscription_name
from infra.local.pubsub.wire import read_ack_numbers, read_extension, write_delivery


async def pull_stream(
    desk: Desk,
    holder: str,
    requests: AsyncIterator[types.StreamingPullRequest],
    context: grpc.aio.ServicerContext,
) -> None:
    """Serve one stream until its caller ends it; refuse when the subscription is deleted or a request is wrong."""
    first = await anext(requests, None)
    if first is None:
        return
    stream = _Stream(desk, holder, first)
    desk.broker.open_stream(stream.name, holder, now=desk.clock.now())
    try:
        stream.apply(first)
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(stream.listen(requests))
            await stream.deliver(context)
            reader.cancel()
    finally:
        desk.broker.close_stream(stream.name, holder, now=desk.clock.now())
    if stream.refusal:
        raise stream.refusal


class _Stream:
    def __init__(self, desk: Desk, holder: str, first: types.StreamingPullRequest) -> None:
        if not first.subscription:
            raise InvalidArgument("first message must set subscription")
        if not first.stream_ack_deadline_seconds:
            raise InvalidArgument("first message must set stream_ack_deadline_seconds")
        self.name = subscription_name(first.subscription)
        self.refusal: Refused | None = None
        self._desk = desk
        self._holder = holder
        self._deadline_seconds = 0
        self._max_messages = first.max_outstanding_messages
        self._max_bytes = first.max_outstanding_bytes
        self._is_over = False

    async def listen(self, requests: AsyncIterator[types.StreamingPullRequest]) -> None:
        """Do what the subscriber asks for, until it ends its side of the stream."""
        try:
            async for request in requests:
                _check_later(request)
                self.apply(request)
        except Refused as refusal:
            self.refusal = refusal
        self._is_over = True
        self._desk.bells.ring(self.name)

    async def deliver(self, context: grpc.aio.ServicerContext) -> None:
        """Send what there is, as far as flow control allows, and wait for more."""
        try:
            while not self._is_over:
                await self._deliver_once(context)
        except Refused as refusal:
            self.refusal = refusal

    def apply(self, request: types.StreamingPullRequest) -> None:
        """Take in acknowledgements and deadlines."""
        if request.stream_ack_deadline_seconds:
            self._deadline_seconds = _stream_deadline(request.stream_ack_deadline_seconds)
        broker, now = self._desk.broker, self._desk.clock.now()
        broker.check_stream(self.name, self._holder)
        if len(request.modify_deadline_ack_ids) != len(request.modify_deadline_seconds):
            raise InvalidArgument("ack IDs and deadlines must have the same size")
        if request.ack_ids:
            broker.acknowledge(self.name, read_ack_numbers(self.name, request.ack_ids), now=now)
        numbers = read_ack_numbers(self.name, request.modify_deadline_ack_ids)
        for number, seconds in zip(numbers, request.modify_deadline_seconds, strict=True):
            broker.extend(self.name, [number], seconds=read_extension(seconds), now=now)

    async def _deliver_once(self, context: grpc.aio.ServicerContext) -> None:
        broker, now = self._desk.broker, self._desk.clock.now()
        broker.check_stream(self.name, self._holder)
        batch = broker.take(self.name, self._claim(), now=now)
        if not batch:
            await self._desk.bells.wait(self.name, seconds=broker.next_change(self.name, now=now) - now)
            return
        rules = broker.subscription(self.name, now=now)
        messages = [write_delivery(delivery, rules) for delivery in batch]
        await context.write(types.StreamingPullResponse(received_messages=messages))

    def _claim(self) -> Claim:
        return Claim(
            self._holder,
            self._deadline_seconds,
            max_messages=self._max_messages if self._max_messages > 0 else float("inf"),
            max_bytes=self._max_bytes if self._max_bytes > 0 else float("inf"),
        )


def _check_later(request: types.StreamingPullRequest) -> None:
    if request.subscription:
        raise InvalidArgument("subscription may only be set in first message")
    if request.max_outstanding_messages or request.max_outstanding_bytes:
        raise InvalidArgument("flow control may only be set in first message")


def _stream_deadline(seconds: int) -> int:
    if not 10 <= seconds <= 600:
        raise InvalidArgument("stream_ack_deadline_seconds must be between 10 and 600 seconds")
    return seconds
