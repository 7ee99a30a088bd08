"""What a deployment is made of: names by content, routes and addresses by nodes, TensorFlow Serving's share."""

import json
import re
from pathlib import Path

import pytest

from infra.docker.offline.shell import Failed
from infra.swarm import render
from infra.swarm.inputs import NATS
from infra.swarm.render import LABELS, MIB, NANO, Content, Node, Share

GIB = 1024 * MIB
TOKEN = Content("secrets", "command_token", b"one")


def node(name: str, *labels: str, cpus: float = 8.0, memory: int = 32 * GIB) -> Node:
    """A node with these labels."""
    return Node(
        id=f"id-{name}",
        hostname=name,
        role="worker",
        state="ready",
        availability="active",
        labels=dict.fromkeys(labels, "yes"),
        nano_cpus=int(cpus * NANO),
        memory_bytes=memory,
    )


THREE = [node("b", *LABELS), node("a", *LABELS), node("c", "mm.serving", "mm.nats")]


def test_name_follows_the_content() -> None:
    """The same content has the same name each time; other content or another stack has another."""
    same = Content("secrets", "command_token", b"one")
    assert TOKEN.versioned("mm") == same.versioned("mm")
    assert len({TOKEN.versioned("mm"), Content("secrets", "command_token", b"two").versioned("mm")}) == 2
    assert TOKEN.versioned("mm") != TOKEN.versioned("other")


def test_names_fit_the_swarm() -> None:
    """Swarm takes names of 64 characters at most, of letters, digits, dots, dashes and underlines."""
    longest = Content("secrets", "nats_certificate_key", b"").versioned("model-manager-production")
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", longest)


def test_name_tells_nothing_of_a_secret() -> None:
    """Names of secrets are seen by whoever may list them."""
    assert "one" not in TOKEN.versioned("mm")


def test_overlay_names_each_content_and_its_file() -> None:
    """What `docker stack deploy` is given has every config and secret, and nothing of google's where none is there."""
    ca = Content("configs", "nats_ca", b"ca")
    files = {"command_token": Path("/t/$x/token"), "nats_ca": Path("/t/ca")}
    shown = json.loads(render.overlay("mm", [TOKEN, ca], files))
    assert shown["secrets"] == {"command_token": {"name": TOKEN.versioned("mm"), "file": "/t/$$x/token"}}
    assert shown["configs"] == {"nats_ca": {"name": ca.versioned("mm"), "file": "/t/ca"}}
    assert "services" not in shown


def test_google_credentials_go_to_the_puller_alone() -> None:
    """Where the folder has credentials, the puller gets them as a file only it can read, and is told where."""
    google = Content("secrets", "google", b"{}")
    services = json.loads(render.overlay("mm", [google], {"google": Path("/t/google")}))["services"]
    (secret,) = services["puller"]["secrets"]
    assert services.keys() == {"puller"}
    assert (secret["source"], secret["uid"], secret["mode"]) == ("google", "10001", 0o400)
    assert services["puller"]["environment"] == {"GOOGLE_APPLICATION_CREDENTIALS": secret["target"]}


def test_servers_know_each_other_and_services_know_all() -> None:
    """The configuration of the cluster has a route to each server of this swarm, and to no other."""
    rendered = render.cluster_config((NATS / "cluster.conf").read_text(), THREE)
    assert re.findall(r"nats-route://[^\"]+", rendered) == [f"nats-route://nats-{name}:6222" for name in "abc"]
    assert 'include "production.conf"' in rendered
    assert render.nats_url(THREE) == "tls://nats-a:4222,tls://nats-b:4222,tls://nats-c:4222"


def test_configuration_without_routes_is_refused() -> None:
    """A cluster.conf that was changed beyond what is known here is no base to deploy from."""
    with pytest.raises(Failed, match="0 lists of routes"):
        render.cluster_config("cluster { port: 6222 }", THREE)


@pytest.mark.parametrize(
    ("nodes", "share"),
    [
        ([node("a")], Share(7.5, 31 * 1024)),
        ([node("a"), node("small", cpus=2, memory=4 * GIB)], Share(1.5, 3 * 1024)),
        ([node("tiny", cpus=0.5, memory=GIB)], Share(0.25, 512)),
    ],
)
def test_tensorflow_serving_gets_most_of_the_smallest_node(nodes: list[Node], share: Share) -> None:
    """One service reserves the same on each node, so the smallest one decides; more than half is always its."""
    assert render.tfserving_share(nodes) == share


def test_places_are_found_by_label() -> None:
    """A label counts when it says yes."""
    refused = Node("x", "x", "worker", "ready", "active", {"mm.nats": "no"}, NANO, GIB)
    found = render.places([*THREE, refused])
    assert [one.hostname for one in found.nats] == ["b", "a", "c"]
    assert [one.hostname for one in found.master] == ["b", "a"]


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([], ["mm.serving", "mm.nats", "mm.master", "docker node update --label-add"]),
        ([*THREE, node("d", "mm.nats")], ["4 nodes have the label mm.nats"]),
        ([node(name, "mm.serving", "mm.nats") for name in "abc"], ["0 nodes have the label mm.master"]),
    ],
)
def test_missing_labels_are_told_all_at_once(nodes: list[Node], words: list[str]) -> None:
    """Whoever deploys to nodes without labels learns which are lacking, and the command that sets one."""
    with pytest.raises(Failed) as caught:
        render.places(nodes)
    assert all(word in str(caught.value) for word in words)


def test_variables_describe_the_swarm() -> None:
    """A person may say what TensorFlow Serving reserves; where NATS is, the labels say alone."""
    found = render.places(THREE)
    nats = {"MM_NATS_URL": render.nats_url(THREE), "MM_NATS_COPIES": "3"}
    computed = {"MM_TFSERVING_CPUS": "7.5", "MM_TFSERVING_MEMORY": "31744M"}
    assert render.variables(found, {}) == {**computed, **nats}
    given = {"MM_TFSERVING_CPUS": "4", "MM_IMAGE": "i"}
    given_nats = {**given, "MM_NATS_URL": "nats://elsewhere"}
    assert render.variables(found, given_nats) == {**computed, **given, **nats}
