"""model.manager on a swarm of three nodes: what runs is what was ordered, and serves through updates."""

import json
import re
from itertools import pairwise

from infra.nats.rights import STREAMS
from tests.compose.world import World
from tests.swarm.serving import NODES, X, right, upload, wait_served
from tests.swarm.site import SERVICES, TFSERVING, Site
from tests.swarm.watcher import Watcher

OURS = ("puller", "configurator", "master")
ALL = (*OURS, "tfserving", "nats")


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
