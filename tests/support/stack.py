"""Real servers for tests. Nothing is shared that a test could see of another test.

| fixture | scope | what it is |
|---|---|---|
| `nats_server` | test | a real nats-server with its own JetStream (20 ms): `.url`, `.child` to kill, pause, restart |
| `nats_connection` | test | a nats-py client connected to it |
| `pubsub_server` | worker | Google's emulator where it is, else the embedded server: `.address`; never stop it |
| `gcs_server` | test | a real fake-gcs-server (30 ms) with an empty `.bucket`, that notifies `.topic` of `.project` |
| `stack` | test | the whole stack of infra/local: one node, scripted loads, Pub/Sub of the worker |
| `start_stack` | test | `start_stack(StackOptions(...))`: the same as you want it; several may run side by side |

Each part of a stack is a `Child`: `stack.node.puller.kill()`, `.stop()` (SIGTERM), `.pause()`, `.resume()`,
`.start()`, `.restart()`, `.tail()`, always on the same ports. `stack.add_node("node-2")` starts a second node.
`stack.bucket.write(name, data)` uploads. Blocking calls go through `asyncio.to_thread` in async tests that must go on
meanwhile.

A test that stops Pub/Sub starts a stack of its own with `StackOptions(pubsub=PubSubKind.EMBEDDED)`, and calls
`stack.make_topic()` after a restart. So does one that kills a puller: Google's emulator goes on sending to the stream
of a killed client, for 10 s or for ever.

`async with nats_client(stack.nats_url) as client:` connects to any NATS server (from infra.local.client).
`eventually(condition)` polls a condition with a deadline: the way to wait for another process. Where a test failed,
pytest shows the last words of its stack's parts.
"""

import asyncio
import inspect
import re
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import pytest
from nats.aio.client import Client

from infra.local import parts
from infra.local.bucket import Bucket, make_topic
from infra.local.child import Child
from infra.local.client import nats_client
from infra.local.node import Loader
from infra.local.parts import PubSubKind
from infra.local.ports import LOOPBACK
from infra.local.stack import Stack, StackOptions
from infra.local.supervisor import Supervisor

EVENTUALLY_SECONDS = 30.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class NatsServer:
    """A NATS server with JetStream."""

    url: str
    child: Child


@dataclass(frozen=True, slots=True)
class PubSubServer:
    """A Pub/Sub server; take a project of your own."""

    port: int
    child: Child

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"


@dataclass(frozen=True, slots=True)
class GcsServer:
    """A GCS server with one bucket, and the topic it notifies."""

    url: str
    child: Child
    bucket: Bucket
    project: str
    topic: str
    pubsub_address: str


@pytest.fixture(scope="session")
def supervisor() -> Iterator[Supervisor]:
    """The worker's supervisor: what it started is gone when the worker ends, or is killed."""
    with Supervisor() as running:
        yield running


@pytest.fixture
def nats_server(supervisor: Supervisor) -> Iterator[NatsServer]:
    port = supervisor.ports.reserve()
    child = supervisor.start(parts.nats(supervisor.new_folder("nats"), port, supervisor.ports.reserve()))
    yield NatsServer(f"nats://{LOOPBACK}:{port}", child)
    supervisor.stop(child)


@pytest.fixture
async def nats_connection(nats_server: NatsServer) -> AsyncIterator[Client]:
    async with nats_client(nats_server.url) as client:
        yield client


@pytest.fixture(scope="session")
def pubsub_server(supervisor: Supervisor) -> PubSubServer:
    port = supervisor.ports.reserve()
    return PubSubServer(port, supervisor.start(parts.pubsub(PubSubKind.AUTO, port)))


@pytest.fixture
def gcs_server(supervisor: Supervisor, pubsub_server: PubSubServer) -> Iterator[GcsServer]:
    port, project, topic = supervisor.ports.reserve(), f"test-{uuid.uuid4().hex[:12]}", "uploads"
    url = f"http://{LOOPBACK}:{port}"
    make_topic(pubsub_server.address, project=project, topic=topic)
    events = parts.Events(pubsub_server.port, project, topic)
    child = supervisor.start(parts.gcs(supervisor.new_folder("gcs"), port, events=events))
    with Bucket(url, name="models", project=project) as bucket:
        bucket.create()
        yield GcsServer(url, child, bucket, project, topic, pubsub_server.address)
    supervisor.stop(child)


@pytest.fixture
def start_stack(pubsub_server: PubSubServer) -> Iterator[Callable[[StackOptions], Stack]]:
    with ExitStack() as running:

        def start(options: StackOptions) -> Stack:
            shares = options.pubsub is PubSubKind.AUTO
            port = pubsub_server.port if shares else None
            loader = Loader.SCRIPTED if options.loader is Loader.AUTO else options.loader
            stack = running.enter_context(Stack(replace(options, pubsub_port=port, loader=loader)))
            running.callback(show_logs, stack)
            return stack

        yield start


@pytest.fixture
def stack(start_stack: Callable[[StackOptions], Stack]) -> Stack:
    return start_stack(StackOptions())


def show_logs(stack: Stack) -> None:
    """Write the last words of every part; pytest shows them where the test failed."""
    around = [child for child in (stack.nats, stack.gcs, stack.pubsub) if child]
    for child in [*around, *(child for node in stack.nodes for child in node.children)]:
        sys.stdout.write(f"\n----- {child.name}\n{child.tail()}\n")


Condition = Callable[[], object] | Callable[[], Awaitable[object]]


def refusing(supervisor: Supervisor, limits: str) -> NatsServer:
    """A server whose JetStream is as these words of its configuration say."""
    folder, port, monitor = supervisor.new_folder("nats"), supervisor.ports.reserve(), supervisor.ports.reserve()
    command = parts.nats(folder, port, monitor)
    text = re.sub(r"(?m)^jetstream .*$", limits.format(store=folder / "jetstream"), (folder / "nats.conf").read_text())
    (folder / "nats.conf").write_text(text)
    return NatsServer(f"nats://{LOOPBACK}:{port}", supervisor.start(command))


async def eventually(condition: Condition, *, seconds: float = EVENTUALLY_SECONDS) -> None:
    """Return when the condition, plain or async, is true; fail when it is not within the time."""
    deadline = time.monotonic() + seconds
    while True:
        outcome = condition()
        if await outcome if inspect.isawaitable(outcome) else outcome:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {seconds:g} s: {inspect.getsource(condition).strip()}")
        await asyncio.sleep(POLL_SECONDS)
