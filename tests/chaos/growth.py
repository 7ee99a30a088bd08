"""Rule 5 in numbers: what a process takes up at rest at the end, against what it took at rest at the beginning.

Only samples of a cluster at rest are compared: before the first fault, and after the last one when all is as desired.
A process that was started anew in between is compared all the same: it has the same work. Within one long life the
last quarter is compared with the second one too, so that a slow leak shows in a soak.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.chaos.observations import Phase, Sample

LONG_SECONDS: Final = 300.0  # a life that is long enough to show a trend


@dataclass(frozen=True, slots=True)
class Limit:
    """How much more than before is still no growth: so many times as much, and so much on top."""

    times: float
    more: float


# Memory: what libraries load on first use (a stream, a second engine) and caches of the allocator come on top once.
# Threads and descriptors: pools fill up to their bounds (8 for the bucket, 6 of asyncio, a dozen of gRPC).
# Connections: 8 to the bucket, 8 to the neighbour and 8 of its; each is closed once it was idle for half a minute.
LIMITS: Final = {
    "memory MiB": Limit(1.5, 40.0),
    "threads": Limit(1.0, 16.0),
    "descriptors": Limit(1.0, 24.0),
    "connections": Limit(1.0, 24.0),
    "staged": Limit(1.0, 0.0),
    "trash": Limit(1.0, 0.0),
}
TRENDS: Final = {
    "memory MiB": Limit(1.25, 16.0),
    "threads": Limit(1.0, 8.0),
    "descriptors": Limit(1.0, 12.0),
    "connections": Limit(1.0, 6.0),
}


@dataclass(frozen=True, slots=True)
class Change:
    """A measure of a process or folder: at rest at the beginning, the most there ever was, at rest at the end."""

    name: str
    measure: str
    before: float
    most: float
    after: float


def table(samples: Iterable[Sample]) -> list[Change]:
    """What everything took up."""
    by_name: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_name[sample.name].append(sample)
    return [
        change
        for name, all_of in sorted(by_name.items())
        for measure in all_of[0].values
        if (change := _change(name, measure, all_of))
    ]


def grown(samples: Iterable[Sample]) -> list[tuple[float, str]]:
    """What grew: when that was found, and the words for it."""
    samples = list(samples)
    end = max((sample.at for sample in samples), default=0.0)
    found = [
        (end, f"{change.name}: {change.measure} grew from {change.before:g} to {change.after:g}")
        for change in table(samples)
        if _exceeds(LIMITS[change.measure], before=change.before, after=change.after)
    ]
    lives: dict[tuple[str, int], list[Sample]] = defaultdict(list)
    for sample in samples:
        lives[sample.name, sample.life].append(sample)
    for (name, _), life in lives.items():
        found += [(end, f"{name}: {words}") for words in _trends(life)]
    return found


def _change(name: str, measure: str, samples: Sequence[Sample]) -> Change | None:
    before = [sample.values[measure] for sample in samples if sample.phase is Phase.BEFORE]
    after = [sample.values[measure] for sample in samples if sample.phase is Phase.AFTER]
    if not before or not after:
        return None
    most = max(sample.values[measure] for sample in samples)
    return Change(name, measure, max(before), most, min(after))


def _trends(life: Sequence[Sample]) -> list[str]:
    if life[-1].at - life[0].at < LONG_SECONDS:
        return []
    quarter = (life[-1].at - life[0].at) / 4
    second = [sample for sample in life if quarter <= sample.at - life[0].at < 2 * quarter]
    last = [sample for sample in life if sample.at - life[0].at >= 3 * quarter]
    found = []
    for measure, limit in TRENDS.items():
        if measure not in life[0].values or not second or not last:
            continue
        before, after = (median(sample.values[measure] for sample in part) for part in (second, last))
        if _exceeds(limit, before=before, after=after):
            found.append(f"{measure} grew from {before:g} to {after:g} within one life")
    return found


def _exceeds(limit: Limit, *, before: float, after: float) -> bool:
    return after > before * limit.times + limit.more
