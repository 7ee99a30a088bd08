"""What is decided about one model: a table of given -> states and steps."""

import pytest

from events.desired import Pinned, Policy
from events.names import Version
from events.status import Stage
from puller.bucket.completeness import NeedsGraph
from puller.download.failures import Failure
from puller.view import View
from tests.support.views import (
    COMPLETE,
    GRAPH,
    HALF,
    PIN_1,
    SETTLING,
    TWO,
    USELESS,
    decided,
    on_disk,
    quarantine,
    seen,
    v,
)

HELD_3 = PIN_1.model_copy(update={"held": (Version(3),)})
HELD_AND_MISSING = {1: "published", 2: "not wanted", 3: "incomplete"}
DECISIONS = [
    ("complete and newest: fetch", View(offered=v(1, 2), seen=seen(v2=COMPLETE)), {1: "not wanted", 2: "waiting!"}),
    ("half: wait for the rest", View(offered=v(1), seen=seen(v1=HALF)), {1: "incomplete"}),
    ("useless: say so", View(offered=v(1), seen=seen(v1=USELESS)), {1: "invalid"}),
    ("settling: wait", View(offered=v(1), seen=seen(v1=SETTLING)), {1: "settling"}),
    ("graph unknown: get it", View(offered=v(1), seen=seen(v1=NeedsGraph(GRAPH))), {1: "waiting?"}),
    ("not listed: say so", View(offered=v(1)), {1: "waiting"}),
    (
        "half and nothing on disk: the older one",
        View(offered=v(1, 2), seen=seen(v2=HALF, v1=COMPLETE)),
        {1: "waiting!", 2: "incomplete"},
    ),
    (
        "half and an older one on disk: keep that",
        View(offered=v(1, 2), seen=seen(v2=HALF, v1=COMPLETE), published=on_disk(1)),
        {1: "published", 2: "incomplete"},
    ),
    (
        "half and older than what is on disk: nobody waits for it",
        View(offered=v(1, 2), seen=seen(v1=HALF, v2=COMPLETE), published=on_disk(2)),
        {1: "not wanted", 2: "published"},
    ),
    (
        "two wanted, one on disk: fetch the other",
        View(policy=TWO, offered=v(1, 2, 3), seen=seen(v2=COMPLETE, v3=COMPLETE), published=on_disk(3)),
        {1: "not wanted", 2: "waiting!", 3: "published"},
    ),
    (
        "pinned to an older one: fetch that",
        View(policy=PIN_1, offered=v(1, 2), seen=seen(v1=COMPLETE), published=on_disk(2)),
        {1: "waiting!", 2: "published"},
    ),
    ("pinned to what is not there: say so", View(policy=PIN_1, offered=v(2)), {1: "incomplete", 2: "not wanted"}),
    (
        "held beside a pin: fetch it",
        View(policy=HELD_3, offered=v(1, 2, 3), seen=seen(v3=COMPLETE), published=on_disk(1)),
        {1: "published", 2: "not wanted", 3: "waiting!"},
    ),
    (
        "held beside the newest: fetch both",
        View(policy=Policy(held=(Version(1),)), offered=v(1, 2, 3), seen=seen(v1=COMPLETE, v3=COMPLETE)),
        {1: "waiting!", 2: "not wanted", 3: "waiting!"},
    ),
    ("held and not there: say so", View(policy=HELD_3, offered=v(2), published=on_disk(1)), HELD_AND_MISSING),
    ("paused: nothing new", View(policy=Policy(paused=True), offered=v(1), seen=seen(v1=COMPLETE)), {1: "not wanted"}),
    (
        "paused and pinned: a pin is an operator's own word",
        View(
            policy=Policy(paused=True, want=Pinned(versions=(Version(2),))),
            offered=v(1, 2, 3),
            seen=seen(v2=COMPLETE),
            published=on_disk(1),
        ),
        {1: "published", 2: "waiting!", 3: "not wanted"},
    ),
    (
        "paused and labelled: the label's version is fetched, the newest is not",
        View(
            policy=Policy(paused=True, labels={"canary": Version(2)}),
            offered=v(1, 2, 3),
            seen=seen(v2=COMPLETE, v3=COMPLETE),
            published=on_disk(1),
        ),
        {1: "published", 2: "waiting!", 3: "not wanted"},
    ),
    (
        "paused and the newest on disk removed: an older one takes its place",
        View(
            policy=Policy(paused=True, refused=(Version(2),)),
            offered=v(1, 2, 3),
            seen=seen(v1=COMPLETE),
            published=on_disk(2),
        ),
        {1: "waiting!", 2: "published", 3: "not wanted"},
    ),
    (
        "labelled and older than the newest: fetched for the label",
        View(
            policy=Policy(labels={"stable": Version(1)}),
            offered=v(1, 2),
            seen=seen(v1=COMPLETE),
            published=on_disk(2),
        ),
        {1: "waiting!", 2: "published"},
    ),
    (
        "removed: what is on disk is only shown",
        View(policy=Policy(removed=True), offered=v(1, 2), seen=seen(v2=COMPLETE), published=on_disk(1)),
        {1: "published"},
    ),
    (
        "removed while fetched: cancel",
        View(policy=Policy(removed=True), offered=v(1), under_way=v(1)),
        {1: "downloadingx"},
    ),
    (
        "refused while fetched: cancel",
        View(policy=Policy(refused=(Version(1),)), offered=v(1), under_way=v(1)),
        {1: "downloadingx"},
    ),
    ("under way: let it", View(offered=v(1), seen=seen(v1=COMPLETE), under_way=v(1)), {1: "downloading"}),
    (
        "superseded while fetched: let it, the new one comes too",
        View(offered=v(1, 2), seen=seen(v1=COMPLETE, v2=COMPLETE), under_way=v(1)),
        {1: "downloading", 2: "waiting!"},
    ),
    (
        "failed: not before its time",
        View(offered=v(1), seen=seen(v1=COMPLETE), failures={Version(1): Failure("reset", 9)}),
        {1: "failed"},
    ),
    (
        "failed and due: again",
        View(offered=v(1), seen=seen(v1=COMPLETE), failures={Version(1): Failure("reset", 0)}),
        {1: "failed!"},
    ),
    (
        "proven useless by a try: the older one",
        View(
            offered=v(1, 2),
            seen=seen(v1=COMPLETE, v2=COMPLETE),
            failures={Version(2): Failure("bad", float("inf"), Stage.INVALID)},
        ),
        {1: "waiting!", 2: "invalid"},
    ),
    (
        "on disk and changed in the bucket: report, never swap",
        View(offered=v(1), seen=seen(v1=COMPLETE), published=on_disk(1, fingerprint="other")),
        {1: "mutated"},
    ),
    (
        "on disk and gone from the bucket: keep",
        View(offered=v(1), seen=seen(v1=HALF), published=on_disk(2)),
        {1: "not wanted", 2: "published"},
    ),
    (
        "on disk without receipt: keep",
        View(offered=v(1), seen=seen(v1=COMPLETE), published={Version(1): None}),
        {1: "published"},
    ),
    (
        "quarantined on disk: the older one is wanted",
        View(offered=v(1, 2), seen=seen(v1=COMPLETE, v2=COMPLETE), published=on_disk(2), quarantines=quarantine(2)),
        {1: "waiting!", 2: "quarantined"},
    ),
    (
        "quarantined and removed: not again",
        View(offered=v(2), seen=seen(v2=COMPLETE), quarantines=quarantine(2)),
        {2: "quarantined"},
    ),
    (
        "quarantined with other bytes: fetch these",
        View(offered=v(2), seen=seen(v2=COMPLETE), quarantines=quarantine(2, fingerprint="older bytes")),
        {2: "waiting!"},
    ),
    (
        "quarantined and an operator wants another try: fetch",
        View(
            policy=Policy(retry={Version(2): "id-2"}),
            offered=v(2),
            seen=seen(v2=COMPLETE),
            quarantines=quarantine(2, retry="id-1"),
        ),
        {2: "waiting!"},
    ),
    (
        "quarantined after the try an operator wanted: not again",
        View(
            policy=Policy(retry={Version(2): "id-1"}),
            offered=v(2),
            seen=seen(v2=COMPLETE),
            quarantines=quarantine(2, retry="id-1"),
        ),
        {2: "quarantined"},
    ),
]


@pytest.mark.parametrize(("view", "expected"), [row[1:] for row in DECISIONS], ids=[row[0] for row in DECISIONS])
def test_each_version_gets_its_state_and_step(view: View, expected: dict[int, str]) -> None:
    """Given what was observed, every version has one state, and those that are due a step."""
    assert decided(view) == expected
