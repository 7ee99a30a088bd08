"""A model on a node: the worst that both services say of it, with its reason and age."""

from datetime import datetime

import pytest

from events.desired import Pinned, Policy
from events.names import Version
from events.status import NOT_IN_BUCKET, PulledVersion, ServedModel, ServedStage, ServedVersion, Stage
from master.fleet.cells import Cell, assess
from master.fleet.places import Halves
from master.fleet.views import CellState
from tests.support.fleet import at, versions

OLD, NEW = at(0), at(60)


def pulled(number: int, state: Stage, reason: str = "", since: datetime = NEW) -> PulledVersion:
    return PulledVersion(version=Version(number), state=state, reason=reason, since=since)


def line(number: int, state: ServedStage, reason: str = "", since: datetime = OLD) -> ServedVersion:
    return ServedVersion(version=Version(number), state=state, reason=reason, since=since)


SERVES_7 = ServedModel(desired=versions(7), serving=versions(7), versions=[line(7, ServedStage.SERVING)])
LOADS_8 = ServedModel(
    desired=versions(8),
    serving=versions(7),
    difference="version 8 is being loaded",
    differs_since=NEW,
    versions=[line(7, ServedStage.SERVING), line(8, ServedStage.LOADING, since=NEW)],
)
REFUSED_8 = ServedModel(
    desired=versions(7),
    serving=versions(7),
    difference="version 8 is in quarantine: bad",
    differs_since=NEW,
    versions=[line(7, ServedStage.SERVING), line(8, ServedStage.QUARANTINED, "bad", NEW)],
)
REFUSED_6 = ServedModel(
    desired=versions(7),
    serving=versions(7),
    versions=[line(6, ServedStage.QUARANTINED, "bad"), line(7, ServedStage.SERVING)],
)
WAITS = ServedModel(desired=versions(8), serving=versions(7), difference="version 8 waits", differs_since=NEW)
GONE = ServedModel(desired=(), serving=())
BY_HAND = ServedModel(
    desired=(), serving=versions(3), not_managed="not managed: ask", versions=[line(3, ServedStage.SERVING)]
)
ON_DISK = pulled(7, Stage.PUBLISHED, since=OLD)

SILENT = ServedModel(
    desired=versions(7),
    serving=(),
    difference="TensorFlow Serving does not answer",
    differs_since=NEW,
    versions=[line(8, ServedStage.QUARANTINED, "bad")],
)

