"""The guard's account of what still lives."""

from infra.local.guard import left


def test_groups_never_taken_back_are_left() -> None:
    """Only groups that were named and not taken back would be killed."""
    assert left(["+1\n", "+2\n", "-1\n", "+3\n"]) == {2, 3}


def test_a_group_may_come_back() -> None:
    """A restarted child is guarded again."""
    assert left(["+1\n", "-1\n", "+1\n"]) == {1}


def test_an_unknown_group_is_no_trouble() -> None:
    """Taking back twice is harmless."""
    assert left(["-1\n", "+2\n", "-2\n", "-2\n"]) == set()
