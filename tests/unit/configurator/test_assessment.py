"""What TensorFlow Serving's words mean for single versions."""

import pytest

from configurator.serving.applied_config import AppliedConfig, Asked, Key
from configurator.serving.states import State, Status
from configurator.versions.assessment import STALE_SECONDS, LoadTimeouts, assess
from configurator.view import Model, View
from events.desired import Policy
from events.names import ModelName, Version

M = ModelName("m")
ONE: Key = (M, Version(1))
NOW = 1000.0
FAILED = Status(State.END, 15, "bytes are gone")


def view(status: Status | None, *, asked: Asked | None = None, crashes: int = 0, good: bool = False) -> View:
    one = Version(1)
    model = Model(
        on_disk=frozenset({one}), statuses={one: status} if status else {}, good=frozenset({one} if good else ())
    )
    applied = AppliedConfig(asked={ONE: asked} if asked else {}, crashes={ONE: crashes} if crashes else {})
    return View(NOW, {M: model}, applied)


FRESH = Asked(NOW - 1.0, is_stale=False)
STALE = Asked(NOW - 1.0, is_stale=True)
OLD = Asked(NOW - STALE_SECONDS, is_stale=True)
CASES = {
    "failed": (view(FAILED, asked=FRESH), "TensorFlow Serving could not load it: DATA_LOSS: bytes are gone"),
    "failed, a code of its own": (
        view(Status(State.END, 77, "x"), asked=FRESH),
        "TensorFlow Serving could not load it: code 77: x",
    ),
    "failed before it was asked for": (view(FAILED, asked=STALE), None),
    "failed again without being seen": (view(FAILED, asked=OLD), "TensorFlow Serving could not load it"),
    "failed, not asked for": (view(FAILED), None),
    "unloaded": (view(Status(State.END), asked=FRESH), None),
    "loading": (view(Status(State.LOADING), asked=Asked(0, is_stale=False, loading_since=NOW - 9)), None),
    "loading for too long": (
        view(Status(State.LOADING), asked=Asked(0, is_stale=False, loading_since=NOW - 10)),
        "TensorFlow Serving has been loading it for 10 seconds without end",
    ),
    "waiting for its turn for long": (view(Status(State.START), asked=Asked(0, is_stale=False)), None),
    "one crash": (view(None, crashes=1), None),
    "two crashes": (view(None, crashes=2), "TensorFlow Serving went away 2 times"),
    "two crashes, but good": (view(None, crashes=2, good=True), None),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_quarantined(case: str) -> None:
    """A version that failed goes, with the reason; anything that may still come right stays."""
    seen, reason = CASES[case]
    found = assess(seen, LoadTimeouts(10.0), retried={}).quarantine
    if reason is None:
        assert found == {}
    else:
        assert found[ONE].startswith(reason)


@pytest.mark.parametrize(("good", "expected"), [(False, (ONE,)), (True, ())])
def test_what_is_tested(good: bool, expected: tuple[Key, ...]) -> None:
    """An available version is tested once, until it is good."""
    assert assess(view(Status(State.AVAILABLE), asked=FRESH, good=good), LoadTimeouts(10), retried={}).test == expected


def test_an_available_version_with_an_error_is_not_tested() -> None:
    """AVAILABLE counts with code 0 only."""
    assert assess(view(Status(State.AVAILABLE, 2), asked=FRESH), LoadTimeouts(10), retried={}).test == ()


@pytest.mark.parametrize(
    ("followed", "request_id", "expected"),
    [(None, "a", (ONE,)), ("a", "a", ()), ("a", "b", (ONE,)), (None, None, ())],
)
def test_a_request_to_try_again_counts_once(
    followed: str | None, request_id: str | None, expected: tuple[Key, ...]
) -> None:
    """The record remembers which request it has followed."""
    retry = {Version(1): request_id} if request_id else {}
    model = Model(policy=Policy(retry=retry), quarantined={Version(1): "broken"})
    assert assess(View(NOW, {M: model}, AppliedConfig()), LoadTimeouts(10), retried={ONE: followed}).release == expected
