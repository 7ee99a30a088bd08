"""The fold: whatever the order, the outcome is the same, and nothing that was told is dropped silently."""

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.desired import Pinned, Policy
from events.names import ModelName, NodeName
from infra.local.fleet_report import Simulated
from master.errors import NotFound
from master.fleet.reports import BadReport
from master.fleet.state import FleetState
from master.fleet.stored import Stored
from master.fleet.views import CellState
from tests.support.fleet import CONFIGURATOR, MODEL, PULLER, at, lose, said, serving, stored, tell, versions

NODES = ("a", "b")
MODELS = (ModelName("m"), ModelName("n"))
Telling = Callable[[FleetState], object]


def state_of(fleet_state: FleetState) -> object:
    """All that can be seen of a fold."""
    nodes = {
        name: (
            {model: (cell.state, cell.reason, cell.serving, cell.places) for model, cell in node.cells.items()},
            +node.tally,
            node.verdict,
            node.hidden_since,
            {service: known.lost_since for service, known in node.services.items()},
        )
        for name, node in fleet_state.nodes.items()
    }
    models = {name: (model.stored, +model.tally, +model.serving) for name, model in fleet_state.models.items()}
    return nodes, models


def counted(fleet_state: FleetState) -> tuple[Counter[CellState], dict[ModelName, Counter[CellState]]]:
    """Count all cells the slow way."""
    total: Counter[CellState] = Counter()
    by_model: dict[ModelName, Counter[CellState]] = {}
    for node in fleet_state.nodes.values():
        for model, cell in node.cells.items():
            state = CellState.LOST if node.hidden_since else cell.state
            total[state] += 1
            by_model.setdefault(model, Counter())[state] += 1
    return total, by_model


simulated = st.builds(
    lambda count, failed, seconds: serving(*range(1, count + 1), failed=failed, since=at(seconds)),
    st.integers(1, 3),
    st.sampled_from([None, (versions(9)[0], "reset")]),
    st.integers(0, 5),
)
bodies = st.dictionaries(st.sampled_from(MODELS), simulated, max_size=2)


@st.composite
def tellings(draw: st.DrawFn) -> list[Telling]:
    """Everything that can be told, each service's own things in its own order."""
    found: list[Telling] = []
    for node in NODES:
        for service in (PULLER, CONFIGURATOR):
            count = draw(st.integers(0, 3))
            found += [_report(node, service, draw(bodies), seconds) for seconds in range(count)]
            presence = draw(st.sampled_from(["alive", "silent", "unknown"]))
            if presence != "unknown":
                found.append(_presence(node, service, is_alive=presence == "alive"))
    found.append(FleetState.know_presence)
    policy = draw(st.sampled_from([Policy(), Policy(removed=True), Policy(want=Pinned(versions=versions(1)))]))
    documents = {MODEL: stored(policy, b=Policy(paused=True))}
    found.append(lambda fleet_state: fleet_state.desire(documents))
    return found


def _report(node: str, service: str, models: dict[ModelName, Simulated], seconds: int) -> Telling:
    data = said(node, service, models, seconds=seconds)
    return lambda fleet_state: fleet_state.report(NodeName(node), service, data)


def _presence(node: str, service: str, *, is_alive: bool) -> Telling:
    if is_alive:
        return lambda fleet_state: fleet_state.alive(NodeName(node), service)
    return lambda fleet_state: fleet_state.silent(NodeName(node), service, at(7))


@given(tellings(), st.randoms(use_true_random=False))
def test_order_does_not_matter(told: list[Telling], random: Random) -> None:
    """Two masters that hear the same in different orders show the same; late and repeated reports change nothing."""
    first, second = FleetState(), FleetState()
    for telling in told:
        telling(first)
    shuffled = [*told, *told[:3]]
    random.shuffle(shuffled)
    for telling in shuffled:
        telling(second)
    assert state_of(first) == state_of(second)


@given(tellings())
def test_counts_are_those_of_the_cells(told: list[Telling]) -> None:
    """What is counted as it changes is what a walk over all cells would find."""
    fleet_state = FleetState()
    for telling in told:
        telling(fleet_state)
        total, by_model = counted(fleet_state)
        assert sum((+node.tally for node in fleet_state.nodes.values()), Counter()) == total
        assert {name: +model.tally for name, model in fleet_state.models.items() if +model.tally} == by_model


