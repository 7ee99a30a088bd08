"""What became of every version: a bus of state changes, and monitors that remember the last state of each.

The server's own monitor lives as long as the process and forgets nothing, so a version that ended stays listed. Each
reload opens a fresh one, which knows only what happened since: that is why a reload can wait for an event that
already was, and mistake an old instance's end for the new one's.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from threading import Event, Lock

from infra.tfserving.servable import Code, State
from infra.tfserving.versions import ServableId

log = logging.getLogger("tfserving.monitor")


@dataclass(frozen=True, slots=True)
class Change:
    """A version entered a state; `code` and `message` tell of its health."""

    id: ServableId
    state: State
    code: Code = Code.OK
    message: str = ""

    def health(self) -> str:
        """Print the health as a status, empty when it is good."""
        return "" if self.code is Code.OK else f"{self.code.name}: {self.message}"


class Bus:
    """Hands each change to every subscriber, one change at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._subscribers: list[Callable[[Change], None]] = []

    def subscribe(self, subscriber: Callable[[Change], None]) -> None:
        """Call `subscriber` with every change from now on."""
        with self._lock:
            self._subscribers.append(subscriber)

    def unsubscribe(self, subscriber: Callable[[Change], None]) -> None:
        """Stop calling `subscriber`."""
        with self._lock:
            self._subscribers.remove(subscriber)

    def publish(self, change: Change) -> None:
        """Tell all subscribers before returning."""
        log.info("%s is %s %s", change.id, change.state.name, change.health())
        with self._lock:
            for subscriber in self._subscribers:
                subscriber(change)


@dataclass(slots=True)
class _Wait:
    models: Collection[str]
    reached: list[Change] = field(default_factory=list)
    over: Event = field(default_factory=Event)


class Monitor:
    """Remembers the last change of each version it heard of."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._lock = Lock()
        self._last: dict[str, dict[int, Change]] = {}
        self._waits: list[_Wait] = []
        bus.subscribe(self._hear)

    def versions(self, model: str) -> list[Change]:
        """Return the last change of each version of a model, highest version first."""
        with self._lock:
            return self._of(model)

    def wait(self, models: Collection[str]) -> list[Change] | None:
        """Wait, for ever if need be, until each model has a version that is AVAILABLE or at its END.

        Return one such version a model, or None if the monitor was closed meanwhile.
        """
        wait = _Wait(models)
        with self._lock:
            self._waits.append(wait)
            self._settle()
        wait.over.wait()
        return wait.reached if len(wait.reached) == len(models) else None

    def is_awaited(self) -> bool:
        """Tell whether somebody waits."""
        with self._lock:
            return any(not one.over.is_set() for one in self._waits)

    def close(self) -> None:
        """Listen no more, and let everyone who waits go."""
        self._bus.unsubscribe(self._hear)
        with self._lock:
            for wait in self._waits:
                wait.over.set()

    def _hear(self, change: Change) -> None:
        with self._lock:
            self._last.setdefault(change.id.model, {})[change.id.version] = change
            self._settle()

    def _settle(self) -> None:
        for wait in [one for one in self._waits if not one.over.is_set()]:
            reached = [change for model in sorted(wait.models) if (change := self._first_settled(model)) is not None]
            if len(reached) == len(wait.models):
                wait.reached = reached
                wait.over.set()

    def _first_settled(self, model: str) -> Change | None:
        return next((one for one in self._of(model) if one.state in {State.AVAILABLE, State.END}), None)

    def _of(self, model: str) -> list[Change]:
        changes = self._last.get(model, {})
        return [changes[version] for version in sorted(changes, reverse=True)]
