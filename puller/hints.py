"""Where to look: what notifications, peers and the configurator said, put together until the next pass takes it.

Ten thousand notifications a second are still only a set of versions. A version that is being uploaded is not listed for
each of its objects, but once a second and for its manifest, which comes last.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from events.names import ModelName, Version
from puller.dedupe import Pace

RELIST_SECONDS = 1.0
MAX_VERSIONS = 10_000  # more than that and looking at everything is cheaper than remembering


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
    """Collects hints and rings the bell. `monotonic` gives seconds."""

    ring: Callable[[], None]
    monotonic: Callable[[], float]
    _everything: bool = True  # the start is a reason to look at everything
    _models: set[ModelName] = field(default_factory=set)
    _urgent: set[tuple[ModelName, Version]] = field(default_factory=set)
    _versions: set[tuple[ModelName, Version]] = field(default_factory=set)
    _changed: set[ModelName] = field(default_factory=set)
    _pace: Pace = field(default_factory=lambda: Pace(RELIST_SECONDS))

    def look_at_all(self) -> None:
        """Something may have been missed."""
        self._everything = True
        self.ring()

    def look_at(self, model: ModelName) -> None:
        """The bucket has something new for a model, whichever version."""
        self._models.add(model)
        self.ring()

    def look_into(self, model: ModelName, version: Version, *, is_urgent: bool) -> None:
        """The bucket has something new in a version; urgent if it may be the last thing."""
        (self._urgent if is_urgent else self._versions).add((model, version))
        if len(self._urgent) + len(self._versions) > MAX_VERSIONS:
            self._urgent.clear()
            self._versions.clear()
            self._everything = True
        self.ring()

    def think_about(self, model: ModelName) -> None:
        """Something changed for a model on this node: a transfer ended, a version was removed."""
        self._changed.add(model)
        self.ring()

    def take(self) -> Taken:
        """Hand over what is due; what came too soon after the last look stays."""
        now = self.monotonic()
        waits = {key: self._pace.wait_seconds(key, now=now) for key in self._versions - self._urgent}
        model_waits = {model: self._pace.wait_seconds(model, now=now) for model in self._models}
        taken = Taken(
            everything=self._everything,
            models=frozenset(model for model, wait in model_waits.items() if not wait),
            versions=frozenset(self._urgent | {key for key, wait in waits.items() if not wait}),
            changed=frozenset(self._changed),
            again_in_seconds=min((wait for wait in (*waits.values(), *model_waits.values()) if wait), default=None),
        )
        self._everything = False
        self._models -= taken.models
        self._versions -= taken.versions
        self._urgent.clear()
        self._changed.clear()
        return taken

    def give_back(self, taken: Taken) -> None:
        """Keep for the next pass what this one could not look at."""
        self._everything |= taken.everything
        self._models |= taken.models
        self._urgent |= taken.versions
        self._changed |= taken.changed
