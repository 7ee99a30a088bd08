"""What fails, fails alone: the last good version is answered all the while, and nothing is lost when it is back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pytest

from events.status import Stage
from infra.docker.line import Line
from master.fleet.views import CellState, NodeState
from tests.compose.breaker import FAULTS, Breaker
from tests.compose.world import Refusal, World, eventually

FIRST, SECOND, THIRD = Line(1.0, 1.0), Line(1.0, 2.0), Line(1.0, 3.0)
A, B = "node-a", "node-b"
NOBODY = dict.fromkeys(NodeState, 0)
SIZE = 7 * 1024 * 1024  # of node-b's 12 MiB: one version fits beside the reserve, two do not


def is_troubled(*words: str) -> Callable[[World], bool]:
    """Whether the master calls node-a troubled, for a reason with these words."""

    def look(world: World) -> bool:
        node = world.node(A)
        return node.state is NodeState.TROUBLED and all(word in node.reason for word in words)

    return look


def is_missed(service: str) -> Callable[[World], bool]:
    """Whether the master misses a service of node-a: it said goodbye, or went without a word."""
    silent, stopped = is_troubled(f"{service} is silent"), is_troubled(f"{service} was stopped at")
    return lambda world: silent(world) or stopped(world)


def is_stale(world: World) -> bool:
    """Whether the master says that what it shows may be old."""
    return world.overview().freshness.is_stale


@dataclass(frozen=True, slots=True)
class Absence:
    """Which nodes serve a new version all the same, and what the master says meanwhile."""

    serving: tuple[str, ...]
    is_told: Callable[[World], bool] = lambda _: True
    unseen: tuple[str, ...] = ()  # faults that nobody is told of
    is_ours: bool = False  # SIGTERM ends it well


AWAY: Mapping[str, Absence] = MappingProxyType(
    {
        f"puller-{A}": Absence((B,), is_missed("puller"), is_ours=True),
        f"configurator-{A}": Absence((B,), is_missed("configurator"), is_ours=True),
        f"tfserving-{A}": Absence((B,), is_troubled("does not reach", "TensorFlow Serving"), is_ours=True),
        "master": Absence((A, B), is_ours=True),
        "nats": Absence((A, B), is_stale),
        # A stream that is open and silent may be a quiet day: new versions come by the poll, and nobody complains.
        "pubsub": Absence((A, B), is_troubled("puller does not reach pubsub"), unseen=("pause",)),
    }
)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("service", AWAY)
def test_one_container_away(world: World, breaker: Breaker, model: str, service: str, fault: str) -> None:
    """A version that is uploaded meanwhile is served wherever it can be, and everywhere after the return.

    The master says what is missing, and is content again afterwards.
    """
    absence = AWAY[service]
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    with breaker.away(service, fault=fault):
        if absence.is_ours and fault == "stop":
            assert breaker.exit_code(service) == 0, "stopped by SIGTERM within its time, and not by SIGKILL"
        world.upload(model, 2, SECOND)
        for node in absence.serving:
            world.wait_answers(node, model, SECOND)
        if A not in absence.serving and not service.startswith("tfserving"):
            world.wait_answers(A, model, FIRST)
        if service != "master" and fault not in absence.unseen:
            eventually(lambda: absence.is_told(world), f"the master misses {service}", seen=lambda: seen(world))
    world.wait_served(model, 2, SECOND)
    eventually(lambda: on_record(world, model, 2) == set(world.nodes), "what happened meanwhile is in the history")
    wait_well(world)


@pytest.mark.parametrize("fault", FAULTS)
def test_bucket_away(world: World, breaker: Breaker, model: str, fault: str) -> None:
    """Without the bucket everything published is served, and the master says so; at its return new versions come."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    with breaker.away("gcs", fault=fault):
        world.command("sync")  # sooner than by the next poll
        is_told = is_troubled("puller does not reach bucket")
        eventually(lambda: is_told(world), "the master misses the bucket", seen=lambda: seen(world))
        for node in world.nodes:
            world.wait_answers(node, model, FIRST)
    world.upload(model, 2, SECOND)
    world.wait_served(model, 2, SECOND)
    wait_well(world)


def test_node_cut_off(world: World, breaker: Breaker, model: str) -> None:
    """A node off the network serves what it has and is called lost; back on it, it catches up."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    with breaker.cut_off(A):
        world.upload(model, 2, SECOND)
        world.wait_served(model, 2, SECOND, on=(B,))
        eventually(lambda: world.node(A).state is NodeState.LOST, "node-a is lost", seen=lambda: world.node(A).reason)
        world.wait_cell(model, A, state=CellState.LOST)
        world.wait_answers(A, model, FIRST)
    world.wait_served(model, 2, SECOND)
    wait_well(world)


def test_forgotten_node_comes_back(world: World, breaker: Breaker) -> None:
    """A node that is heard cannot be forgotten, a lost one can; heard again, it is there again."""
    with pytest.raises(Refusal):
        world.ask("DELETE", f"/v1/nodes/{A}")
    with breaker.away(f"puller-{A}", f"configurator-{A}"):
        eventually(lambda: world.node(A).state is NodeState.LOST, "node-a is lost", seen=lambda: seen(world))
        world.ask("DELETE", f"/v1/nodes/{A}")
        eventually(lambda: world.overview().nodes == {**NOBODY, NodeState.WELL: 1}, "node-b alone is known")
    wait_well(world)


def test_services_stop_in_time_while_what_they_need_hangs(world: World, breaker: Breaker, model: str) -> None:
    """SIGTERM is followed within its time though bucket, Pub/Sub, NATS and TensorFlow Serving are frozen."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    with breaker.away("nats", "pubsub", "gcs", f"tfserving-{A}", fault="pause"):
        world.command("sync")  # over HTTP; from now on a list of the bucket waits for its answer
        world.command("reload")
        codes = breaker.stop_and_start(f"puller-{A}", f"configurator-{A}", "master")
    assert set(codes.values()) == {0}, codes
    world.upload(model, 2, SECOND)
    world.wait_served(model, 2, SECOND)


def test_node_restarts_with_everything_else_away(world: World, breaker: Breaker, model: str) -> None:
    """A node whose three containers restart alone in the world serves what it served before."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    node = (f"puller-{A}", f"configurator-{A}", f"tfserving-{A}")
    with breaker.away("nats", "pubsub", "gcs", "master", fault="kill"):
        for service in node:
            breaker.restart(service)
        world.wait_answers(A, model, FIRST)
        world.wait_answers(B, model, FIRST)
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
    cell = world.wait_cell(model, B, state=CellState.HELD_BACK, serving=(1,))
    assert Stage.NO_SPACE in cell.reason
    world.wait_answers(B, model, FIRST)
    other = f"{model}-small"
    world.upload(other, 1, THIRD)
    world.wait_served(other, 1, THIRD)
    world.upload(model, 3, THIRD)
    world.wait_served(model, 3, THIRD)


def wait_well(world: World) -> None:
    """Wait until the master has nothing to say against either node, and hears the cluster."""
    well = {**NOBODY, NodeState.WELL: len(world.nodes)}
    eventually(lambda: world.overview().nodes == well and not is_stale(world), "all is well", seen=lambda: seen(world))


def seen(world: World) -> object:
    """What the master says of the nodes."""
    return world.overview(), [(world.node(node).state, world.node(node).reason) for node in world.nodes]


def on_record(world: World, model: str, version: int) -> set[str]:
    """The nodes whose serving of a version is in the history."""
    return {str(one.node) for one in world.timeline(model, version).nodes if one.served}
