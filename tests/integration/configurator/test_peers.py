"""Two configurators, each with its TensorFlow Serving, over a real nats-server: nodes do not follow each other down."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client

from events import subjects
from events.desired import Desired, Policy
from events.names import NodeName, Version
from infra.local.supervisor import Supervisor
from tests.integration.configurator.conftest import Node
from tests.support.configurator import MODEL
from tests.support.stack import NatsServer, eventually

SECONDS = 40.0
NAMES = ("node-1", "node-2")


class Pair:
    """Two nodes, whose TensorFlow Servings are started again when they have gone down."""

    def __init__(self, folder: Path, supervisor: Supervisor, nats_url: str) -> None:
        self.nodes: dict[str, Node] = {}
        self.falls = dict.fromkeys(NAMES, 0)
        for name in NAMES:
            (folder / name).mkdir()
            node = self.nodes[name] = Node(folder / name, supervisor.ports.reserve())
            node.start_serving()
            node.start_configurator(node=name, nats_url=nats_url, stagger_seconds=1, heed_peers=True)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is true; whatever has gone down meanwhile is started again."""

        def is_so() -> bool:
            for name, node in self.nodes.items():
                if node.serving_has_ended:
                    self.falls[name] += 1
                    node.start_serving()
            return bool(condition())

        await eventually(is_so, seconds=SECONDS)

    def stop(self) -> None:
        for node in self.nodes.values():
            node.stop()


@pytest.fixture
def pair(tmp_path: Path, supervisor: Supervisor, nats_server: NatsServer) -> Iterator[Pair]:
    pair = Pair(tmp_path, supervisor, nats_server.url)
    yield pair
    pair.stop()


@asynccontextmanager
async def desired(server: NatsServer) -> AsyncIterator[Callable[[Desired], Awaitable[None]]]:
    """Write desired state of the model as a master does; nothing is wanted of it any more at the end."""
    client = Client()
    await client.connect(server.url)
    bucket = await client.jetstream().key_value(subjects.DESIRED_BUCKET)

    async def write(document: Desired) -> None:
        await bucket.put(subjects.desired_key(MODEL), document.model_dump_json().encode())

    try:
        yield write
    finally:
        await write(Desired())
        await client.close()


async def test_a_version_that_kills_goes_down_on_one_node_alone(pair: Pair, nats_server: NatsServer) -> None:
    """The other serves on and says why; it is tried there when an operator says so, and not before."""
    first, second = pair.nodes.values()
    for node in (first, second):
        node.publish(1)
    await pair.until(lambda: first.serves(1) and second.serves(1) and first.report().nats.is_connected)
    await pair.until(lambda: second.report().nats.is_connected)
    first.publish(7, crash=True)
    await pair.until(lambda: pair.falls["node-1"])
    second.publish(7, crash=True)
    await pair.until(lambda: "went away 2 times" in first.model().difference)
    words = "it took TensorFlow Serving down on node-1; `model-manager retry m 7` has it tried again"
    await pair.until(lambda: second.model().difference == f"version 7 is in quarantine: {words}")
    second.publish(8)
    await pair.until(lambda: second.serves(8))
    assert pair.falls == {"node-1": 2, "node-2": 0}
    second.kill_configurator()
    second.start_configurator(node="node-2", nats_url=nats_server.url, stagger_seconds=1, heed_peers=True)
    second.publish(9)
    await pair.until(lambda: second.serves(9))
    assert pair.falls == {"node-1": 2, "node-2": 0}
    await pair.until(lambda: not second.layout.version(MODEL, Version(7)).exists())  # older than what serves
    second.publish(7, crash=True)  # as a puller would for an operator's pin
    policy = Policy.model_validate({"want": {"kind": "pinned", "versions": [7]}, "retry": {Version(7): "again"}})
    async with desired(nats_server) as write:
        await write(Desired(nodes={NodeName("node-2"): policy}))
        await pair.until(lambda: pair.falls["node-2"])
