"""Writes and sends reloads, and ends one that does not come back."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from configurator import explain
from configurator.event_emitter import EventEmitter
from configurator.hand_made import HandMade
from configurator.plan import Kind, Reload, Stuck
from configurator.serving import applied_config, render
from configurator.serving.applied_config import Key, PendingReload
from configurator.serving.reloader import Reloader
from configurator.serving.states import State
from configurator.versions.disk import Disk
from configurator.versions.sweeper import Sweeper
from configurator.view import View
from events.names import ModelName, Version
from service.isolation import Troubles, each, each_async

WORDS = "TensorFlow Serving loads it without end and takes no reload meanwhile"


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a plan: a reload on its way, or models that could not be written and have to stay as they are."""

    pending: PendingReload | None = None
    spoilt: frozenset[ModelName] = frozenset()


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends reloads, and lets go those that wait for ever."""

    disk: Disk
    reloader: Reloader
    hand_made: HandMade
    sweeper: Sweeper
    emitter: EventEmitter
    troubles: Troubles

    async def send(self, reload: Reload, view: View) -> Sent:
        """Send a config, if what it newly names is still on disk."""
        fresh = applied_config.keys(reload.config) - applied_config.keys(view.base)
        there = await asyncio.to_thread(each, sorted(fresh), self._is_there)
        parts = await asyncio.to_thread(render.models, reload.config, self.disk.hold)
        self.troubles.take_all("find", there)
        written = self.troubles.take_all("render", parts)
        changed = {name for name in parts.troubles if reload.config[name] != view.base.get(name)}
        if spoilt := changed | {name for name, _ in there.troubles}:
            return Sent(spoilt=frozenset(spoilt))
        if not all(there.done.values()):
            return Sent()
        unchanged = {name: reload.config[name] for name in parts.troubles}
        before = render.models(unchanged, self.disk.base_path)  # to leave one out would unload it
        if before.troubles:
            return Sent()
        others = self.hand_made.carried(view)
        self.hand_made.note_sent(others)
        self.reloader.start(render.message({**written, **before.done}, others))
        self.emitter.sent(reload)
        return Sent(PendingReload(reload.config, reload.new, view.now, is_adoption=reload.kind is Kind.ADOPT))

    async def rescue(self, stuck: Stuck, view: View) -> str:
        """Let a reload go that waits for ever: have TensorFlow Serving try and fail, or want no more."""
        ours = [key for key in stuck.given_up if key[1] in view.models[key[0]].on_disk - view.models[key[0]].by_hand]
        removed = self.troubles.take_all("rescue", await each_async(ours, self._remove))
        if removed:
            self.sweeper.start()
        # A version that was not taken up yet is waited for until it is there; an empty folder fails, and ends that. One
        # that is being loaded is stopped only where its folder is gone.
        gone = [key for key in removed if not _is_loading(view, key)]
        missing = _by_model(gone if stuck.is_removed else stuck.missing)
        propped = await each_async(missing, lambda model: asyncio.to_thread(self.disk.prop, model, missing[model]))
        self.troubles.take_all("prop", propped)
        what = explain.models(stuck.models) if stuck.models else "models that are served"
        if stuck.is_removed and not removed:
            return ""  # what was done shows soon, or the load has begun and ends by itself, or is given up in its time
        if removed or stuck.missing:
            return f"the reload for {what} did not come back; the folders it waits for were changed so that it ends"
        return f"the reload for {what} does not come back; restart TensorFlow Serving (it starts with what is good)"

    def _is_there(self, key: Key) -> bool:
        return not self.disk.missing([key])

    async def _remove(self, key: Key) -> None:
        await asyncio.to_thread(self.disk.remove, key)
        self.emitter.removed(key, WORDS)


def _by_model(keys: Iterable[Key]) -> dict[ModelName, list[Version]]:
    versions: dict[ModelName, list[Version]] = {}
    for model, version in keys:
        versions.setdefault(model, []).append(version)
    return versions


def _is_loading(view: View, key: Key) -> bool:
    status = view.status(key)
    return status is not None and status.state is State.LOADING
