"""What a schedule may decide: from whom a unit is fetched next."""

from dataclasses import dataclass
from typing import Final

from events.names import NodeName

LOOK_SECONDS: Final = 0.5  # a schedule that waits is asked again after this, whatever happens


@dataclass(frozen=True, slots=True)
class FromBucket:
    """Fetch this unit from the bucket."""

    unit: int


@dataclass(frozen=True, slots=True)
class FromNeighbour:
    """Fetch this unit from a neighbour."""

    unit: int
    node: NodeName


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be done now; ask again on any news, and after so many seconds."""

    seconds: float = LOOK_SECONDS


@dataclass(frozen=True, slots=True)
class Finished:
    """Every unit is there."""


Step = FromBucket | FromNeighbour | Wait | Finished
