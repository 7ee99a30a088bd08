"""Figures say what was measured, and honestly whether a target is met."""

import pytest

from bench.figures import Figure, quantile, ratios


def test_the_median_is_the_value() -> None:
    """One slow run of three does not change the figure."""
    assert Figure("time", "s", (1.0, 9.0, 1.2)).value == 1.2


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 10.0), (0.5, 25.0), (1.0, 40.0), (0.9, pytest.approx(37.0))], ids=str
)
def test_quantiles_lie_on_the_line_between_runs(share: float, value: float) -> None:
    """A quantile between two runs is taken from the straight line between them."""
    assert quantile([40.0, 10.0, 30.0, 20.0], share) == value


def test_one_run_is_every_quantile() -> None:
    """A figure of one run has that value at any quantile."""
    assert Figure("time", "s", (7.0,), quantile=0.99).value == 7.0


@pytest.mark.parametrize(("at_most", "missed_by"), [(3.0, 0.0), (2.0, 0.0), (1.5, 0.5), (None, None)], ids=str)
def test_a_target_is_missed_by_what_is_above_it(at_most: float | None, missed_by: float | None) -> None:
    """A figure at its target meets it; without a target there is nothing to miss."""
    assert Figure("time", "s", (2.0,), at_most).missed_by == missed_by


def test_ratios_compare_runs_of_the_same_turn() -> None:
    """Each run is compared with the one beside it, so that a load that comes and goes cancels out."""
    assert ratios([2.0, 30.0], [1.0, 10.0]) == (2.0, 3.0)


def test_ratios_want_as_many_runs_of_both() -> None:
    """A run without its counterpart is an error, not a ratio."""
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        ratios([1.0, 2.0], [1.0])
