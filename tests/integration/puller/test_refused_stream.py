"""A subscription that this account may not receive from: told once, and not taken for connected in between.

Emulators know no permissions, so a server of a few lines stands in their place.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import grpc
from google.pubsub_v1 import types

from puller.notifications.registration import Names
from puller.notifications.subscription import Subscription
from service.connection_state import ConnectionState
from tests.support.stack import eventually

TOPIC = "projects/p/topics/t"
PATH = "projects/p/subscriptions/t-node"


@dataclass(slots=True)
class Server:
    """Pub/Sub as far as it is asked: who may look, who may receive, and what the stream ends with if nobody may."""

    may_look: bool
    refusal: grpc.StatusCode | None = grpc.StatusCode.PERMISSION_DENIED
    has_news: bool = False
    streams: int = 0
    port: int = 0

    async def get(self, request: types.GetSubscriptionRequest, context: grpc.aio.ServicerContext) -> types.Subscription:
        """Show the subscription."""
        if not self.may_look:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "you may not look")
        return types.Subscription(name=PATH, topic=TOPIC, filter='attributes.eventType = "OBJECT_FINALIZE"')

    async def stream(
        self, requests: AsyncIterator[types.StreamingPullRequest], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[types.StreamingPullResponse]:
        """Refuse, or bring one message, or nothing."""
        await anext(requests)
        self.streams += 1
        if self.refusal:
            await context.abort(self.refusal, "you may not receive")
        if self.has_news:
            message = types.PubsubMessage(attributes={"eventType": "OBJECT_FINALIZE"})
            yield types.StreamingPullResponse(received_messages=[types.ReceivedMessage(ack_id="1", message=message)])
        async for _ in requests:
            pass

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer on a port of loopback."""
        methods = {
            "GetSubscription": grpc.unary_unary_rpc_method_handler(
                self.get, types.GetSubscriptionRequest.deserialize, types.Subscription.serialize
            ),
            "StreamingPull": grpc.stream_stream_rpc_method_handler(
                self.stream, types.StreamingPullRequest.deserialize, types.StreamingPullResponse.serialize
            ),
        }
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", methods),))
        self.port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        try:
            yield
        finally:
            await server.stop(None)


@dataclass
class Listener:
    """The subscription, and each state it was in."""

    server: Server
    proof_seconds: float = 60.0
    states: list[bool] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.link = ConnectionState("pubsub", clock=lambda: datetime.now(UTC), on_change=self._note)

    def _note(self) -> None:
        self.states.append(self.link.state.is_connected)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Run the subscription for a while."""
        names = Names(TOPIC, PATH, prefix="", days=31, emulator=f"127.0.0.1:{self.server.port}")
        subscription = Subscription(
            names,
            link=self.link,
            receive=lambda _: None,
            on_gap=lambda: self.gaps.append(self.server.streams),
            proof_seconds=self.proof_seconds,
        )
        task = asyncio.create_task(subscription.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def test_a_refused_stream_is_never_taken_for_connected() -> None:
    """A role that may not even look: the state is *away* from the first stream on, with the right that is missing."""
    server = Server(may_look=False)
    node = Listener(server)
    async with server.serving(), node.listening():
        await eventually(lambda: server.streams >= 4)
        assert True not in node.states
        assert node.gaps == []  # nobody looks at the whole bucket for a stream that never was
        assert f"this account may not receive from {PATH}" in node.link.state.reason
        assert "roles/pubsub.subscriber" in node.link.state.reason


async def test_a_role_that_may_look_and_not_receive_is_told_once() -> None:
    """The first stream looks well until it is refused; no later one does."""
    server = Server(may_look=True)
    node = Listener(server)
    async with server.serving(), node.listening():
        await eventually(lambda: server.streams >= 4)
        assert sum(node.states) <= 1
        assert not node.link.state.is_connected
        assert len(node.gaps) <= 1


async def test_a_missing_subscription_that_nobody_may_look_for_is_told() -> None:
    """The stream is the first to say so, and does not flap either."""
    server = Server(may_look=False, refusal=grpc.StatusCode.NOT_FOUND)
    node = Listener(server)
    async with server.serving(), node.listening():
        await eventually(lambda: server.streams >= 4)
        assert True not in node.states
        assert f"{PATH} does not exist" in node.link.state.reason
        assert "model-manager bootstrap --node" in node.link.state.reason


async def test_the_first_message_proves_the_stream() -> None:
    """As soon as the right is given the node is connected, and looks at what it may have missed."""
    server = Server(may_look=False)
    node = Listener(server)
    async with server.serving(), node.listening():
        await eventually(lambda: server.streams >= 1)
        server.refusal, server.has_news = None, True
        await eventually(lambda: node.link.state.is_connected)
        assert len(node.gaps) == 1


async def test_a_quiet_stream_that_is_not_refused_is_open() -> None:
    """Where nothing is uploaded nothing comes: after some seconds that is proof enough."""
    server = Server(may_look=False, refusal=None)
    node = Listener(server, proof_seconds=0.2)
    async with server.serving(), node.listening():
        await eventually(lambda: node.link.state.is_connected)
        assert len(node.gaps) == 1
