"""What one node's report may do to a master: cost little, and be that node's trouble alone."""

import json
import tracemalloc
from collections.abc import Callable

import pytest

from events.names import NodeName
from events.status import MAX_MODELS, MAX_REPORT_BYTES, Disk
from events.wording import MAX_WORDS
from master.fleet.queries import FleetQueries
from master.fleet.reports import BadReport, read
from master.fleet.state import FleetState
from master.fleet.views import NodeState
from master.fleet.watcher import hear_report
from service.reporting import fitting
from tests.support.fleet import CONFIGURATOR, MODEL, PULLER, at, lose, said, serving, tell
from tests.support.master_api import N1, pulled

A, B = NodeName("a"), NodeName("b")
MIB = 1024 * 1024
MOST_MIB = 100  # what reading the worst that is taken may cost, and what refusing the rest never comes near


def with_(**fields: object) -> bytes:
    """A report with these fields put in."""
    return json.dumps({**json.loads(said("a", PULLER, {})), **fields}).encode()


def filled(item: bytes, size: int = 7_000_000) -> bytes:
    """A report whose one model holds as many of these items as make so many bytes."""
    head = with_(models={})[:-1].replace(b'"models": {}', b'"models": {"m": [')
    return head + b",".join([item] * (size // (len(item) + 1))) + b"]}}"


def many_models(count: int) -> bytes:
    return with_(models={f"m{number}": [] for number in range(count)})


@pytest.mark.parametrize(
    "data",
    [
        lambda: filled(b"{}"),
        lambda: filled(b"[]"),
        lambda: filled(b"1"),
        lambda: filled(b"{}", 2_000_000),
        lambda: many_models(MAX_MODELS + 1),
        lambda: with_(warnings=["x" * (MAX_REPORT_BYTES + 1)]),
    ],
)
def test_a_report_that_costs_too_much_is_refused_for_little(data: Callable[[], bytes]) -> None:
    """Seven megabytes of nothing become gigabytes where they are read."""
    report = data()
    tracemalloc.start()
    try:
        with pytest.raises(BadReport, match=r"^too big: .* at most "):
            read(report, A, PULLER)
        assert tracemalloc.get_traced_memory()[1] < MOST_MIB * MIB
    finally:
        tracemalloc.stop()


def test_what_is_too_big_is_seen_in_the_view_and_ends_with_the_next_report() -> None:
    """The node is troubled, says why and since when; what it said before is still shown; no other node changes."""
    fleet_state = FleetState()
    for name in ("a", "b"):
        tell(fleet_state, name, {MODEL: serving(7)})
    for seconds in (10, 20):
        assert not hear_report(fleet_state, (A, CONFIGURATOR), filled(b"{}"), at=at(seconds))
    rows = {row.node: row for row in FleetQueries(fleet_state).nodes().items}
    assert (rows[A].state, rows[A].since) == (NodeState.TROUBLED, at(10))
    assert rows[A].reason.startswith("the configurator's report is too big: ")
    assert rows[B].state is NodeState.WELL
    assert MODEL in fleet_state.nodes[A].cells
    assert hear_report(
        fleet_state, (A, CONFIGURATOR), said("a", CONFIGURATOR, {MODEL: serving(7)}, seconds=30), at=at(30)
    )
    assert fleet_state.nodes[A].verdict.state is NodeState.WELL


def test_a_node_that_never_sent_a_fitting_report_is_shown() -> None:
    """It is there, with what is wrong with it."""
    fleet_state = FleetState()
    hear_report(fleet_state, (A, PULLER), b"{", at=at(5))
    fleet_state.alive(A, PULLER)
    row = FleetQueries(fleet_state).nodes().items[0]
    assert (row.node, row.state) == (A, NodeState.TROUBLED)
    assert row.reason.startswith("the puller's report is not readable: ")
    fleet_state.forget(A, PULLER)
    assert not fleet_state.nodes


@pytest.mark.parametrize(
    "fields",
    [
        {"reported": "2026-01-01T00:00:00"},
        {"started": "2026-01-01T00:00:00"},
        {"disk": {"total": 10**400, "free": 1, "reserve": 1}},
        {"disk": {"total": -1, "free": 1, "reserve": 1}},
        {"models": []},
        {"models": {"../x": []}},
        {"warnings": [1] * 100_000},
    ],
)
def test_values_that_are_none_are_refused(fields: dict[str, object]) -> None:
    """A time without a zone cannot be compared with one that has it, and a number of 400 digits is none."""
    fleet_state = FleetState()
    tell(fleet_state, "a", {MODEL: serving(7)})
    assert not hear_report(fleet_state, (A, PULLER), with_(**fields), at=at(5))
    reason = fleet_state.nodes[A].verdict.reason
    assert reason.startswith("the puller's report is not readable: ")
    assert len(reason) < 1000


def test_a_service_sends_what_masters_take() -> None:
    """A report that is too big goes without its models, and says so itself."""
    report = pulled(N1)
    assert fitting(report) == report.model_dump_json().encode()
    huge = report.model_copy(update={"warnings": ("x" * MAX_REPORT_BYTES,), "disk": Disk(total=1, free=1, reserve=1)})
    head, models = read(fitting(huge), huge.node, PULLER)
    assert not models
    assert "too big" in head.warnings[0]


def test_another_at_a_dead_nodes_address_is_no_life_of_it() -> None:
    """Machines are renamed and addresses change hands: who answers there now is told, and the node stays lost."""
    fleet_state = FleetState()
    tell(fleet_state, "a", {MODEL: serving(7)})
    lose(fleet_state, "a", seconds=5)
    for service in (PULLER, CONFIGURATOR):
        assert not hear_report(
            fleet_state, (A, service), said("b", service, {}, seconds=60), at=at(60), at_address=True
        )
    verdict = fleet_state.nodes[A].verdict
    assert verdict.state is NodeState.LOST
    assert "b's puller answers at its last address" in verdict.reason
    assert verdict.since == at(5)
    assert B not in fleet_state.nodes
    tell(fleet_state, "a", {MODEL: serving(7)}, seconds=70)
    assert fleet_state.nodes[A].verdict.state is NodeState.WELL


def test_one_that_was_thought_alive_is_lost_when_another_answers_in_its_place() -> None:
    """While NATS is away nothing else tells that the node is gone."""
    fleet_state = FleetState()
    tell(fleet_state, "a", {})
    assert not hear_report(
        fleet_state, (A, PULLER), said("a", CONFIGURATOR, {}, seconds=60), at=at(60), at_address=True
    )
    assert "the puller is silent since" in fleet_state.nodes[A].verdict.reason
    assert "a's configurator answers" in fleet_state.nodes[A].verdict.reason


def test_a_report_under_anothers_key_is_refused() -> None:
    """It is the trouble of the one whose key it is, and changes nothing of what that one said."""
    fleet_state = FleetState()
    tell(fleet_state, "a", {MODEL: serving(7)})
    assert not hear_report(fleet_state, (A, PULLER), said("b", PULLER, {}, seconds=60), at=at(60))
    assert "the puller's report is that of b's puller" in fleet_state.nodes[A].verdict.reason
    assert MODEL in fleet_state.nodes[A].cells
    assert B not in fleet_state.nodes


def test_texts_of_a_report_are_cleaned_and_cut_where_they_are_read() -> None:
    """Behind that nothing is unsafe: not in warnings, not in reasons, not in the names of labels."""
    hostile = "\x1b[2J\u202e" + "x" * 5000
    version = {"version": 1, "state": "failed", "reason": hostile, "since": "2026-01-01T00:00:00Z"}
    head, models = read(with_(warnings=[hostile], software=hostile, models={"m": [version]}), A, PULLER)
    (model,) = models.values()
    for text in (head.warnings[0], head.software, json.loads(model)[0]["reason"]):
        assert text.startswith("\\x1b[2J\\u202exxx")
        assert len(text) == MAX_WORDS
    plain = {**version, "reason": "größer, 模型"}
    assert json.loads(read(with_(models={"m": [plain]}), A, PULLER)[1][MODEL])[0]["reason"] == "größer, 模型"
