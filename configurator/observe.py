"""Looking: disk, desired state and TensorFlow Serving become one `View`.

A whole look asks TensorFlow Serving about every model; while something moves, only the moving models are asked
between two whole looks, so that looking every few milliseconds costs little on a node with many models.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Protocol, TypeVar

from configurator.disk import Folder, Space
from configurator.good import Good
from configurator.told import Told, back, keys, see
from configurator.view import Model, State, Status, View
from events.desired import DesiredState, Policy
from events.names import ModelName, Version

T = TypeVar("T")
WHOLE_SECONDS = 1.0
PARALLEL_CALLS = (
    16  # each is answered in well under a millisecond; more would only queue in TensorFlow Serving's threads
)


class Disk(Protocol):
    """What is looked at on disk."""

    def look(self, names: frozenset[ModelName]) -> dict[ModelName, Folder]: ...

    def space(self) -> Space: ...


class Serving(Protocol):
    """What TensorFlow Serving is asked."""

    def status(self, model: ModelName) -> Coroutine[None, None, dict[Version, Status]]: ...

    def label(self, model: ModelName, label: str) -> Coroutine[None, None, Version | None]: ...


class Observer:
    """Remembers the last answers between two whole looks."""

    def __init__(self, disk: Disk, serving: Serving, *, desired: Callable[[], DesiredState]) -> None:
        self._disk = disk
        self._serving = serving
        self._desired = desired
        self._statuses: dict[ModelName, dict[Version, Status]] = {}
        self._whole: float | None = None
        self.folders: Mapping[ModelName, Folder] = {}
        self.space = Space(0, 0)

    async def look_at_disk(self, told: Told, good: Good) -> None:
        """Read the disk. Raises `Transient`."""
        named = {name for name, _ in told.possible | keys(told.config or {})}
        names = frozenset(named) | good.keys() | self._desired().models
        self.folders, self.space = await asyncio.to_thread(lambda: (self._disk.look(names), self._disk.space()))

    async def ask(self, now: float, *, moving: frozenset[ModelName], is_new: bool) -> None:
        """Ask TensorFlow Serving for the states of versions; of all while it is new to us. Raises `Transient`."""
        is_whole = is_new or self._whole is None or now - self._whole >= WHOLE_SECONDS or not moving
        names = [name for name in self.folders if is_whole or name in moving or name not in self._statuses]
        answers = await _bounded([self._serving.status(name) for name in names])
        self._statuses = {name: self._statuses[name] for name in self.folders if name in self._statuses}
        self._statuses.update(zip(names, answers, strict=True))
        if is_whole:
            self._whole = now

    def forget(self) -> None:
        """Drop all answers: another TensorFlow Serving may be there."""
        self._statuses = {}
        self._whole = None

    def recognise(self, told: Told) -> Told:
        """Take note, after a loss of the connection, whether the same TensorFlow Serving answers."""
        known = {(name, version): status for name, found in self._statuses.items() for version, status in found.items()}
        return back(told, known=known, ended=[key for key, status in known.items() if status.state is State.END])

    async def labels(self) -> dict[ModelName, dict[str, Version]]:
        """Find out where the desired labels point now. Raises `Transient`."""
        asked = [
            (name, label) for name in self.folders if self._statuses.get(name) for label in self._policy(name).labels
        ]
        places = await _bounded([self._serving.label(name, label) for name, label in asked])
        found: dict[ModelName, dict[str, Version]] = {}
        for (name, label), place in zip(asked, places, strict=True):
            if place is not None:
                found.setdefault(name, {})[label] = place
        return found

    def view(self, now: float, *, told: Told, good: Good, labels: Mapping[ModelName, Mapping[str, Version]]) -> View:
        """Put together what was seen."""
        models = {
            name: Model(
                policy=self._policy(name),
                on_disk=folder.versions,
                by_hand=folder.by_hand,
                has_folder=folder.is_there,
                quarantined={version: record.reason for version, record in folder.quarantined.items()},
                statuses=self._statuses.get(name, {}),
                labels=labels.get(name, {}),
                good=good.get(name, frozenset()),
            )
            for name, folder in self.folders.items()
        }
        return View(now, models, told)

    def _policy(self, name: ModelName) -> Policy:
        return self._desired().of(name)


def note(view: View) -> Told:
    """Take note of how the versions asked for have moved."""
    states = {key: status.state for key, status in view.statuses.items()}
    loading = [key for key, state in states.items() if state is State.LOADING]
    return see(view.told, ended=view.ended, loading=loading, now=view.now)


async def _bounded(calls: Sequence[Coroutine[None, None, T]]) -> list[T]:
    """Run calls, a few at a time, and return their results in order."""
    turn = asyncio.Semaphore(PARALLEL_CALLS)

    async def one(call: Coroutine[None, None, T]) -> T:
        async with turn:
            return await call

    return await asyncio.gather(*(one(call) for call in calls))
