"""What is counted of a model over all nodes. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from events.desired import Desired
from events.names import Version
from master.answers import Stored
from master.cells import Cell
from master.places import Place
from master.views import CellState, VersionSpread

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


def spread(cells: Iterable[Cell]) -> tuple[VersionSpread, ...]:
    """Count the nodes that have each version in each place, newest first."""
    counts: Counter[tuple[Version, Place]] = Counter()
    for places, times in Counter(cell.places for cell in cells).items():
        for place in places:
            counts[place] += times
    return tuple(
        VersionSpread(
            version=version,
            serving=counts[version, Place.SERVING],
            on_disk=counts[version, Place.ON_DISK],
            fetching=counts[version, Place.FETCHING],
            failed=counts[version, Place.FAILED],
            quarantined=counts[version, Place.QUARANTINED],
        )
        for version in sorted({version for version, _ in counts}, reverse=True)
    )
