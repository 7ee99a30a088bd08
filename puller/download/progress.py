"""How far a transfer is: bytes, a smoothed rate, the time left; told at most once a second."""

import math
from collections.abc import Callable
from typing import Final

from events.status import Progress

TELL_SECONDS: Final = 1.0
SMOOTH_SECONDS: Final = 5.0  # the rate forgets what is older than a few times this


class Meter:
    """Counts the bytes of one transfer. Knows no clock: `clock` gives seconds."""

    def __init__(self, total: int, *, done: int, clock: Callable[[], float], tell: Callable[[Progress], None]) -> None:
        self.moved = 0
        self.from_neighbours = 0
        self._total = total
        self._done = done
        self._clock = clock
        self._tell = tell
        self._rate: float | None = None
        self._told_at = clock()
        self._moved_then = 0

    def add(self, count: int) -> None:
        """Count bytes that came in."""
        self.moved += count
        self._done += count
        if self._clock() - self._told_at >= TELL_SECONDS:
            self.tell()

    def take_from_neighbour(self, count: int) -> None:
        """Count bytes that a neighbour gave."""
        self.from_neighbours += count
        self.add(count)

    @property
    def done(self) -> int:
        """Bytes that are there."""
        return self._done

    def lose(self, count: int) -> None:
        """Take back bytes that are to be fetched again."""
        self._done -= count

    def tell(self) -> None:
        """Say how far it is now."""
        self._smooth()
        rate = self._rate or 0.0
        left = (self._total - self._done) / rate if rate else None
        self._tell(
            Progress(
                bytes_done=self._done,
                bytes_total=self._total,
                bytes_per_second=rate,
                seconds_left=left,
                bytes_from_neighbours=min(self.from_neighbours, self._done),
            )
        )

    def _smooth(self) -> None:
        seconds = self._clock() - self._told_at
        if seconds <= 0:
            return
        rate = (self.moved - self._moved_then) / seconds
        weight = 1 - math.exp(-seconds / SMOOTH_SECONDS)
        self._rate = rate if self._rate is None else self._rate + (rate - self._rate) * weight
        self._told_at, self._moved_then = self._clock(), self.moved
