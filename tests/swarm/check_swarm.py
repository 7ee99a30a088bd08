"""model.manager on a swarm of three nodes: what runs is what was ordered, and serves through updates and lost nodes."""

import json
import re
import time
from functools import partial
from itertools import pairwise

import pytest

from infra.docker.line import Line
from infra.nats.rights import STREAMS
from tests.compose.world import World, eventually
from tests.swarm.site import SERVICES, TFSERVING, Site
from tests.swarm.watcher import Watcher

NODES = ("node1", "node2", "node3")
OURS = ("puller", "configurator", "master")
ALL = (*OURS, "tfserving", "nats")
X = 3.0
# The node that was lost may have led NATS, or have had a service's connection: to notice takes up to half a minute.
SERVED_SECONDS = 150.0
LONG_HEARTBEAT, USUAL_HEARTBEAT = "30s", "5s"
BEAT_SECONDS = 8.0


def line(version: int) -> Line:
    """What a version of any model here answers."""
    return Line(2.0, float(version))


def wait_served(world: World, model: str, version: int, *nodes: str) -> None:
    """Wait until nodes, all where none is named, give a version's answers and the master says so."""
    for node in nodes or NODES:
        answers = partial(world.nodes[node].answers, model, line(version), x=X)
        eventually(answers, f"{node} answers as {model} {version}", seconds=SERVED_SECONDS)
    for node in nodes or NODES:
        serving = partial(is_serving, world, model, version, node)
        eventually(serving, f"the master says {node} serves {model} {version}", seconds=SERVED_SECONDS)


def is_serving(world: World, model: str, version: int, node: str) -> bool:
    cell = world.cell(model, node)
    return cell is not None and cell.state == "serving" and cell.serving == (version,)


def upload(world: World, model: str, version: int) -> None:
    world.upload(model, version, line(version), with_smoke=True)


def right(*versions: int) -> set[float]:
    """The answers that a client may be given while these versions are served."""
    return {line(version).at(X) for version in versions}


def test_upload_is_served_on_every_node(world: World, model: str) -> None:
    """A version that is uploaded is answered right by all three nodes, over gRPC and REST, and so is the next one."""
    for version in (1, 2):
        upload(world, model, version)
        wait_served(world, model, version)


def test_both_masters_give_the_same_answer(site: Site, model: str) -> None:
    """Whichever master is asked knows all nodes and what they serve, and can order a change."""
    worlds = [site.world(master) for master in ("node1", "node2")]
    upload(worlds[0], model, 1)
    for world in worlds:
        wait_served(world, model, 1)
        world.bucket.close()
    upload(worlds[0], model, 2)
    wait_served(worlds[0], model, 2)
    worlds[1].change(model, kind="pin", versions=[1])
    wait_served(worlds[0], model, 1)


def test_nothing_has_rights_it_does_not_need(site: Site) -> None:
    """Every container has a read-only root, no capabilities, no way to new privileges; ours are nobody."""
    for service in ALL:
        for node in ("node1", "node2"):
            container = site.container(service, node)
            status = site.docker("exec", container, "cat", "/proc/1/status", node=node)
            shown = json.loads(site.docker("inspect", container, node=node))[0]
            assert re.search(r"^NoNewPrivs:\s+1$", status, re.M), service
            assert re.search(r"^CapBnd:\s+0+$", status, re.M), service
            assert shown["HostConfig"]["ReadonlyRootfs"], service
            assert service == "nats" or shown["Config"]["User"] == "10001:10001", service


def test_jetstream_has_a_copy_on_each_server(site: Site) -> None:
    """Streams and buckets have as many copies as there are NATS servers, so that one server's loss costs nothing."""
    url = "http://127.0.0.1:8222/jsz?streams=true&config=true"
    shown = json.loads(site.docker("exec", site.container("nats", "node1"), "wget", "-q", "-O", "-", url))
    streams = {one["name"]: one["config"]["num_replicas"] for one in shown["account_details"][0]["stream_detail"]}
    assert streams == dict.fromkeys(STREAMS, 3)


def test_deploying_the_same_again_changes_nothing(site: Site) -> None:
    """With the same files and settings no task is replaced."""
    before = site.tasks(*ALL)
    assert site.deploy().code == 0
    assert site.tasks(*ALL) == before


def test_update_of_the_services_leaves_serving_alone(site: Site, world: World, model: str) -> None:
    """Another image and another secret reach every service of ours, node by node; no Predict is lost meanwhile."""
    upload(world, model, 1)
    wait_served(world, model, 1)
    site.tag(f"{SERVICES}:dev", f"{SERVICES}:next")
    serving = site.tasks("tfserving")
    with Watcher(world.nodes.values(), model=model, x=X) as watcher:
        site.change_command_token()
        done = site.deploy(MM_IMAGE=f"{SERVICES}:next")
        assert done.code == 0, done.said
        assert all(site.images(service) == {f"{SERVICES}:next"} for service in OURS)
        upload(world, model, 2)
        wait_served(world, model, 2)
    assert watcher.failures() == []
    assert watcher.answers() == right(1, 2)
    assert site.tasks("tfserving") == serving


def test_bad_image_is_rolled_back(site: Site, world: World, model: str) -> None:
    """An image that cannot be had ends in what ran before; the tool fails and says why; serving never stops."""
    upload(world, model, 1)
    wait_served(world, model, 1)
    before = {service: site.images(service) for service in OURS}
    with Watcher(world.nodes.values(), model=model, x=X) as watcher:
        done = site.deploy(MM_IMAGE=f"{SERVICES}:nowhere")
        assert done.code == 1
        assert "the update failed, what ran before runs again" in done.said
        assert f"{SERVICES}:nowhere" in done.said
        assert {service: site.images(service) for service in OURS} == before
        upload(world, model, 2)
        wait_served(world, model, 2)
    assert watcher.failures() == []
    assert site.deploy(MM_IMAGE=next(iter(before["puller"]))).code == 0


def test_tensorflow_serving_is_updated_node_by_node(site: Site, world: World, model: str) -> None:
    """While another image of TensorFlow Serving comes, two of three nodes answer at any moment, and always right."""
    upload(world, model, 1)
    wait_served(world, model, 1)
    site.tag(f"{TFSERVING}:dev", f"{TFSERVING}:next")
    images = site.images("puller")
    with Watcher(world.nodes.values(), model=model, x=X) as watcher:
        done = site.deploy(MM_TFSERVING_IMAGE=f"{TFSERVING}:next", MM_IMAGE=images.pop())
        assert done.code == 0, done.said
        wait_served(world, model, 1)
    assert site.images("tfserving") == {f"{TFSERVING}:next"}
    gaps = sorted(gap for node in NODES for gap in watcher.gaps(node))
    assert all(end <= begin for (_, end), (begin, _) in pairwise(gaps))
    assert watcher.answers() == right(1)


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
def patient(site: Site) -> object:
    """A swarm that does not give a silent node up for a minute and a half, as docs/swarm.md recommends."""
    site.docker("swarm", "update", f"--dispatcher-heartbeat={LONG_HEARTBEAT}")
    time.sleep(BEAT_SECONDS)  # nodes are told with their next beat, and show it nowhere
    yield
    site.docker("swarm", "update", f"--dispatcher-heartbeat={USUAL_HEARTBEAT}")
