"""Nodes beside each other: one that is well for itself alone is behind, and says why."""

import json
from datetime import datetime

from events.desired import Pinned, Policy
from events.names import NodeName
from infra.local.fleet_report import Simulated
from master.fleet import compare, explain
from master.fleet.state import FleetState
from master.fleet.views import CellState, NodeState
from tests.support.fleet import CONFIGURATOR, MODEL, PULLER, at, said, serving, stored, versions

A, B, C = (NodeName(name) for name in "abc")
MODELS = {"bucket": "models", "prefix": "live/", "topic": ""}
LATER = 600.0


def tell(fleet_state: FleetState, node: NodeName, model: Simulated, *, source: object = MODELS) -> None:
    """Have both services of a node report, the puller with where it looks."""
    for service in (PULLER, CONFIGURATOR):
        report = json.loads(said(node, service, {MODEL: model}))
        if service == PULLER:
            report["source"] = source
        fleet_state.report(node, service, json.dumps(report).encode())
        fleet_state.alive(node, service)


def fleet(*models: Simulated, source: object = MODELS) -> FleetState:
    """Nodes a, b and c; the last one's puller looks there."""
    fleet_state = FleetState()
    for node, model in zip((A, B, C), models, strict=False):
        tell(fleet_state, node, model, source=source if node == C else MODELS)
    return fleet_state


def look(fleet_state: FleetState, now: datetime) -> tuple[CellState, str]:
    """Compare, and tell how node c is."""
    compare.sources(fleet_state)
    for name in compare.models(fleet_state):
        compare.model(fleet_state, name, now=now)
    cell = fleet_state.nodes[C].cells[MODEL]
    return cell.state, cell.reason


def test_a_node_whose_puller_looks_elsewhere_is_behind() -> None:
    """It does all it wants; the others tell that it serves an old version, and since when that is so."""
    fleet_state = fleet(serving(6, 7), serving(6, 7), serving(6), source={**MODELS, "prefix": "staging/"})
    assert look(fleet_state, at(200)) == (CellState.SERVING, "")
    words = (
        "serves 6; 7 is served by 2 of 3 nodes, and its puller looks at gs://models/staging/, not at gs://models/live/"
    )
    assert look(fleet_state, at(LATER)) == (CellState.BEHIND, words)
    assert fleet_state.nodes[C].cells[MODEL].since == at(0)
    assert +fleet_state.models[MODEL].tally == {CellState.SERVING: 2, CellState.BEHIND: 1}
    assert fleet_state.nodes[C].verdict.state is NodeState.WELL


def test_a_node_whose_puller_is_dead_is_behind() -> None:
    """Its configurator reports that all is as desired, and `explain` says first which half is silent."""
    fleet_state = fleet(serving(6, 7), serving(6, 7), serving(6))
    fleet_state.silent(C, PULLER, at(5))
    state, words = look(fleet_state, at(LATER))
    assert state is CellState.BEHIND
    assert words.endswith("7 is served by 2 of 3 nodes, and its puller is silent since 2026-01-01 00:00:05 UTC")
    node = fleet_state.nodes[C]
    shown = explain.view(node, MODEL, cell=node.cells[MODEL], policy=Policy())
    assert shown.explain[0] == (
        "The puller is silent since 2026-01-01 00:00:05 UTC: what is fetched is as it was then."
    )
    assert shown.explain[1].startswith("m on c is behind since")


def test_a_puller_that_does_not_reach_the_bucket_is_named_first() -> None:
    """With what it waits for: nothing else that is said of the model's versions explains it."""
    fleet_state = fleet(serving(6, 7), serving(6, 7), serving(6))
    known = json.loads(said("c", PULLER, {MODEL: serving(6)}))
    known["bucket"] = {"is_connected": False, "since": at(3).isoformat(), "reason": "no answer in time"}
    fleet_state.report(C, PULLER, json.dumps(known).encode())
    node = fleet_state.nodes[C]
    shown = explain.view(node, MODEL, cell=node.cells[MODEL], policy=Policy())
    assert shown.explain[0] == ("The puller does not reach bucket: no answer in time, since 2026-01-01 00:00:03 UTC.")


def test_what_a_dead_puller_had_under_way_is_not() -> None:
    """It said that the version is coming, and then it died."""
    fleet_state = fleet(serving(6, 7), serving(6, 7), serving(6, downloading=versions(7)[0]))
    fleet_state.silent(C, PULLER, at(5))
    assert look(fleet_state, at(LATER))[0] is CellState.BEHIND
    fleet_state.alive(C, PULLER)
    assert look(fleet_state, at(LATER))[0] is CellState.UPDATING


