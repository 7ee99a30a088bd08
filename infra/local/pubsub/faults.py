"""How the server misbehaves when it is told to.

Pub/Sub promises at-least-once delivery in any order, and bucket notifications may be lost; emulators are kinder than
that. The faults befall each subscription apart, as in reality: one node's message is lost while another node's
arrives, so that peer hints and the periodic poll have something to mend. The dice are seeded: the same calls in the
same order bring the same faults.
"""

import random
from dataclasses import dataclass

from infra.local.pubsub.errors import InvalidArgument
from infra.local.pubsub.names import SubscriptionName

DEFAULT_REORDER_SECONDS = 0.5
DEFAULT_DELAY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Faults:
    """The chance of each fault for one message on its way into one subscription, from 0 (never) to 1 (always)."""

    duplicate: float = 0.0
    """One more copy arrives, under a message id of its own."""
    reorder: float = 0.0
    """It is held back for up to `reorder_seconds`, so that later messages overtake it."""
    delay: float = 0.0
    """It is held back for up to `delay_seconds`."""
    drop: float = 0.0
    """It never arrives."""
    reorder_seconds: float = DEFAULT_REORDER_SECONDS
    delay_seconds: float = DEFAULT_DELAY_SECONDS
    seed: int = 0
    subscription: str = ""
    """The full name of the one subscription that suffers; empty means all of them."""

    def __post_init__(self) -> None:
        for name in ("duplicate", "reorder", "delay", "drop"):
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidArgument(f"{name} is a chance between 0 and 1, not {getattr(self, name)}")
        for name in ("reorder_seconds", "delay_seconds"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InvalidArgument(f"{name} is a number of seconds from 0 up, not {getattr(self, name)}")


@dataclass(slots=True)
class Tally:
    """How many messages suffered what, since the faults were last set."""

    arrived: int = 0
    duplicated: int = 0
    reordered: int = 0
    delayed: int = 0
    dropped: int = 0


class FaultPlan:
    """Decides the fate of each message; keeps the tally."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.tally = Tally()
        self._dice = random.Random(faults.seed)  # noqa: S311  # repeatable on purpose

    def arrivals(self, subscription: SubscriptionName) -> tuple[float, ...]:
        """Give, for each copy of one message, the seconds until it arrives; no copy means that it is lost."""
        if self.faults.subscription not in ("", subscription):
            return (0.0,)
        if self._happens(self.faults.drop):
            self.tally.dropped += 1
            return ()
        copies = 1
        if self._happens(self.faults.duplicate):
            self.tally.duplicated += 1
            copies = 2
        self.tally.arrived += copies
        return tuple(self._wait() for _ in range(copies))

    def _wait(self) -> float:
        wait = 0.0
        if self._happens(self.faults.reorder):
            self.tally.reordered += 1
            wait += self._dice.uniform(0, self.faults.reorder_seconds)
        if self._happens(self.faults.delay):
            self.tally.delayed += 1
            wait += self._dice.uniform(0, self.faults.delay_seconds)
        return wait

    def _happens(self, chance: float) -> bool:
        return self._dice.random() < chance
