"""Bounded memories: what was heard lately, and who may pass."""

from puller.notifications.deduplication import Pace, Recent


def test_what_was_heard_lately_is_known() -> None:
    """A key is new once, and known for as long as the memory reaches."""
    recent = Recent(size=3)
    assert [recent.is_new(key) for key in "aba"] == [True, True, False]


def test_the_oldest_is_forgotten_first() -> None:
    """What is heard again stays; what was not heard for the longest time makes room."""
    recent = Recent(size=2)
    for key in ("a", "b", "a", "c"):
        recent.is_new(key)
    assert [recent.is_new("a"), recent.is_new("b")] == [False, True]


def test_a_key_passes_once_in_a_while() -> None:
    """Whoever comes too soon is told how long to wait; waiting does not start anew by asking."""
    pace = Pace(1.0)
    assert [pace.wait_seconds("a", now=now) for now in (0.0, 0.25, 0.75, 1.0, 1.5)] == [0.0, 0.75, 0.25, 0.0, 0.5]
    assert pace.wait_seconds("b", now=1.5) == 0.0


def test_a_pace_remembers_only_so_many() -> None:
    """However many keys come by, the memory is bounded."""
    pace = Pace(100.0, size=10)
    for number in range(1000):
        pace.wait_seconds(number, now=0.0)
    assert pace.wait_seconds(0, now=0.0) == 0.0
    assert pace.wait_seconds(999, now=0.0) == 100.0