CASES = {
    "nobody answers on the node": (
        Halves((ON_DISK, pulled(8, Stage.QUARANTINED, "bad")), SILENT),
        Policy(),
        CellState.BEHIND,
        "TensorFlow Serving does not answer",
        NEW,
    ),
    "served as desired": (Halves((ON_DISK,), SERVES_7), Policy(), CellState.SERVING, "", OLD),
    "served, and the puller has not told yet that it is on the disk": (
        Halves((pulled(7, Stage.DOWNLOADING),), SERVES_7),
        Policy(),
        CellState.SERVING,
        "",
        OLD,
    ),
    "a newer one comes": (
        Halves((ON_DISK, pulled(8, Stage.DOWNLOADING)), SERVES_7),
        Policy(),
        CellState.UPDATING,
        "version 8 is downloading",
        NEW,
    ),
    "a newer one loads": (Halves((), LOADS_8), Policy(), CellState.UPDATING, "version 8 is being loaded", NEW),
    "the last try failed": (
        Halves((ON_DISK, pulled(8, Stage.FAILED, "reset")), SERVES_7),
        Policy(),
        CellState.HELD_BACK,
        "serves 7; 8 failed: reset",
        NEW,
    ),
    "failing is worse than loading": (
        Halves((pulled(9, Stage.NO_SPACE, "full"),), LOADS_8),
        Policy(),
        CellState.HELD_BACK,
        "serves 7; 9 no space: full",
        NEW,
    ),
    "the newest is refused": (
        Halves((), REFUSED_8),
        Policy(),
        CellState.HELD_BACK,
        "serves 7; 8 refused: bad",
        NEW,
    ),
    "all that there is was refused": (
        Halves((), REFUSED_8.model_copy(update={"serving": (), "versions": [REFUSED_8.versions[1]]})),
        Policy(),
        CellState.QUARANTINED,
        "version 8 is in quarantine: bad",
        NEW,
    ),
    "all that there is could not be fetched": (
        Halves((pulled(8, Stage.FAILED, "reset"),)),
        Policy(),
        CellState.FAILED,
        "version 8: failed: reset",
        NEW,
    ),
    "an old one was refused": (Halves((), REFUSED_6), Policy(), CellState.SERVING, "", OLD),
    "the pinned one is refused": (
        Halves((), REFUSED_6),
        Policy(want=Pinned(versions=versions(6))),
        CellState.HELD_BACK,
        "serves 7; 6 refused: bad",
        OLD,
    ),
    "an operator refused it too": (
        Halves((), REFUSED_8.model_copy(update={"difference": ""})),
        Policy(refused=versions(8)),
        CellState.SERVING,
        "",
        OLD,
    ),
    "named by hand": (Halves((), BY_HAND), Policy(), CellState.NOT_MANAGED, "not managed: ask", OLD),
    "desired and not served": (Halves((), WAITS), Policy(), CellState.BEHIND, "version 8 waits", NEW),
    "an upload is not whole": (
        Halves((ON_DISK, pulled(8, Stage.INCOMPLETE, "no variables")), SERVES_7),
        Policy(),
        CellState.UPLOADING,
        "version 8 is being uploaded: no variables",
        NEW,
    ),
    "pinned, and still uploaded": (
        Halves((ON_DISK, pulled(8, Stage.INCOMPLETE, "no variables")), WAITS.model_copy(update={"is_moving": True})),
        Policy(want=Pinned(versions=versions(8))),
        CellState.UPLOADING,
        "version 8 is being uploaded: no variables",
        NEW,
    ),
    "pinned, and in no bucket": (
        Halves((ON_DISK, pulled(8, Stage.INCOMPLETE, NOT_IN_BUCKET)), WAITS.model_copy(update={"is_moving": True})),
        Policy(want=Pinned(versions=versions(8))),
        CellState.BEHIND,
        f"version 8 is {NOT_IN_BUCKET}",
        NEW,
    ),
    "asked for, and in no bucket": (
        Halves((ON_DISK, pulled(8, Stage.INCOMPLETE, NOT_IN_BUCKET)), SERVES_7),
        Policy(),
        CellState.BEHIND,
        f"version 8 is {NOT_IN_BUCKET}",
        NEW,
    ),
    "on its way": (
        Halves((), WAITS.model_copy(update={"is_moving": True})),
        Policy(),
        CellState.UPDATING,
        "version 8 waits",
        NEW,
    ),
    "an old upload is not whole": (
        Halves((pulled(5, Stage.INCOMPLETE, "no variables"), ON_DISK), SERVES_7),
        Policy(),
        CellState.SERVING,
        "",
        OLD,
    ),
    "changed in the bucket": (
        Halves((pulled(7, Stage.MUTATED, "a.pb differs"),), SERVES_7),
        Policy(),
        CellState.SERVING,
        "version 7: a.pb differs",
        OLD,
    ),
    "removed and gone": (Halves((), GONE), Policy(removed=True), CellState.ABSENT, "removed by an operator", at(0)),
    "only the puller spoke": (
        Halves((pulled(1, Stage.NOT_WANTED),)),
        Policy(),
        CellState.ABSENT,
        "no version is wanted here",
        NEW,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_worst_that_holds_is_shown(case: str) -> None:
    """Each state comes with the reason and the time of what made it."""
    halves, policy, state, reason, since = CASES[case]
    verdict = assess(halves, policy)
    assert (verdict.state, verdict.reason) == (state, reason)
    if case != "removed and gone":
        assert verdict.since == since


def test_a_report_of_an_unknown_shape_is_shown_as_such() -> None:
    """A service newer than the master does not break the view, and the operator is told what to do."""
    cell = Cell(served=b'{"desired": "everything"}')
    cell.settle(Policy())
    assert cell.state is CellState.FAILED
    assert "update the master" in cell.reason
    assert cell.halves == Halves()
