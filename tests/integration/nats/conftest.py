"""Servers for production, started for one test: one with the users of three nodes and an operator, and a cluster."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from events.names import NodeName
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from infra.nats.users import Names, Site
from tests.support import nats
from tests.support.nats import ALICE, Secured

NODES = tuple(map(NodeName, ("node-a", "node-b", "n.1")))
CENTRE, FAR = NodeName("node-a"), NodeName("node-c")
DEPOT = Site(NodeName("depot"), (FAR,))
SETTLE_SECONDS = 100.0  # an election takes 4 to 9 s, and now and then a second round; on a busy machine more


@pytest.fixture
def secured(supervisor: Supervisor) -> Iterator[Secured]:
    folder = nats.prepare(supervisor.new_folder("keys"), Names(NODES, operators=(ALICE,), shares_keys=True))
    server = nats.start(supervisor, folder)
    yield server
    supervisor.stop(server.child)


@pytest.fixture
def keys(supervisor: Supervisor) -> Path:
    return nats.prepare(supervisor.new_folder("keys"), Names((CENTRE,), operators=(ALICE,), sites=(DEPOT,)))


@pytest.fixture
def cluster(supervisor: Supervisor, keys: Path) -> Iterator[list[Secured]]:
    routes = [supervisor.ports.reserve() for _ in range(3)]
    servers = []
    for number, own in enumerate(routes, start=1):
        changes = {
            "port: 6222": f'host: "{LOOPBACK}", port: {own}',
            **{f"nats-{place}:6222": f"{LOOPBACK}:{port}" for place, port in enumerate(routes, start=1)},
        }
        servers.append(nats.launch(supervisor, keys, "cluster.conf", replace=changes, name=f"nats-{number}"))
    supervisor.wait_ready(*(server.child for server in servers))
    yield servers
    for server in servers:
        supervisor.stop(server.child)
