"""What a live view of the board hears: every change once, together, and never more than it can take."""

from collections.abc import AsyncIterator

from events.desired import Policy
from events.names import ModelName, NodeName
from master.fleet.board import GATHER_SECONDS, watch
from master.fleet.change_feed import MAX_CELLS, ChangeFeed
from master.fleet.queries import FleetQueries
from master.fleet.state import FleetState
from master.fleet.views import BoardNews, CellState, NodeState
from tests.support import virtual_time
from tests.support.fleet import MODEL, lose, serving, stored, tell, versions

OTHER = ModelName("other")


def a_fleet() -> tuple[FleetState, FleetQueries]:
    """Two nodes with two models."""
    fleet_state = FleetState()
    for node in ("a", "b"):
        tell(fleet_state, node, {MODEL: serving(1, 2), OTHER: serving(5)})
    fleet_state.know_presence()
    return fleet_state, FleetQueries(fleet_state)


def heard(fleet_state: FleetState, fleet: FleetQueries) -> BoardNews:
    """What is new since the last look of the only reader."""
    (news,) = fleet_state.readers
    found = fleet.tell(news)
    news.clear()
    return found


def test_a_changed_cell_is_told_with_its_model_and_its_node() -> None:
    """Their counts are otherwise, too; what did not change is not told."""
    fleet_state, fleet = a_fleet()
    fleet_state.readers.add(ChangeFeed())
    tell(fleet_state, "b", {MODEL: serving(1, 2, 3), OTHER: serving(5)}, seconds=1)
    found = heard(fleet_state, fleet)
    assert [(cell.model, cell.node, cell.serving) for cell in found.cells] == [(MODEL, "b", versions(3))]
    assert [model.model for model in found.models] == [MODEL]
    assert [node.node for node in found.nodes] == ["b"]
    assert not found.is_whole


def test_a_report_that_says_nothing_new_is_no_news() -> None:
    """Most reports are such."""
    fleet_state, fleet = a_fleet()
    fleet_state.readers.add(ChangeFeed())
    tell(fleet_state, "b", {MODEL: serving(1, 2), OTHER: serving(5)}, seconds=1)
    (news,) = fleet_state.readers
    assert not news
    assert heard(fleet_state, fleet) == BoardNews(is_whole=False)


def test_a_lost_node_is_told_with_all_its_cells() -> None:
    """What it serves is not known any more."""
    fleet_state, fleet = a_fleet()
    fleet_state.readers.add(ChangeFeed())
    lose(fleet_state, "a", seconds=9)
    found = heard(fleet_state, fleet)
    assert {(cell.model, cell.state) for cell in found.cells} == {(MODEL, CellState.LOST), (OTHER, CellState.LOST)}
    assert [(node.node, node.state) for node in found.nodes] == [("a", NodeState.LOST)]


def test_another_wish_is_told() -> None:
    """Also where no cell becomes otherwise by it."""
    fleet_state, fleet = a_fleet()
    fleet_state.readers.add(ChangeFeed())
    fleet_state.desire({MODEL: stored(Policy(labels={"stable": versions(2)[0]}))})
    found = heard(fleet_state, fleet)
    assert [model.labels for model in found.models] == [{"stable": 2}]


def test_another_node_or_model_makes_it_whole() -> None:
    """Rows and columns are otherwise; and so when one goes."""
    fleet_state, fleet = a_fleet()
    fleet_state.readers.add(ChangeFeed())
    tell(fleet_state, "c", {MODEL: serving(1)})
    assert heard(fleet_state, fleet) == BoardNews(is_whole=True)
    for service in ("puller", "configurator"):
        fleet_state.forget(NodeName("c"), service)
    assert heard(fleet_state, fleet) == BoardNews(is_whole=True)


def test_a_cell_that_is_gone_is_told_as_absent() -> None:
    """The reader need not look whether it is there."""
    fleet_state, fleet = a_fleet()
    fleet_state.readers.add(ChangeFeed())
    tell(fleet_state, "a", {MODEL: serving(1, 2)}, seconds=1)
    found = heard(fleet_state, fleet)
    assert [(cell.model, cell.state, cell.serving) for cell in found.cells] == [(OTHER, CellState.ABSENT, ())]


def test_too_many_changes_are_told_as_one() -> None:
    """A reader looks at its own window then, which is cheaper, and the news take no more memory."""
    news = ChangeFeed()
    for number in range(MAX_CELLS + 1):
        news.cell(MODEL, NodeName(f"node-{number}"))
    assert news.is_whole
    assert not news.cells
    news.cell(MODEL, NodeName("one-more"))
    assert not news.cells


def test_changes_of_a_moment_come_together_after_the_whole() -> None:
    """The first says to look at everything; a reader that leaves is told nothing more."""
    fleet_state, fleet = a_fleet()

    async def listen() -> tuple[list[BoardNews], float]:
        stream: AsyncIterator[BoardNews] = watch(fleet)
        found = [await anext(stream)]
        tell(fleet_state, "a", {MODEL: serving(1, 2, 3), OTHER: serving(5)}, seconds=1)
        tell(fleet_state, "b", {MODEL: serving(1, 2, 3), OTHER: serving(5)}, seconds=1)
        found.append(await anext(stream))
        took = virtual_time.now()
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        return found, took

    (first, second), took = virtual_time.run(listen())
    assert (first.is_whole, second.is_whole) == (True, False)
    assert [cell.node for cell in second.cells] == ["a", "b"]
    assert took == GATHER_SECONDS
    assert not fleet_state.readers
