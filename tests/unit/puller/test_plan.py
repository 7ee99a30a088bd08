"""Which versions are listed, and what a decision says beside its state."""

import pytest

from events.desired import Policy
from events.names import Version
from events.status import Stage
from puller.bucket.completeness import NeedsGraph, Unusable
from puller.bucket.observed import Seen
from puller.contenders import unlisted
from puller.download.failures import Failure
from puller.plan import decide
from puller.view import View
from tests.fakes.bucket import EPOCH
from tests.support.views import (
    COMPLETE,
    GRAPH,
    HALF,
    OTHER,
    PIN_1,
    SETTLING,
    TWO,
    USELESS,
    on_disk,
    quarantine,
    seen,
    v,
)

TO_LIST = [
    ("a fresh node looks into the newest", View(offered=v(1, 2, 3)), {3}),
    ("as many as are wanted", View(policy=TWO, offered=v(1, 2, 3)), {2, 3}),
    ("the next one, where the newest is incomplete", View(offered=v(1, 2, 3), seen=seen(v3=HALF)), {2}),
    ("the next one, where the newest is useless", View(offered=v(1, 2, 3), seen=seen(v3=USELESS)), {2}),
    ("none behind a complete one", View(offered=v(1, 2, 3), seen=seen(v3=COMPLETE)), set()),
    ("none behind one whose graph is to be read", View(offered=v(1, 2), seen=seen(v2=NeedsGraph(GRAPH))), set()),
    (
        "the next one, where the graph cannot be fetched",
        View(
            offered=v(1, 2),
            seen=seen(v2=NeedsGraph(GRAPH)),
            failures={Version(2): Failure("reset", retry_in_seconds=1)},
        ),
        {1},
    ),
    (
        "the next one for a node with nothing, while the newest settles",
        View(offered=v(1, 2), seen=seen(v2=SETTLING)),
        {1},
    ),
    (
        "none while the newest settles and an older one is on disk",
        View(offered=v(1, 2, 3), seen=seen(v3=SETTLING, v1=COMPLETE), published=on_disk(1)),
        set(),
    ),
    ("what is on disk once, and what is newer", View(offered=v(1, 2, 3), published=on_disk(2)), {2, 3}),
    ("nothing more of what is on disk", View(offered=v(2), seen=seen(v2=COMPLETE), published=on_disk(2)), set()),
    ("what is pinned", View(policy=PIN_1, offered=v(1, 2, 3)), {1}),
    ("nothing of a removed model", View(policy=Policy(removed=True), offered=v(1, 2)), set()),
    ("nothing that was refused", View(policy=Policy(refused=(Version(2),)), offered=v(1, 2)), {1}),
    (
        "the one before a quarantined one",
        View(offered=v(1, 2), seen=seen(v2=COMPLETE), quarantines=quarantine(2)),
        {1},
    ),
]


@pytest.mark.parametrize(("view", "expected"), [row[1:] for row in TO_LIST], ids=[row[0] for row in TO_LIST])
def test_only_what_matters_is_listed(view: View, expected: set[int]) -> None:
    """A list operation costs money and time: versions that could not be wanted are left alone."""
    assert set(unlisted(view)) == expected


def test_a_mutated_version_names_the_files_that_differ() -> None:
    """The reason says which files the bucket has differently."""
    listed = {Version(1): Seen((OTHER,), COMPLETE, "new bytes")}
    (decision,) = decide(View(offered=v(1), seen=listed, published=on_disk(1)), now=EPOCH)
    assert "saved_model.pb" in decision.reason


def test_a_published_version_whose_number_two_folders_have_names_them() -> None:
    """Nothing was changed in its files: they cannot be told any more."""
    both = Seen((), Unusable("m/007/ and m/7/ are both version 7: delete all but one of them"), "none")
    (decision,) = decide(View(offered=v(7), seen={Version(7): both}, published=on_disk(7)), now=EPOCH)
    assert decision.stage is Stage.MUTATED
    assert decision.reason == f"{both.assessment.reason}; the disk's files stay"  # type: ignore[union-attr] # Unusable


def test_waiting_has_an_end() -> None:
    """Settling and backoff say when to look again; a verdict that stands does not."""
    (settling,) = decide(View(offered=v(1), seen=seen(v1=SETTLING)), now=EPOCH)
    assert settling.again_in_seconds == 3
    failed = View(offered=v(1), seen=seen(v1=COMPLETE), failures={Version(1): Failure("reset", 9)})
    assert decide(failed, now=EPOCH)[0].again_in_seconds == 9
    hopeless = View(
        offered=v(1), seen=seen(v1=COMPLETE), failures={Version(1): Failure("bad", float("inf"), Stage.INVALID)}
    )
    assert decide(hopeless, now=EPOCH)[0].again_in_seconds is None
