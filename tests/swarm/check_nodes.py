"""Nodes that leave, are cut off or lose their power: the others serve on, and whoever comes back has what it missed."""

import time
from collections.abc import Iterator

import pytest

from tests.compose.world import World, eventually
from tests.swarm.serving import NODES, X, line, right, upload, wait_served
from tests.swarm.site import Site
from tests.swarm.watcher import Watcher

LONG_HEARTBEAT, USUAL_HEARTBEAT = "30s", "5s"
BEAT_SECONDS = 8.0


def test_label_takes_a_node_out_and_in_again(site: Site, world: World, model: str) -> None:
    """Without its label a node serves nothing and the others go on; with it, it takes from its disk and the bucket."""
    upload(world, model, 1)
    wait_served(world, model, 1)
    others = [world.nodes[node] for node in ("node1", "node2")]
    with Watcher(others, model=model, x=X) as watcher:
        site.docker("node", "update", "--label-rm=mm.serving", "node3")
        eventually(
            lambda: not site.containers("node3", "puller", "configurator", "tfserving"), "node3 runs none of ours"
        )
        assert site.status().code == 0
        upload(world, model, 2)
        wait_served(world, model, 2, "node1", "node2")
        site.docker("node", "update", "--label-add=mm.serving=yes", "node3")
        wait_served(world, model, 2)
    assert watcher.failures() == []
    assert watcher.answers() == right(1, 2)


def test_node_that_swarm_gave_up_comes_back(site: Site, world: World, model: str) -> None:
    """A node the swarm calls down answers on; at its return it is started anew and has what it missed."""
    upload(world, model, 1)
    wait_served(world, model, 1)
    with Watcher(world.nodes.values(), model=model, x=X) as watcher:
        site.lab.cut("node3")
        site.wait_node("node3", "down")
        upload(world, model, 2)
        wait_served(world, model, 2, "node1", "node2")
        assert watcher.failures() == []
        site.lab.mend("node3")
        site.wait_node("node3", "ready")
        wait_served(world, model, 2)
    assert watcher.failures("node1", "node2") == []
    assert watcher.answers() == right(1, 2)


def test_killed_worker_comes_back(site: Site, world: World, model: str) -> None:
    """A node without power costs the others nothing, even with NATS and a master on it; it comes back and serves."""
    upload(world, model, 1)
    wait_served(world, model, 1)
    others = [world.nodes[node] for node in ("node1", "node3")]
    with Watcher(others, model=model, x=X) as watcher:
        site.lab.kill("node2")
        upload(world, model, 2)
        wait_served(world, model, 2, "node1", "node3")
        site.wait_node("node2", "down")
        site.lab.start("node2")
        site.wait_node("node2", "ready")
        wait_served(world, model, 2)
    assert watcher.failures() == []
    assert watcher.answers() == right(1, 2)


def test_manager_that_is_killed_comes_back(site: Site, world: World, model: str) -> None:
    """Without its only manager the swarm works on and takes new versions; back, the manager knows its swarm again."""
    upload(world, model, 1)
    wait_served(world, model, 1)
    other = site.world("node2")
    others = [world.nodes[node] for node in ("node2", "node3")]
    with Watcher(others, model=model, x=X) as watcher:
        site.lab.kill("node1")
        upload(world, model, 2)
        wait_served(other, model, 2, "node2", "node3")
        site.lab.start("node1")
        for node in NODES:
            site.wait_node(node, "ready")
        wait_served(other, model, 2)
    other.bucket.close()
    assert watcher.failures() == []
    assert watcher.answers() == right(1, 2)


@pytest.mark.usefixtures("patient")
def test_node_that_is_cut_off_for_a_while_serves_on(site: Site, world: World, model: str) -> None:
    """Cut off the others and the bucket, a node answers all the time, and takes what it missed when it is back."""
    upload(world, model, 1)
    wait_served(world, model, 1)
    tasks = site.tasks("tfserving")
    with Watcher(world.nodes.values(), model=model, x=X) as watcher:
        site.lab.cut("node3")
        upload(world, model, 2)
        wait_served(world, model, 2, "node1", "node2")
        eventually(lambda: world.node("node3").state == "lost", "the master misses node3")
        assert world.nodes["node3"].answers(model, line(1), x=X)
        site.lab.mend("node3")
        wait_served(world, model, 2)
    assert watcher.failures() == []
    assert watcher.answers() == right(1, 2)
    assert site.tasks("tfserving") == tasks


@pytest.fixture
def patient(site: Site) -> Iterator[None]:
    """A swarm that does not give a silent node up for a minute and a half, as docs/swarm.md recommends."""
    site.docker("swarm", "update", f"--dispatcher-heartbeat={LONG_HEARTBEAT}")
    time.sleep(BEAT_SECONDS)  # nodes are told with their next beat, and show it nowhere
    yield
    site.docker("swarm", "update", f"--dispatcher-heartbeat={USUAL_HEARTBEAT}")
