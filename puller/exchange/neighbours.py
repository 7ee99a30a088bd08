"""What a node knows of its neighbours for one version: what they have and fetch, and whether they keep their word."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

QUIET_SECONDS: Final = 5.0  # a neighbour that others wait for and whose bytes do not grow for so long is late
BUSY_SECONDS: Final = 0.2  # one that has no place for a request is asked again then
FAILURES: Final = 2  # after so many broken answers in a row nothing more is asked of a neighbour


@dataclass(frozen=True, slots=True)
class Availability:
    """What a neighbour says of a version: the units it has, those it fetches from the bucket, its bytes altogether."""

    has: int
    coming: int = 0
    bytes_there: int = 0


class Failure(Enum):
    """Why a unit did not come from a neighbour."""

    BUSY = auto()  # it has no place for one more request
    MISSING = auto()  # it does not have the unit after all
    BROKEN = auto()  # it broke off, was silent or too slow
    LIED = auto()  # its bytes are not those of the unit


@dataclass(slots=True)
class Neighbour:
    """One neighbour. Times are the schedule's, in seconds."""

    has: int
    coming: int
    bytes_there: int
    progressed_at: float
    owes_since: float | None = None  # since when units are waited for that it is to fetch
    busy_until: float = 0.0
    asked: int = 0  # units that are on their way from it
    failures: int = 0
    is_avoided: bool = False  # nothing is taken from it
    is_late: bool = False  # what it says it fetches is not waited for

    def hear(self, word: Availability, *, now: float) -> None:
        """Take its word."""
        if word.bytes_there > self.bytes_there or word.has & ~self.has:
            self.progressed_at = now
        self.has, self.coming, self.bytes_there = word.has, word.coming, word.bytes_there

    def offers(self, *, now: float) -> int:
        """Return the units that can be asked of it now."""
        return 0 if self.is_avoided or now < self.busy_until else self.has

    def is_quiet(self, *, owed: int, now: float) -> bool:
        """Tell whether it owes units and gets nothing; keeps since when it owes."""
        if not owed:
            self.owes_since = None
            return False
        if self.owes_since is None:
            self.owes_since = now
        return now - max(self.owes_since, self.progressed_at) >= QUIET_SECONDS

    def fail(self, unit: int, why: Failure, *, now: float) -> None:
        """Note that a unit did not come from it."""
        match why:
            case Failure.BUSY:
                self.busy_until = now + BUSY_SECONDS
            case Failure.MISSING | Failure.BROKEN:
                self.has &= ~(1 << unit)
                self.failures += 1
                self.is_avoided = self.is_avoided or self.failures >= FAILURES
            case Failure.LIED:
                self.is_avoided = True


def offered(neighbours: Iterable[Neighbour], *, now: float) -> int:
    """Return the units that can be had from any of them now."""
    units = 0
    for neighbour in neighbours:
        units |= neighbour.offers(now=now)
    return units


def had(neighbours: Iterable[Neighbour]) -> int:
    """Return the units that any of them has, busy or not."""
    units = 0
    for neighbour in neighbours:
        units |= 0 if neighbour.is_avoided else neighbour.has
    return units
