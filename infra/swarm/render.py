"""What is deployed, computed from the site's files and the swarm's nodes: no I/O here.

Swarm's configs and secrets cannot change. So each is made under a name that holds its content's hash: other content is
another name, which changes the services that use it, which updates them, and them alone.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.docker.offline.shell import Failed

HASH_DIGITS = 12
ROUTES = re.compile(r"routes: \[[^\]]*\]")
GOOGLE = "google"
GOOGLE_TARGET = "/run/secrets/google.json"
USER = "10001"
MIB = 1024**2
NANO = 10**9

Kind = Literal["configs", "secrets"]


@dataclass(frozen=True, slots=True)
class Content:
    """A config or a secret of the stack."""

    kind: Kind
    name: str
    data: bytes

    def versioned(self, stack: str) -> str:
        """The name it has in the swarm."""
        return f"{stack}_{self.name}_{hashlib.sha256(self.data).hexdigest()[:HASH_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the swarm."""

    id: str
    hostname: str
    role: str
    state: str
    availability: str
    labels: Mapping[str, str]
    nano_cpus: int
    memory_bytes: int

    def has(self, label: str) -> bool:
        """Whether the node's label says yes."""
        return self.labels.get(label) == "yes"


def overlay(stack: str, contents: Sequence[Content], files: Mapping[str, Path]) -> str:
    """Render the stack file that stands beside `stack.yml`: configs and secrets, each with its file here."""
    sections: dict[str, dict[str, object]] = {"configs": {}, "secrets": {}}
    for content in contents:
        path = str(files[content.name]).replace("$", "$$")
        sections[content.kind][content.name] = {"name": content.versioned(stack), "file": path}
    whole: dict[str, object] = {"version": "3.8", **sections}
    if any(content.name == GOOGLE for content in contents):
        secret = {"source": GOOGLE, "target": GOOGLE_TARGET, "uid": USER, "gid": USER, "mode": 0o400}
        puller = {"secrets": [secret], "environment": {"GOOGLE_APPLICATION_CREDENTIALS": GOOGLE_TARGET}}
        whole["services"] = {"puller": puller}
    return json.dumps(whole, indent=2) + "\n"


def cluster_config(text: str, nats_nodes: Iterable[Node]) -> str:
    """Give `infra/nats/cluster.conf` the routes to this swarm's servers."""
    routes = ", ".join(f'"nats-route://{nats_host(node)}:6222"' for node in _by_name(nats_nodes))
    rendered, count = ROUTES.subn(f"routes: [{routes}]", text)
    if count != 1:
        raise Failed(f"infra/nats/cluster.conf has {count} lists of routes, not one")
    return rendered


def nats_url(nats_nodes: Iterable[Node]) -> str:
    """What the services are given as `MM_NATS_URL`."""
    return ",".join(f"tls://{nats_host(node)}:4222" for node in _by_name(nats_nodes))


def nats_host(node: Node) -> str:
    """The name of a node's NATS server, as its certificate has to have it."""
    return f"nats-{node.hostname}"


@dataclass(frozen=True, slots=True)
class Share:
    """What TensorFlow Serving reserves on each node."""

    cpus: float
    memory_mib: int


def tfserving_share(serving_nodes: Iterable[Node]) -> Share:
    """Reserve what the smallest node has, but for what the others reserve there and the host itself needs.

    The others reserve 0.35 processors and 480 MiB where all of them run; with the host's part that makes 0.5 and 1 GiB.
    A node that is too small for this gives TensorFlow Serving half.
    """
    nodes = list(serving_nodes)
    cpus = min(node.nano_cpus for node in nodes) / NANO
    memory = min(node.memory_bytes for node in nodes) // MIB
    return Share(cpus=round(max(cpus - 0.5, cpus / 2), 2), memory_mib=max(memory - 1024, memory // 2))


@dataclass(frozen=True, slots=True)
class Places:
    """The nodes by what they are labelled for."""

    serving: tuple[Node, ...]
    nats: tuple[Node, ...]
    master: tuple[Node, ...]


def places(nodes: Sequence[Node]) -> Places:
    """Sort the nodes by label; `Failed` says which labels are lacking, and how they are set."""
    found = Places(*(tuple(node for node in nodes if node.has(label)) for label in LABELS))
    problems = []
    if not found.serving:
        problems.append("no node has the label mm.serving: label those that run TensorFlow Serving")
    if len(found.nats) not in {3, 5}:
        problems.append(f"{len(found.nats)} nodes have the label mm.nats: label three (or five), and leave it so")
    if len(found.master) < MASTERS:
        problems.append(f"{len(found.master)} nodes have the label mm.master: label two or more")
    if problems:
        raise Failed("; ".join(problems) + ". For example: docker node update --label-add mm.nats=yes NODE")
    return found


LABELS = ("mm.serving", "mm.nats", "mm.master")
MASTERS = 2


def variables(found: Places, settings: Mapping[str, str]) -> dict[str, str]:
    """What `stack.yml` is told: the settings, and what they cannot say otherwise than the swarm is."""
    share = tfserving_share(found.serving)
    return {
        "MM_TFSERVING_CPUS": f"{share.cpus:g}",
        "MM_TFSERVING_MEMORY": f"{share.memory_mib}M",
        **settings,
        "MM_NATS_URL": nats_url(found.nats),
        "MM_NATS_COPIES": str(len(found.nats)),
    }


def _by_name(nodes: Iterable[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: node.hostname)
