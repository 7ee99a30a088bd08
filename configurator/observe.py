"""Observes disk, desired state and TensorFlow Serving, and makes one `View` of them.

A whole look asks TensorFlow Serving about every model; while something moves, only the moving models are asked
between two whole looks, so that looking every few milliseconds costs little on a node with many models.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from configurator.activity import WHOLE_SECONDS
from configurator.hand_made import HandMade, taken_over
from configurator.serving.applied_config import AppliedConfig, back, keys, see
from configurator.serving.client import ServingAway, ServingLate, ServingRefused
from configurator.serving.states import State, Status
from configurator.versions.confirmed_versions import Good
from configurator.versions.disk import Folder, Space, Unlistable
from configurator.versions.peers import Peers
from configurator.view import DEFAULT, Model, View
from events.desired import DesiredState, Policy
from events.names import ModelName, Version
from service.isolation import Each, Trouble, Troubles, each, each_async

T = TypeVar("T")
READING = ("look", "status", "labels", "desired state")
NOBODYS = ModelName("none")  # asked for on a node without models; whatever the answer, somebody gave it
PARALLEL_CALLS = (
    16  # each is answered in well under a millisecond; more would only queue in TensorFlow Serving's threads
)


class Disk(Protocol):
    """What is looked at on disk."""

    def look(self, names: frozenset[ModelName]) -> Each[ModelName, Folder]: ...

    def space(self) -> Space: ...


class Serving(Protocol):
    """What TensorFlow Serving is asked."""

    def status(self, model: str) -> Coroutine[None, None, dict[Version, Status]]: ...

    def label(self, model: ModelName, label: str) -> Coroutine[None, None, Version | None]: ...


class Observer:
    """Remembers the last answers between two whole looks, and of a model that cannot be read what was read last."""

    def __init__(
        self,
        disk: Disk,
        serving: Serving,
        *,
        desired: Callable[[], DesiredState],
        hand_made: HandMade,
        peers: Peers,
        troubles: Troubles,
    ) -> None:
        self._disk = disk
        self._hand_made = hand_made
        self._peers = peers
        self._serving = serving
        self._desired = desired
        self._troubles = troubles
        self._statuses: dict[ModelName, dict[Version, Status]] = {}
        self._whole: float | None = None
        self.folders: Mapping[ModelName, Folder] = {}
        self.space = Space(0, 0)

    async def look_at_disk(self, applied: AppliedConfig, good: Good) -> None:
        """Read the disk. Raises `Transient`."""
        named = {name for name, _ in applied.possible | keys(applied.config or {})}
        names = frozenset(named) | good.keys() | self._desired().models | self._hand_made.models.keys()
        looked, self.space = await asyncio.to_thread(lambda: (self._disk.look(names), self._disk.space()))
        before = {name: self._before(name, good, trouble) for name, trouble in looked.troubles.items()}
        self.folders = {**self._troubles.take_all("look", looked), **before}

    def _before(self, name: ModelName, good: Good, trouble: Trouble) -> Folder:
        """Return what was seen last of a model, or what is believed of one that could never be looked at."""
        versions = good.get(name, frozenset())
        folder = self.folders.get(name) or Folder(versions, frozenset(), frozenset(), is_there=True, quarantined={})
        return replace(folder, is_there=not isinstance(trouble.error, Unlistable))

    async def ask(self, now: float, *, moving: frozenset[ModelName], is_new: bool) -> None:
        """Ask TensorFlow Serving for the states of versions; of all while it is new to us. Raises `Transient`."""
        is_whole = is_new or self._whole is None or now - self._whole >= WHOLE_SECONDS or not moving
        names = [name for name in self.folders if is_whole or name in moving or name not in self._statuses]
        answers = await self._ask_all(names)
        self._statuses = {name: self._statuses[name] for name in self.folders if name in self._statuses}
        self._statuses.update(self._troubles.take_all("status", answers, is_whole=is_whole))
        if is_whole:
            self._whole = now

    async def _ask_all(self, names: Sequence[ModelName]) -> Each[ModelName, dict[Version, Status]]:
        """Ask for the states of models; without any for one that nobody has, to hear whether anybody answers."""
        answers = await each_async(names or (NOBODYS,), self._serving.status, at_once=PARALLEL_CALLS)
        _refuse_silence(answers)
        return answers if names else Each({}, {})

    def forget(self) -> None:
        """Drop all answers: another TensorFlow Serving may be there."""
        self._statuses = {}
        self._whole = None

    def recognise(self, applied: AppliedConfig) -> AppliedConfig:
        """Take note, after a loss of the connection, whether the same TensorFlow Serving answers."""
        known = {(name, version): status for name, found in self._statuses.items() for version, status in found.items()}
        return back(applied, known=known, ended=[key for key, status in known.items() if status.state is State.END])

    async def labels(self) -> dict[ModelName, dict[str, Version]]:
        """Find out where the desired labels point now. Raises `Transient`."""
        names = [name for name in self.folders if self._statuses.get(name)]
        answers = await each_async(names, self._labels, at_once=PARALLEL_CALLS)
        _refuse_silence(answers)
        return self._troubles.take_all("labels", answers)

    async def _labels(self, name: ModelName) -> dict[str, Version]:
        places = {label: await self._serving.label(name, label) for label in self._policy(name).labels}
        return {label: place for label, place in places.items() if place is not None}

    def view(
        self, now: float, *, applied: AppliedConfig, good: Good, labels: Mapping[ModelName, Mapping[str, Version]]
    ) -> View:
        """Put together what was seen."""
        policies = self._troubles.take_all("desired state", each(self.folders, self._policy))
        by_hand = self._hand_made.models
        models = {
            name: Model(
                policy=policies.get(name, DEFAULT),
                revision=self._desired().revision(name) if name in policies else 0,
                on_disk=folder.versions,
                by_hand=folder.by_hand,
                has_folder=folder.is_there,
                quarantined={version: record.reason for version, record in folder.quarantined.items()},
                statuses=self._statuses.get(name, {}),
                labels=labels.get(name, {}),
                good=good.get(name, frozenset()),
                extended=folder.extended,
                is_unclear=not self._troubles.steps(name).isdisjoint(READING),
                hand_made=by_hand[name].base_path if name in by_hand else None,
            )
            for name, folder in self.folders.items()
        }
        taken = {
            name: taken_over(model, by_hand[name].version_labels) for name, model in models.items() if name in by_hand
        }
        known = {
            name: self._peers.look(name, model, crashes=applied.crashes, now=now)
            for name, model in {**models, **taken}.items()
        }
        return View(now, known, applied, troubles=self._troubles.all)

    def _policy(self, name: ModelName) -> Policy:
        return self._desired().of(name)


def note(view: View) -> AppliedConfig:
    """Take note of how the versions asked for have moved."""
    states = {key: status.state for key, status in view.statuses.items()}
    loading = [key for key, state in states.items() if state is State.LOADING and not view.models[key[0]].is_unmanaged]
    return see(view.applied, ended=view.ended, loading=loading, now=view.now)


def _refuse_silence(answers: Each[ModelName, T]) -> None:
    """Raise `ServingAway` where nobody answers; an answer that came is never that, whatever it holds.

    But one that knows no ModelService at all is no TensorFlow Serving.
    """
    for trouble in answers.troubles.values():
        if isinstance(trouble.error, ServingRefused) and trouble.error.code == "UNIMPLEMENTED" and not answers.done:
            raise ServingAway(f"{trouble.error}; is it another program?") from trouble.error
        if isinstance(trouble.error, ServingAway) or (isinstance(trouble.error, ServingLate) and not answers.done):
            raise ServingAway(str(trouble.error)) from trouble.error
