"""What is counted of a model over all nodes. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter

from events.desired import Desired
from events.names import Version
from master.fleet.cells import Cell
from master.fleet.places import Origin, Place
from master.fleet.stored import Stored
from master.fleet.views import CellState, VersionSpread

MAX_SIGNERS = 5  # of a version, as they are shown
UNSET = Stored(document=Desired(), revision=0)


@dataclass(slots=True)
class Model:
    """What is counted of a model over all nodes, and its desired document."""

    stored: Stored = UNSET
    tally: Counter[CellState] = field(default_factory=Counter)
    serving: Counter[Version] = field(default_factory=Counter)
    defaults: Counter[Version] = field(default_factory=Counter)  # on how many nodes a version is what clients get
    mutated: int = 0  # nodes that have a version of which the bucket holds other bytes now
    has_lags: bool = False  # some node is behind others


def spread(cells: Collection[Cell]) -> tuple[VersionSpread, ...]:
    """Count the nodes that have each version in each place, and say who signed it; newest first."""
    counts: Counter[tuple[Version, Place]] = Counter()
    for places, times in Counter(cell.places for cell in cells).items():
        for place in places:
            counts[place] += times
    signers = _named(cells, attrgetter("signed_by"))
    builders = _named(cells, attrgetter("provenance"))
    return tuple(
        VersionSpread(
            version=version,
            serving=counts[version, Place.SERVING],
            on_disk=counts[version, Place.ON_DISK],
            fetching=counts[version, Place.FETCHING],
            failed=counts[version, Place.FAILED],
            quarantined=counts[version, Place.QUARANTINED],
            signed_by=signers.get(version, ()),
            provenance=builders.get(version, ()),
        )
        for version in sorted({version for version, _ in counts}, reverse=True)
    )


def _named(cells: Iterable[Cell], which: Callable[[Origin], str]) -> Mapping[Version, tuple[str, ...]]:
    """Name who made each version as the nodes know them: one, unless their policies call a key differently."""
    found: defaultdict[Version, set[str]] = defaultdict(set)
    for origin in chain.from_iterable({cell.origins for cell in cells}):
        if name := which(origin):
            found[origin.version].add(name)
    return {version: tuple(sorted(names)[:MAX_SIGNERS]) for version, names in found.items()}
