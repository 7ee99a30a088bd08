"""What a benchmark finds: figures with all their runs, or the reason why something could not be measured."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing; its value is a quantile of the runs, the median if nothing else is said."""

    name: str
    unit: str
    runs: tuple[float, ...]
    at_most: float | None = None  # the target; None: for information
    quantile: float = 0.5
    note: str = ""

    @property
    def value(self) -> float:
        """The figure itself."""
        return quantile(self.runs, self.quantile)

    @property
    def missed_by(self) -> float | None:
        """By how much the target is missed, 0 where it is met; None without a target."""
        return None if self.at_most is None else max(0.0, self.value - self.at_most)


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """A figure that this machine could not give."""

    name: str
    reason: str


Row = Figure | Unmeasured


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies, with a straight line between two of them."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Compare run by run: each pair ran one after the other, under the same load."""
    return tuple(one / other for one, other in zip(ours, theirs, strict=True))
