"""What may leave the disk, and what never does."""

import pytest

from configurator.serving.applied_config import AppliedConfig, Entry, Key, keys
from configurator.serving.states import State, Status
from configurator.versions import retention
from configurator.view import Model, View
from events.desired import Pinned, Policy
from events.names import ModelName, Version

M = ModelName("m")
DISK = frozenset(map(Version, range(1, 7)))


def numbers(*values: int) -> frozenset[Version]:
    return frozenset(map(Version, values))


def idle(model: Model, *, named: tuple[int, ...] = (6,), kept: int = 2, is_low: bool = False) -> set[int]:
    """List the versions that may go from a disk with 1 to 6."""
    config = {M: Entry(numbers(*named))} if named else {}
    applied = AppliedConfig(config=config, possible=keys(config))
    idle = retention.idle(View(0, {M: model}, applied), retention=kept, is_low=is_low)
    return {int(version) for version in idle.done[M]}


CASES = {
    "two older ones are kept": (Model(on_disk=DISK, good=numbers(6)), {}, {1, 2, 3}),
    "a low disk keeps one": (Model(on_disk=DISK, good=numbers(6)), {"is_low": True}, {1, 2, 3, 4}),
    "none if the setting says none": (Model(on_disk=DISK, good=numbers(6)), {"kept": 0}, {1, 2, 3, 4, 5}),
    "a model's own number counts": (Model(policy=Policy(retention=4), on_disk=DISK, good=numbers(6)), {}, {1}),
    "a low disk does not raise it": (
        Model(policy=Policy(retention=0), on_disk=DISK, good=numbers(6)),
        {"is_low": True},
        {1, 2, 3, 4, 5},
    ),
    "the last good one stays": (Model(on_disk=DISK, good=numbers(1)), {"named": (6,)}, {2, 3}),
    "what is named stays": (Model(on_disk=DISK, good=numbers(6)), {"named": (1, 6)}, {2, 3}),
    "what is pinned stays": (
        Model(policy=Policy(want=Pinned(versions=(Version(2),))), on_disk=DISK, good=numbers(2)),
        {"named": (2,)},
        {1, 3, 4},
    ),
    "what is labelled stays": (Model(policy=Policy(labels={"a": Version(1)}), on_disk=DISK), {}, {2, 3}),
    "what is held for later stays": (Model(policy=Policy(held=(Version(1),)), on_disk=DISK), {}, {2, 3}),
    "what a paused model would take next stays": (
        Model(policy=Policy(paused=True), on_disk=DISK, good=numbers(1)),
        {"named": (1,), "kept": 0},
        {2, 3, 4, 5},
    ),
    "what is being unloaded stays": (
        Model(on_disk=DISK, good=numbers(6), statuses={Version(1): Status(State.UNLOADING)}),
        {},
        {2, 3},
    ),
    "what has ended may go": (
        Model(on_disk=DISK, good=numbers(6), statuses={Version(1): Status(State.END)}),
        {},
        {1, 2, 3},
    ),
    "by hand stays": (Model(on_disk=DISK, good=numbers(6), by_hand=numbers(1, 2)), {}, {3}),
    "quarantined goes and does not count": (
        Model(on_disk=DISK, good=numbers(6), quarantined={Version(5): "broken"}),
        {},
        {1, 2, 5},
    ),
    "refused goes and does not count": (
        Model(policy=Policy(refused=(Version(5),)), on_disk=DISK, good=numbers(6)),
        {},
        {1, 2, 5},
    ),
    "removed: all, once nothing is named": (Model(policy=Policy(removed=True), on_disk=DISK), {"named": ()}, set(DISK)),
    "removed, still named": (Model(policy=Policy(removed=True), on_disk=DISK), {"named": tuple(DISK)}, set()),
}


@pytest.mark.parametrize("case", CASES)
def test_what_nobody_needs(case: str) -> None:
    """Everything else stays."""
    model, arguments, expected = CASES[case]
    assert idle(model, **arguments) == expected  # type: ignore[arg-type]  # a table of arguments


def test_nothing_goes_while_the_config_is_not_known() -> None:
    """TensorFlow Serving may hold any version."""
    assert retention.idle(View(0, {M: Model(on_disk=DISK)}, AppliedConfig()), retention=0, is_low=True).done == {}


def test_the_grace_time_begins_anew_when_a_version_was_needed_again() -> None:
    """Only an unbroken time without need counts."""
    key: Key = (M, Version(1))
    since = retention.note({}, {key: "old"}, now=0.0)
    since = retention.note(since, {}, now=5.0)
    since = retention.note(since, {key: "old"}, now=6.0)
    assert retention.due(since, now=15.9, grace_seconds=10.0) == []
    assert retention.due(since, now=16.0, grace_seconds=10.0) == [key]
