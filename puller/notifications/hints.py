"""Where to look: what notifications, peers and the configurator said, put together until the next pass takes it.

Ten thousand notifications a second are still only a set of versions. A version that is being uploaded is not listed for
each of its objects, but once a second and for its manifest, which comes last.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

from events.names import ModelName, Version
from puller.notifications.deduplication import Allowance, Pace

Name = TypeVar("Name", ModelName, tuple[ModelName, Version])

RELIST_SECONDS = 1.0
# Whoever may publish to the topic or speak to NATS can name what is not there. Each name costs a list operation, so
# names are bounded: so many at once, then so many a second, apart for our own notifications and for what peers say.
BURST = 200
PER_SECOND = 20.0
MAX_WAITING = 1000  # names; looking at everything is cheaper than so many
OVERFLOW_SECONDS = 30.0  # between two looks at everything for that reason
LACKING_SECONDS = 10.0  # until a model is looked for again that a listing has lacked


@dataclass(frozen=True, slots=True)
class Taken:
    """What a pass shall look at."""

    everything: bool = False
    models: frozenset[ModelName] = frozenset()  # their versions may have become more
    versions: frozenset[tuple[ModelName, Version]] = frozenset()
    changed: frozenset[ModelName] = frozenset()  # think again; the bucket need not be asked
    again_in_seconds: float | None = None  # when hints that came too soon are due


@dataclass(slots=True)
class Hints:
    """Collects hints and wakes the loop. `monotonic` gives seconds."""

    wake: Callable[[], None]
    monotonic: Callable[[], float]
    _everything: bool = True  # the start is a reason to look at everything
    _models: set[ModelName] = field(default_factory=set)
    _urgent: set[tuple[ModelName, Version]] = field(default_factory=set)
    _versions: set[tuple[ModelName, Version]] = field(default_factory=set)
    _changed: set[ModelName] = field(default_factory=set)
    _is_overflowing: bool = False  # so much was named that the whole bucket is to be looked at
    _pace: Pace = field(default_factory=lambda: Pace(RELIST_SECONDS))
    _pace_all: Pace = field(default_factory=lambda: Pace(OVERFLOW_SECONDS))
    _lacking: Pace = field(default_factory=lambda: Pace(LACKING_SECONDS))
    _own: Allowance = field(default_factory=lambda: Allowance(burst=BURST, per_second=PER_SECOND))
    _peers: Allowance = field(default_factory=lambda: Allowance(burst=BURST, per_second=PER_SECOND))

    def look_at_all(self) -> None:
        """Something may have been missed."""
        self._everything = True
        self.wake()

    def look_at(self, model: ModelName) -> None:
        """The bucket has something new for a model, whichever version."""
        self._models.add(model)
        self._overflow()
        self.wake()

    def look_into(self, model: ModelName, version: Version, *, is_urgent: bool) -> None:
        """The bucket has something new in a version; urgent if it may be the last thing."""
        (self._urgent if is_urgent else self._versions).add((model, version))
        self._overflow()
        self.wake()

    def think_about(self, model: ModelName) -> None:
        """Something changed for a model on this node: a transfer ended, a version was removed."""
        self._changed.add(model)
        self.wake()

    def lacks(self, name: ModelName | tuple[ModelName, Version]) -> None:
        """Note that the bucket was just listed and has no such model or version: who names it again has to wait."""
        self._lacking.wait_seconds(name, now=self.monotonic())

    def take(self) -> Taken:
        """Hand over what is due; what came too soon after the last look, or is more than may be listed, stays."""
        now = self.monotonic()
        waits = [self._overflow_wait(now)]
        models = self._due(self._models, self._peers, waits, now)
        versions = self._due(self._urgent, self._own, waits, now) | self._due(
            self._versions - self._urgent, self._own, waits, now
        )
        taken = Taken(
            everything=self._everything,
            models=models,
            versions=versions,
            changed=frozenset(self._changed),
            again_in_seconds=min((wait for wait in waits if wait), default=None),
        )
        self._everything = False
        self._models -= taken.models
        self._versions -= taken.versions | self._urgent
        self._urgent -= taken.versions
        self._changed.clear()
        return taken

    def _due(self, keys: Collection[Name], allowance: Allowance, waits: list[float], now: float) -> frozenset[Name]:
        """Choose what may be listed now; `waits` is told when the others may."""
        due = set()
        for key in keys:
            wait = allowance.wait_seconds(now=now) or self._lacking.left_seconds(key, now=now)
            if not wait and key not in self._urgent:
                wait = self._pace.wait_seconds(key, now=now)
            if wait:
                waits.append(wait)
            else:
                allowance.take()
                due.add(key)
        return frozenset(due)

    def _overflow(self) -> None:
        """Look at the whole bucket, once, in place of all that was named."""
        if len(self._models) > MAX_WAITING or len(self._urgent) + len(self._versions) > MAX_WAITING:
            self._models.clear()
            self._urgent.clear()
            self._versions.clear()
            self._is_overflowing = True

    def _overflow_wait(self, now: float) -> float:
        if not self._is_overflowing or (wait := self._pace_all.wait_seconds("all", now=now)):
            return wait if self._is_overflowing else 0.0
        self._everything, self._is_overflowing = True, False
        return 0.0

    def give_back(self, taken: Taken) -> None:
        """Keep for the next pass what this one could not look at."""
        self._everything |= taken.everything
        self._models |= taken.models
        self._urgent |= taken.versions
        self._changed |= taken.changed
