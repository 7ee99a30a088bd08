"""Taking away what nobody needs: versions beyond retention, empty folders, stand-ins of models that came back."""

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from configurator.event_emitter import EventEmitter
from configurator.serving.applied_config import Key
from configurator.serving.states import State
from configurator.settings import ConfiguratorSettings
from configurator.versions import retention
from configurator.versions.disk import Disk, Folder, Space
from configurator.versions.sweeper import Sweeper
from configurator.view import View
from events.names import ModelName
from service.isolation import Troubles, each, each_async

ROOM_SECONDS = 60.0  # a request for room on the disk counts so long
AGAIN_SECONDS = 5.0  # until what could not be removed is tried again


class Seen(Protocol):
    """What was found on disk in this pass."""

    folders: Mapping[ModelName, Folder]
    space: Space


@dataclass(frozen=True, slots=True)
class CleanupDependencies:
    """What every part of a pass shares: the monotonic clock, and what is wrong with single versions."""

    clock: Callable[[], float]
    troubles: Troubles


class Cleaner:
    """Removes versions in the safe order; remembers since when each has not been needed."""

    def __init__(
        self,
        disk: Disk,
        settings: ConfiguratorSettings,
        *,
        sweeper: Sweeper,
        emitter: EventEmitter,
        around: CleanupDependencies,
    ) -> None:
        self._disk = disk
        self._settings = settings
        self._sweeper = sweeper
        self._emitter = emitter
        self._clock = around.clock
        self._troubles = around.troubles
        self._room_until = 0.0
        self.idle: dict[Key, str] = {}
        self._since: dict[Key, float] = {}

    def ask_for_room(self) -> None:
        """Keep only the least for a while: the puller needs space."""
        self._room_until = self._clock() + ROOM_SECONDS

    def hurry(self, model: ModelName | None, *, dry_run: bool) -> tuple[str, ...]:
        """Have what nobody needs removed by the next pass, without its grace time; say what that is."""
        chosen = [key for key in sorted(self.idle) if model in {None, key[0]}]
        if not dry_run:
            self._since.update(dict.fromkeys(chosen, -math.inf))
        what = "would delete" if dry_run else "deletes"
        sentences = tuple(f"{what} version {version} of {name}: {self.idle[name, version]}" for name, version in chosen)
        return sentences or (f"{what} nothing: every version on disk is wanted or kept",)

    async def clean(self, view: View, seen: Seen) -> float | None:
        """Remove what is due, each version alone; tell in how many seconds there will be more to do."""
        is_low = seen.space.free < self._settings.reserve_bytes or view.now < self._room_until
        found = retention.idle(view, retention=self._settings.retention, is_low=is_low)
        models = self._troubles.take_all("retention", found)
        self.idle = {(name, version): reason for name, idle in models.items() for version, reason in idle.items()}
        self._since = retention.note(self._since, self.idle, now=view.now)
        due = retention.due(self._since, now=view.now, grace_seconds=self._settings.grace_seconds)
        removed = self._troubles.take_all("remove", await each_async(due, self._remove))
        if view.applied.config is not None and view.applied.pending is None:
            tidied = await asyncio.to_thread(each, list(seen.folders), partial(self._tidy, view, seen.folders))
            self._troubles.take_all("tidy", tidied)
        waits = [since + self._settings.grace_seconds - view.now for since in self._since.values()]
        return 0.0 if removed else max(AGAIN_SECONDS, min(waits)) if due else min(waits, default=None)

    async def _remove(self, key: Key) -> None:
        await asyncio.to_thread(self._disk.remove, key)
        self._emitter.removed(key, self.idle[key])
        del self._since[key], self.idle[key]
        self._sweeper.start()

    def _tidy(self, view: View, folders: Mapping[ModelName, Folder], name: ModelName) -> None:
        base, folder = view.base, folders[name]
        if name not in base or not base[name].is_held:
            self._disk.let_go([name])
        for version in folder.hollow:
            if _is_free(view, (name, version)) or base[name].is_held:
                self._disk.clear((name, version))
        if folder.is_there and not folder.versions and view.models[name].policy.removed and name not in base:
            self._disk.remove_folder(name)


def _is_free(view: View, key: Key) -> bool:
    status = view.status(key)
    return key not in view.applied.possible and (status is None or status.state is State.END)
