"""The Pub/Sub servers that the subscription must get along with, each with a project that no other test uses."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from infra.local import parts
from infra.local.child import Child
from infra.local.parts import PubSubKind
from infra.local.ports import LOOPBACK
from infra.local.programs import MissingProgram
from infra.local.supervisor import Supervisor
from puller.notifications.registration import Names
from puller.notifications.subscription import Subscription
from service.connection_state import ConnectionState
from tests.support.pubsub import AS_GOOGLE, AS_GOOGLES_EMULATOR, Backend, connected


@dataclass(frozen=True, slots=True)
class Server:
    """A Pub/Sub server that a test may stop and start."""

    backend: Backend
    child: Child


@pytest.fixture(params=[PubSubKind.EMBEDDED, PubSubKind.GOOGLE])
def server(request: pytest.FixtureRequest, supervisor: Supervisor) -> Iterator[Server]:
    """Give each server in turn, started for this test alone."""
    port = supervisor.ports.reserve()
    try:
        command = parts.pubsub(request.param, port)
    except MissingProgram as missing:
        pytest.skip(str(missing))
    child = supervisor.start(command)
    differences = AS_GOOGLE if request.param is PubSubKind.EMBEDDED else AS_GOOGLES_EMULATOR
    with connected(f"{LOOPBACK}:{port}", differences) as backend:
        yield Server(backend, child)
    supervisor.stop(child)


@dataclass
class Listener:
    """A subscription under test and what came of it."""

    names: Names
    received: list[dict[str, str]] = field(default_factory=list)
    gaps: int = 0
    reasons: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.link = ConnectionState("pubsub", clock=lambda: datetime.now(UTC), on_change=self._note)
        self.subscription = Subscription(
            self.names,
            link=self.link,
            receive=lambda attributes: self.received.append(dict(attributes)),
            on_gap=self._gap,
        )

    def _note(self) -> None:
        self.reasons.append(self.link.state.reason)

    def _gap(self) -> None:
        self.gaps += 1

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Run the subscription for a while."""
        task = asyncio.create_task(self.subscription.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def listener(server: Server) -> Callable[[str], Listener]:
    """Give the subscription of a node to a topic of the server."""

    def make(topic: str, *, prefix: str = "") -> Listener:
        _, project, _, name = topic.split("/")
        node = f"{name}-node-{uuid4().hex[:8]}"
        return Listener(
            Names(
                topic,
                f"projects/{project}/subscriptions/{node}",
                prefix=prefix,
                days=31,
                emulator=server.backend.address,
            )
        )

    return make