def test_it_is_over_as_soon_as_it_serves_the_same() -> None:
    """Nobody waits for the next look; nor does a report that changes nothing end it."""
    fleet_state = fleet(serving(6, 7), serving(6, 7), serving(6))
    assert look(fleet_state, at(LATER))[0] is CellState.BEHIND
    tell(fleet_state, C, serving(5, 6))
    assert fleet_state.nodes[C].cells[MODEL].state is CellState.BEHIND
    tell(fleet_state, C, serving(6, 7))
    assert fleet_state.nodes[C].cells[MODEL].state is CellState.SERVING
    assert look(fleet_state, at(LATER)) == (CellState.SERVING, "")


def test_a_node_is_compared_with_those_of_its_policy_alone() -> None:
    """Pinned, paused or refused versions are wishes; and what is under way is no lag."""
    for own in (Policy(want=Pinned(versions=versions(6))), Policy(paused=True), Policy(refused=versions(7))):
        fleet_state = fleet(serving(6, 7), serving(6, 7), serving(6))
        fleet_state.desire({MODEL: stored(Policy(), c=own)})
        assert look(fleet_state, at(LATER)) == (CellState.SERVING, "")
    fleet_state = fleet(serving(6, 7), serving(6, 7), serving(6, downloading=versions(7)[0]))
    assert look(fleet_state, at(LATER))[0] is CellState.UPDATING


def test_a_pin_ends_what_a_comparison_found() -> None:
    """Whoever pins the old version wants it."""
    fleet_state = fleet(serving(6, 7), serving(6, 7), serving(6))
    look(fleet_state, at(LATER))
    fleet_state.desire({MODEL: stored(Policy(), c=Policy(want=Pinned(versions=versions(6))))})
    assert fleet_state.nodes[C].cells[MODEL].state is CellState.SERVING


def test_a_puller_that_looks_rarely_has_more_time() -> None:
    """Longer than its own poll, which it tells."""
    fleet_state = fleet(serving(6, 7), serving(6, 7), serving(6), source={**MODELS, "poll_seconds": 3600})
    assert look(fleet_state, at(LATER))[0] is CellState.SERVING
    assert look(fleet_state, at(4000))[0] is CellState.BEHIND


def test_a_lost_node_neither_leads_nor_lags() -> None:
    """What it serves is not known."""
    fleet_state = fleet(serving(6, 7), serving(6), serving(6))
    for service in (PULLER, CONFIGURATOR):
        fleet_state.silent(A, service, at(9))
    assert look(fleet_state, at(LATER)) == (CellState.SERVING, "")


def test_a_node_of_another_bucket_is_told_apart() -> None:
    """It joined this NATS by mistake; it is named at the next look, and well when it looks where others do."""
    fleet_state = fleet(serving(7), serving(7), serving(7), source={**MODELS, "bucket": "other"})
    look(fleet_state, at(0))
    verdict = fleet_state.nodes[C].verdict
    assert verdict.state is NodeState.TROUBLED
    assert "its puller looks at gs://other/live/, and others at gs://models/ (2 nodes)" in verdict.reason
    assert fleet_state.nodes[A].verdict.state is NodeState.WELL
    tell(fleet_state, C, serving(7))
    look(fleet_state, at(0))
    assert fleet_state.nodes[C].verdict.state is NodeState.WELL


def test_what_differs_by_intent_costs_nothing() -> None:
    """A model that all nodes serve alike is not looked at."""
    fleet_state = fleet(serving(7), serving(6, 7), serving(7))
    assert compare.models(fleet_state) == ()


def test_a_node_of_another_cluster_is_named() -> None:
    """One NATS, two clusters: where both say their names nobody has to guess; who says none is no stranger."""
    fleet_state = FleetState("red")
    for node, cluster in ((A, "red"), (B, "blue"), (C, "")):
        for service in (PULLER, CONFIGURATOR):
            report = {**json.loads(said(node, service, {})), "cluster": cluster}
            fleet_state.report(node, service, json.dumps(report).encode())
            fleet_state.alive(node, service)
    assert [fleet_state.nodes[name].verdict.state for name in (A, B, C)] == [
        NodeState.WELL,
        NodeState.TROUBLED,
        NodeState.WELL,
    ]
    assert (
        "the puller is of cluster blue, and this is red: it uses the NATS of this one"
        in fleet_state.nodes[B].verdict.reason
    )
