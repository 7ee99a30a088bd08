"""A cluster as in production, to be attacked: NATS with TLS, keys and rights, two nodes, a master with tokens.

What an attacker has is here, too: the seeds of the keys, a viewer's token, the ports, the bucket. What the services may
cost under it is `Bounds`: 1.3 times their peak in the bench (docs/bench.md).
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.meter import peak_memory_mib
from events.names import NodeName
from infra.local import node as nodes
from infra.local import parts
from infra.local.bucket import Bucket
from infra.local.child import Child
from infra.local.node import Loader, Node
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from infra.nats.users import Names
from tests.support import nats
from tests.support.nats import ALICE, Secured
from tests.support.stack import GcsServer

NODES = (NodeName("node-1"), NodeName("node-2"))
COMMAND_TOKEN = "the command token of the attacked cluster"
TOKENS = {"viewer": "mm_viewer", "operator": "mm_operator", "admin": "mm_admin"}  # role -> token
PEAK_MIB = {"puller": 137, "configurator": 95, "master": 294}  # in docs/bench.md: transfers, 1,000 models, 1,000 nodes
AT_MOST_MIB = {name: 1.3 * peak for name, peak in PEAK_MIB.items()}


@dataclass(frozen=True, slots=True)
class Cluster:
    """What runs, and what an attacker may have got hold of."""

    nats: Secured
    nodes: tuple[Node, ...]
    master: Child
    master_port: int
    bucket: Bucket

    @property
    def master_url(self) -> str:
        return f"http://{LOOPBACK}:{self.master_port}"

    @property
    def node(self) -> Node:
        return self.nodes[0]

    @property
    def ports(self) -> dict[str, int]:
        """The HTTP port of each service of the first node, and of the master."""
        plan = self.node.plan
        return {"puller": plan.puller_port, "configurator": plan.configurator_port, "master": self.master_port}

    @property
    def children(self) -> dict[str, Child]:
        """The same services as processes."""
        return {"puller": self.node.puller, "configurator": self.node.configurator, "master": self.master}

    @property
    def services(self) -> Iterator[tuple[str, Child]]:
        """Every service of ours that runs."""
        yield "master", self.master
        for node in self.nodes:
            yield "puller", node.puller
            yield "configurator", node.configurator

    def signed_in(self, role: str = "viewer") -> dict[str, str]:
        """The headers of somebody with this role."""
        return {"Authorization": f"Bearer {TOKENS[role]}"}

    @contextmanager
    def bounded(self) -> Iterator[None]:
        """Attack within this: afterwards no service has ended, and none has ever taken more memory than it may."""
        yield
        for name, child in self.services:
            assert child.exit_code is None, f"{child.name} has ended:\n{child.tail()}"
            peak = peak_memory_mib(child.pid)
            assert peak <= AT_MOST_MIB[name], f"{child.name} took {peak:.0f} MiB"


def start(supervisor: Supervisor, gcs: GcsServer) -> Cluster:
    """Start it, and return when all services answer."""
    folder = nats.prepare(supervisor.new_folder("attacked"), Names(NODES, operators=(ALICE,)))
    server = nats.start(supervisor, folder)
    uploads = {
        "MM_BUCKET": gcs.bucket.name,
        "MM_PROJECT": gcs.project,
        "MM_TOPIC": gcs.topic,
        "STORAGE_EMULATOR_HOST": gcs.url,
        "PUBSUB_EMULATOR_HOST": gcs.pubsub_address,
        "MM_COMMAND_TOKEN": COMMAND_TOKEN,
        "MM_POLL_SECONDS": "5",
    }
    started = [_launch(supervisor, folder / name, name, server=server, settings=uploads) for name in NODES]
    port = supervisor.ports.reserve()
    master = supervisor.launch(parts.master(port, master_settings(server)))
    supervisor.wait_ready(*(child for node in started for child in node.children), master)
    return Cluster(server, tuple(started), master, port, gcs.bucket)


def master_settings(server: Secured, name: str = "master-1") -> dict[str, str]:
    """What a master of the cluster is given."""
    tokens = ",".join(f"{role}-1:{role}:{hashlib.sha256(one.encode()).hexdigest()}" for role, one in TOKENS.items())
    return {**server.environment("master", name), "MM_TOKENS": tokens, "MM_COMMAND_TOKEN": COMMAND_TOKEN}


def stop(supervisor: Supervisor, cluster: Cluster) -> None:
    """Stop all that was started here."""
    for child in (cluster.master, *(child for node in cluster.nodes for child in node.children), cluster.nats.child):
        supervisor.stop(child)


def open_files(child: Child) -> int:
    """Tell how many file descriptors a process has."""
    return sum(1 for _ in Path(f"/proc/{child.pid}/fd").iterdir())


def _launch(supervisor: Supervisor, folder: Path, name: NodeName, *, server: Secured, settings: dict[str, str]) -> Node:
    folder.mkdir()
    plan = nodes.plan(name, folder=folder, ports=supervisor.ports, settings=settings)
    serving = supervisor.launch(nodes.serving(plan, Loader.SCRIPTED))

    def service(program: str, port: int) -> Child:
        keys = server.environment(f"{program}.{name}", name)
        return supervisor.launch(nodes.service(replace(plan, settings={**plan.settings, **keys}), program, port=port))

    return Node(plan, serving, service("puller", plan.puller_port), service("configurator", plan.configurator_port))
