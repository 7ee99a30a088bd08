"""A site of nodes in one process: real disks, ports on loopback, one bucket in memory."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from events import pieces
from events.desired import Policy
from events.messages import Event
from events.names import FileName, NodeName
from events.pieces import Table
from events.status import Presence
from puller.download.transfer import Fetched, Transfer
from puller.exchange.client import STALL_SECONDS, Client
from puller.exchange.exchange import Exchange
from puller.exchange.neighbourhood import SETTLED_SECONDS, Neighbourhood
from puller.exchange.offers import Offers
from puller.exchange.request import Place
from puller.exchange.server import Server
from service.layout import Layout
from tests.fakes.bucket import FakeBucket
from tests.support.puller_world import MODEL, QUICK, World

SECRET = "the secret of the site"


@dataclass(slots=True)
class Node:
    """A node of the site."""

    name: NodeName
    world: World
    exchange: Exchange
    address: str
    events: list[Event] = field(default_factory=list)

    async def fetch(self, version: int = 1) -> Fetched:
        """Bring a version onto the disk, as the puller does."""
        transfer = Transfer(
            self.world.bucket,
            layout=self.world.layout,
            reserve_bytes=0,
            bytes_per_second=None,
            retries=QUICK,
            exchange=self.exchange,
        )
        fetched = await self.world.fetch(version, transfer=transfer)
        await self.world.publish(version)
        return fetched

    def hear(self, name: str, address: str) -> None:
        """Hear a sign of life."""
        sign = Presence(node=NodeName(name), service="puller", started=datetime.now(UTC), exchange=address)
        self.exchange.neighbourhood.hear(sign.model_dump_json().encode())


@dataclass(slots=True)
class Site:
    """All nodes, which hear each other."""

    folder: Path
    bucket: FakeBucket
    nodes: list[Node] = field(default_factory=list)

    @property
    def bytes_fetched(self) -> int:
        """What the bucket sent."""
        return self.bucket.sent

    @contextlib.asynccontextmanager
    async def node(self, *, table: Table | None = None, stall_seconds: float = STALL_SECONDS) -> AsyncIterator[Node]:
        """Add a node, which has been there for a while."""
        name = NodeName(f"n{len(self.nodes)}")
        clock = asyncio.get_running_loop().time
        world = World(Layout(self.folder / name), self.bucket)
        world.layout.models_dir.mkdir()
        events: list[Event] = []
        neighbourhood = Neighbourhood(name, site="", clock=lambda: clock() + SETTLED_SECONDS, greet=lambda: None)
        neighbourhood._began -= SETTLED_SECONDS
        offers = Offers(world.layout, policies=lambda _model: (Policy(),))
        listener = socket.create_server(("127.0.0.1", 0))
        server = Server(offers, secret=SECRET, bytes_per_second=None)
        task = asyncio.create_task(server.serve(listener))

        def known(_place: Place) -> Table | None:
            return table

        client = Client(SECRET, stall_seconds=stall_seconds)
        exchange = Exchange(name, neighbourhood, client, offers, table=known, emit=events.append)
        node = Node(name, world, exchange, f"127.0.0.1:{listener.getsockname()[1]}", events)
        for other in self.nodes:
            other.hear(name, node.address)
            node.hear(other.name, other.address)
        self.nodes.append(node)
        try:
            yield node
        finally:
            task.cancel()
            await asyncio.wait([task])
            client.close()


def fill(bucket: FakeBucket, files: Mapping[str, bytes], *, version: int = 1) -> Table:
    """Upload a version; the table of its pieces, as a manifest says it."""
    for name, data in files.items():
        bucket.write(f"{MODEL}/{version}/{name}", data)
    return Table({FileName(name): pieces.digests(len(data), [data]) for name, data in files.items()})