def test_a_silent_node_is_lost_and_comes_back() -> None:
    """Its models are lost with it, what it served counts no more, and all of it is there again at once."""
    fleet_state = FleetState()
    tell(fleet_state, "a", {MODEL: serving(6, 7)})
    tell(fleet_state, "b", {MODEL: serving(6, 7)})
    before = state_of(fleet_state)
    lose(fleet_state, "a", seconds=30)
    assert +fleet_state.models[MODEL].tally == {CellState.LOST: 1, CellState.SERVING: 1}
    assert fleet_state.models[MODEL].serving[versions(7)[0]] == 1
    assert fleet_state.nodes[NodeName("a")].hidden_since == at(30)
    lose(fleet_state, "a", seconds=90)
    assert fleet_state.nodes[NodeName("a")].hidden_since == at(30)
    for service in (PULLER, CONFIGURATOR):
        fleet_state.alive(NodeName("a"), service)
    assert state_of(fleet_state) == before


def test_a_service_without_a_sign_of_life_is_lost_since_its_last_report() -> None:
    """A master that starts long after a node was lost shows it as lost, not as well, and not at all is no option."""
    fleet_state = FleetState()
    fleet_state.report(NodeName("a"), CONFIGURATOR, said("a", CONFIGURATOR, {MODEL: serving(7)}, seconds=5))
    assert fleet_state.nodes[NodeName("a")].hidden_since is None
    fleet_state.know_presence()
    assert fleet_state.nodes[NodeName("a")].hidden_since == at(5)


def test_a_report_that_was_overtaken_is_no_news() -> None:
    """An answer to a poll that crosses with a newer report does not turn the view back; a clock set back does."""
    fleet_state, name = FleetState(), NodeName("a")
    assert fleet_state.report(name, PULLER, said("a", PULLER, {}, seconds=100))
    assert not fleet_state.report(name, PULLER, said("a", PULLER, {MODEL: serving(7)}, seconds=90))
    assert MODEL not in fleet_state.models
    assert fleet_state.report(name, PULLER, said("a", PULLER, {MODEL: serving(7)}, seconds=-3600))
    assert MODEL in fleet_state.models


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"node": "a"}', b"\xff", said("a", PULLER, {})[:-10]])
def test_a_report_that_cannot_be_read_changes_nothing(data: bytes) -> None:
    """What was known before it stays."""
    fleet_state = FleetState()
    tell(fleet_state, "a", {MODEL: serving(7)})
    before = state_of(fleet_state)
    with pytest.raises(BadReport):
        fleet_state.report(NodeName("a"), PULLER, data)
    assert state_of(fleet_state) == before


def test_reports_of_newer_services_are_read() -> None:
    """Fields that this master does not know are passed over, at every depth."""
    fleet_state = FleetState()
    data = said("a", CONFIGURATOR, {MODEL: serving(7)})
    newer = data.replace(b'"models":{', b'"mood":"fine","models":{').replace(b'"desired":', b'"extra":[1],"desired":')
    assert fleet_state.report(NodeName("a"), CONFIGURATOR, newer)
    assert fleet_state.nodes[NodeName("a")].cells[MODEL].state is CellState.SERVING


def test_forgotten_is_gone_and_can_come_back() -> None:
    """Nothing of a forgotten node is counted; a new report brings it back."""
    fleet_state = FleetState()
    tell(fleet_state, "a", {MODEL: serving(7)})
    for service in (PULLER, CONFIGURATOR):
        fleet_state.forget(NodeName("a"), service)
    assert state_of(fleet_state) == state_of(FleetState())
    with pytest.raises(NotFound, match="no node a"):
        fleet_state.find(NodeName("a"))
    tell(fleet_state, "a", {MODEL: serving(7)})
    assert +fleet_state.models[MODEL].tally == {CellState.SERVING: 1}


def test_a_model_with_a_document_is_known_before_any_node_has_it() -> None:
    """What operators want is shown even where nobody follows it yet, and goes with the document."""
    fleet_state = FleetState()
    fleet_state.desire({MODEL: stored(Policy(paused=True))})
    assert fleet_state.find_model(MODEL).stored.revision == 1
    fleet_state.desire({})
    with pytest.raises(NotFound):
        fleet_state.find_model(MODEL)


def test_a_document_is_taken_with_a_new_revision_only() -> None:
    """The revision belongs to what is shown."""
    fleet_state = FleetState()
    tell(fleet_state, "a", {MODEL: serving(7)})
    for revision in (3, 4):
        fleet_state.desire({MODEL: Stored(document=stored(Policy(retention=1)).document, revision=revision)})
        assert fleet_state.models[MODEL].stored.revision == revision
