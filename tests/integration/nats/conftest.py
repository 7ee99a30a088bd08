"""A server for production with the users of three nodes and an operator, started for one test."""

from collections.abc import Iterator

import pytest

from events.names import NodeName
from infra.local.supervisor import Supervisor
from infra.nats.users import Names
from tests.support import nats
from tests.support.nats import ALICE, Secured

NODES = tuple(map(NodeName, ("node-a", "node-b", "n.1")))


@pytest.fixture
def secured(supervisor: Supervisor) -> Iterator[Secured]:
    folder = nats.prepare(supervisor.new_folder("keys"), Names(NODES, operators=(ALICE,), shares_keys=True))
    server = nats.start(supervisor, folder)
    yield server
    supervisor.stop(server.child)
