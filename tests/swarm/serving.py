"""Versions that answer by their number, uploaded and waited for."""

from functools import partial

from infra.docker.line import Line
from tests.compose.world import World, eventually

NODES = ("node1", "node2", "node3")
X = 3.0
# The node that was lost may have led NATS, or have had a service's connection: to notice takes up to half a minute.
SERVED_SECONDS = 150.0


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
