"""The command `forget`: which nodes it means, and what it says of what goes with them."""

from datetime import timedelta

import pytest

from events.names import NodeName
from master.answers import Forgotten
from master.cli.client.http import Reply
from master.cli.exits import Exit
from master.fleet.views import NodeRow, NodeState
from tests.fakes.master import NOW, FakeTransport, ok, page, run
from tests.support.shown import a_node

DAYS = {"gpu-1": 1, "gpu-2": 9, "cpu-1": 30}


def lost(name: str, days: float) -> NodeRow:
    row = a_node(NodeName(name), state=NodeState.LOST, reason="nothing is heard of it")
    return row.model_copy(update={"since": NOW - timedelta(days=days)})


def a_fleet() -> FakeTransport:
    """Three lost nodes and two that are well."""
    rows = [*(lost(*one) for one in DAYS.items()), a_node(NodeName("gpu-3")), a_node(NodeName("n1"))]
    answers = {f"DELETE /v1/nodes/{name}": ok(Forgotten(node=NodeName(name))) for name in DAYS}
    return FakeTransport({"GET /v1/nodes": page(*rows), **answers})


def forgotten(transport: FakeTransport) -> list[str]:
    return [request.path.rpartition("/")[2] for request in transport.requests if request.method == "DELETE"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("gpu-1", "cpu-1"), ["gpu-1", "cpu-1"]),
        (("gpu-*",), ["gpu-1", "gpu-2"]),
        (("--lost", "7d"), ["gpu-2", "cpu-1"]),
        (("gpu-*", "--lost", "7d"), ["gpu-2"]),
        (("gpu-?", "gpu-1"), ["gpu-1", "gpu-2"]),
        (("--lost", "99d"), []),
        (("gpu-*", "--dry-run"), []),
    ],
)
def test_it_forgets_the_lost_ones_that_are_meant(words: tuple[str, ...], names: list[str]) -> None:
    """By name, by pattern, by how long they are lost, or by both; never one that is heard."""
    transport = a_fleet()
    assert run(transport, "forget", *words, "--yes").code == Exit.DONE
    assert forgotten(transport) == names


@pytest.mark.parametrize(
    ("words", "code"),
    [((), Exit.USAGE), (("n1",), Exit.FAILED), (("nobody",), Exit.FAILED), (("gpu-1", "n1"), Exit.FAILED)],
)
def test_a_slip_forgets_nothing(words: tuple[str, ...], code: Exit) -> None:
    """A name of a node that is heard, or of none, stops all of it."""
    transport = a_fleet()
    assert run(transport, "forget", *words, "--yes").code == code
    assert forgotten(transport) == []


def test_policies_that_go_with_a_node_are_named() -> None:
    """Whoever renamed it can give them to the new name; a master of the release before says nothing of them."""
    transport = a_fleet()
    words = ("model line: pinned to version 6 on gpu-1",)
    transport.answers["DELETE /v1/nodes/gpu-1"] = ok(Forgotten(node=NodeName("gpu-1"), dropped=words))
    transport.answers["DELETE /v1/nodes/gpu-2"] = Reply(204, b"", {})
    outcome = run(transport, "forget", "gpu-*", "--yes")
    assert outcome.out.splitlines() == [
        "forgot gpu-1",
        "  dropped its own policy of model line: pinned to version 6 on gpu-1",
        "forgot gpu-2",
    ]
