"""What fails, fails alone: the last good version is answered all the while, and nothing is lost when it is back."""

import pytest

from events.status import Stage
from infra.docker.line import Line
from master.views import CellState, NodeState
from tests.compose.breaker import FAULTS, Breaker
from tests.compose.world import World, eventually

FIRST, SECOND, THIRD = Line(1.0, 1.0), Line(1.0, 2.0), Line(1.0, 3.0)
A, B = "node-a", "node-b"
# A container that is away -> the nodes that serve a new version all the same.
GO_ON = {
    f"puller-{A}": (B,),
    f"configurator-{A}": (B,),
    f"tfserving-{A}": (B,),
    "master": (A, B),
    "nats": (A, B),
    "pubsub": (A, B),
}
SIZE = 7 * 1024 * 1024  # of node-b's 12 MiB: one version fits beside the reserve, two do not


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("service", GO_ON)
def test_one_container_away(world: World, breaker: Breaker, model: str, service: str, fault: str) -> None:
    """A version that is uploaded meanwhile is served wherever it can be, and everywhere after the return."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    with breaker.away(service, fault=fault):
        world.upload(model, 2, SECOND)
        for node in GO_ON[service]:
            eventually(lambda: world.nodes[node].answers(model, SECOND), f"{node} serves version 2 without {service}")  # noqa: B023 - called at once
        if A not in GO_ON[service] and not service.startswith("tfserving"):
            assert world.nodes[A].answers(model, FIRST)
    world.wait_served(model, 2, SECOND)
    eventually(lambda: on_record(world, model, 2) == set(world.nodes), "what happened meanwhile is in the history")


@pytest.mark.parametrize("fault", FAULTS)
def test_bucket_away(world: World, breaker: Breaker, model: str, fault: str) -> None:
    """Without the bucket everything published is served; at its return new versions come again."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    with breaker.away("gcs", fault=fault):
        for node in world.nodes:
            assert world.nodes[node].answers(model, FIRST)
    world.upload(model, 2, SECOND)
    world.wait_served(model, 2, SECOND)


@pytest.mark.parametrize("service", [f"puller-{A}", f"configurator-{A}", f"tfserving-{A}"])
def test_master_says_what_is_missing(world: World, breaker: Breaker, service: str) -> None:
    """A node without one of its parts is troubled, and the reason names the part; well again at its return."""
    name = "TensorFlow Serving" if service.startswith("tfserving") else service.partition("-")[0]
    eventually(lambda: world.node(A).state is NodeState.WELL, "node-a is well", seen=lambda: world.node(A).reason)
    with breaker.away(service):
        assert breaker.exit_code(service) == 0, "stopped by SIGTERM within its time, and not by SIGKILL"
        eventually(
            lambda: world.node(A).state is NodeState.TROUBLED and name in world.node(A).reason,
            f"node-a is troubled for its {name}",
            seen=lambda: (world.node(A).state, world.node(A).reason),
        )
    eventually(lambda: world.node(A).state is NodeState.WELL, "node-a is well", seen=lambda: world.node(A).reason)


def test_master_shows_the_last_known_without_nats(world: World, breaker: Breaker, model: str) -> None:
    """While NATS is away the master says how old its view is, and still shows it."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    with breaker.away("nats"):
        eventually(lambda: world.overview().freshness.is_stale, "the master says that its view is stale")
        cell = world.cell(model, A)
        assert cell is not None
        assert cell.serving == (1,)
    eventually(lambda: not world.overview().freshness.is_stale, "the master hears the cluster again")


def test_node_cut_off(world: World, breaker: Breaker, model: str) -> None:
    """A node off the network serves what it has and is called lost; back on it, it catches up."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    with breaker.cut_off(A):
        world.upload(model, 2, SECOND)
        world.wait_served(model, 2, SECOND, on=(B,))
        eventually(lambda: world.node(A).state is NodeState.LOST, "node-a is lost", seen=lambda: world.node(A).reason)
        world.wait_cell(model, A, state=CellState.LOST)
        assert world.nodes[A].answers(model, FIRST)
    world.wait_served(model, 2, SECOND)


def test_node_restarts_with_everything_else_away(world: World, breaker: Breaker, model: str) -> None:
    """A node whose three containers restart alone in the world serves what it served before."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    node = (f"puller-{A}", f"configurator-{A}", f"tfserving-{A}")
    with breaker.away("nats", "pubsub", "gcs", "master", fault="kill"):
        for service in node:
            breaker.restart(service)
        eventually(lambda: world.nodes[A].answers(model, FIRST), "node-a serves from its own disk")
        assert world.nodes[B].answers(model, FIRST)
    world.upload(model, 2, SECOND)
    world.wait_served(model, 2, SECOND)


@pytest.mark.parametrize("service", [f"puller-{B}", f"configurator-{B}", f"tfserving-{B}", "master"])
def test_crashed_container_comes_back(world: World, breaker: Breaker, model: str, service: str) -> None:
    """A process that dies is started again by the engine, and goes on where it was."""
    world.upload(model, 1, FIRST)
    breaker.crash(service)
    breaker.stack.wait_healthy()
    world.wait_served(model, 1, FIRST)


def test_full_disk(world: World, breaker: Breaker, model: str) -> None:
    """A node without room says so and serves the old version; what fits comes all the same."""
    world.upload(model, 1, FIRST, size=SIZE)
    world.wait_served(model, 1, FIRST)
    world.upload(model, 2, SECOND, size=SIZE)
    world.wait_served(model, 2, SECOND, on=(A,))
    cell = world.wait_cell(model, B, state=CellState.FAILED, serving=(1,))
    assert Stage.NO_SPACE in cell.reason
    assert world.nodes[B].answers(model, FIRST)
    other = f"{model}-small"
    world.upload(other, 1, THIRD)
    world.wait_served(other, 1, THIRD)
    world.upload(model, 3, THIRD)
    world.wait_served(model, 3, THIRD)


def on_record(world: World, model: str, version: int) -> set[str]:
    """The nodes whose serving of a version is in the history."""
    return {str(one.node) for one in world.timeline(model, version).nodes if one.served}
