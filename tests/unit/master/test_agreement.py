"""The page, `status --check` and the gauges that alerts stand on call the same things trouble, at the same time."""

from datetime import datetime, timedelta

import pytest

from events import trouble
from events.desired import Pinned, Policy
from events.names import NodeName
from events.status import NOT_IN_BUCKET, PulledVersion, ServedModel, ServedStage, ServedVersion, Stage
from master.fleet.cells import Cell
from master.fleet.nodes import Node
from master.fleet.state import FleetState
from master.fleet.tallies import Model
from master.fleet.troubles import of_models
from tests.support.fleet import MODEL, START, at, versions

Found = tuple[tuple[PulledVersion, ...], ServedModel]
V7, V8 = versions(7, 8)
SOON, LATE = at(899), at(900)


def pulled(state: Stage, reason: str = "") -> PulledVersion:
    return PulledVersion(version=V8, state=state, reason=reason, since=START)


def served(*, difference: str = "", is_moving: bool = False, loading: datetime | None = None) -> ServedModel:
    lines = [ServedVersion(version=V7, state=ServedStage.SERVING, since=START)]
    lines += [ServedVersion(version=V8, state=ServedStage.LOADING, since=loading)] if loading else []
    return ServedModel(
        desired=(V8,) if difference else (V7,),
        serving=(V7,),
        difference=difference,
        is_moving=is_moving,
        differs_since=START - timedelta(hours=1) if loading else START if difference else None,
        versions=lines,
    )


WAITS = "version 8 is not on disk yet"
CASES: dict[str, tuple[Found, datetime | None]] = {
    "as desired": (((), served()), None),
    "behind": (((), served(difference="stuck")), SOON),
    "moving": (((), served(difference="waits", is_moving=True)), LATE),
    "loading, after others": (((), served(difference="loads", is_moving=True, loading=START)), LATE),
    "settling": (((pulled(Stage.SETTLING),), served()), LATE),
    "waiting": (((pulled(Stage.WAITING),), served()), LATE),
    "downloading": (((pulled(Stage.DOWNLOADING),), served()), LATE),
    "uploaded": (((pulled(Stage.INCOMPLETE),), served()), LATE),
    "pinned and downloading": (((pulled(Stage.DOWNLOADING),), served(difference=WAITS, is_moving=True)), LATE),
    "pinned and uploaded": (((pulled(Stage.INCOMPLETE),), served(difference=WAITS, is_moving=True)), LATE),
    "not wanted": (((pulled(Stage.NOT_WANTED),), served()), None),
    "published": (((pulled(Stage.PUBLISHED),), served()), None),
    **{f"it is {state}": (((pulled(state, "why"),), served()), SOON) for state in sorted(trouble.FAILING)},
}


def is_on_page(found: Found, now: datetime) -> bool:
    """Whether `status` has a sentence of the model, by which `--check` ends."""
    fleet_state, cell = FleetState(), Cell(served=found[1].model_dump_json().encode())
    cell.pulled = f"[{','.join(one.model_dump_json() for one in found[0])}]".encode()
    cell.settle(Policy(want=Pinned(versions=(V8,))) if found[1].difference else Policy())
    fleet_state.models[MODEL] = Model()
    fleet_state.nodes[NodeName("a")] = Node(NodeName("a"), cells={MODEL: cell})
    fleet_state.models[MODEL].tally[cell.state] += 1
    return any(of_models(fleet_state, now))


def is_in_gauges(found: Found, now: datetime) -> bool:
    """Whether `mm_models_differing`, `mm_versions_stuck` or `mm_pulled_versions` of a failing state counts it."""
    is_held_up = any(one.state in trouble.FAILING or trouble.is_stuck_before_disk(one, now) for one in found[0])
    return is_held_up or trouble.differs(found[1], now)


@pytest.mark.parametrize("case", CASES)
def test_page_and_gauges_call_the_same_trouble(case: str) -> None:
    """From the start, after 15 minutes, or never; each the same in both."""
    found, since = CASES[case]
    for now in (SOON, LATE):
        is_wrong = since is not None and now >= since
        assert (is_on_page(found, now), is_in_gauges(found, now)) == (is_wrong, is_wrong)


def test_only_what_is_in_no_bucket_is_on_the_page_before_its_alert() -> None:
    """The page says so at once; the gauge counts what is awaited when it has been for 15 minutes."""
    found = ((pulled(Stage.INCOMPLETE, NOT_IN_BUCKET),), served(difference=WAITS, is_moving=True))
    assert (is_on_page(found, SOON), is_in_gauges(found, SOON)) == (True, False)
    assert (is_on_page(found, LATE), is_in_gauges(found, LATE)) == (True, True)
