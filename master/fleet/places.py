"""Where the versions of a model are on a node, by what its two services say. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from events.names import Version
from events.status import PulledVersion, ServedModel, ServedStage, Stage
from events.trouble import COMING, FAILING

ON_DISK = frozenset({Stage.PUBLISHED, Stage.MUTATED})


class Place(Enum):
    """Where a version is, for counting."""

    BUCKET = auto()
    FETCHING = auto()
    FAILED = auto()
    QUARANTINED = auto()
    ON_DISK = auto()
    SERVING = auto()


_PLACES = {
    **dict.fromkeys(COMING, Place.FETCHING),
    **dict.fromkeys(FAILING, Place.FAILED),
    **dict.fromkeys(ON_DISK, Place.ON_DISK),
    Stage.QUARANTINED: Place.QUARANTINED,
}


@dataclass(frozen=True, slots=True)
class Halves:
    """What both services of a node say about a model."""

    pulled: tuple[PulledVersion, ...] = ()
    served: ServedModel | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made a version, as its node knows it by its own policy."""

    version: Version
    signed_by: str
    provenance: str


def origins(halves: Halves) -> tuple[Origin, ...]:
    """Say of each version who signed it, where the node knows."""
    return tuple(Origin(one.version, one.signed_by, one.provenance) for one in halves.pulled if one.signed_by)


def places(halves: Halves) -> Iterator[tuple[Version, Place]]:
    """Name each version with each place where it is."""
    yield from ((one.version, _PLACES.get(one.state, Place.BUCKET)) for one in halves.pulled)
    for line in halves.served.versions if halves.served else ():
        yield line.version, Place.QUARANTINED if line.state is ServedStage.QUARANTINED else Place.ON_DISK
        if line.state is ServedStage.SERVING:
            yield line.version, Place.SERVING
