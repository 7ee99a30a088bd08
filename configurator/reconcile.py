"""One pass: look, judge single versions, plan, act, and say when to look again.

What is remembered between passes is what cannot be looked up. A process that was killed forgets it, and says all again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from configurator import activity, explain
from configurator.dependencies import Dependencies
from configurator.observe import note
from configurator.plan import Plan, plan, removes
from configurator.serving import applied_config
from configurator.serving.applied_config import AppliedConfig, Key
from configurator.serving.client import ServingAway
from configurator.serving.reloader import Accepted, Overdue, Rejected
from configurator.serving.states import State
from configurator.settings import ConfiguratorSettings
from configurator.versions import confirmed_versions
from configurator.versions.assessment import LoadTimeouts, assess
from configurator.versions.health_checks import Findings, retries
from configurator.view import Activity, View
from events.names import ModelName, Version
from service import logs
from service.isolation import each
from service.loop import Outcome

log = logs.get("configurator.reconcile")

SOON_SECONDS = 0.01
LATER_SECONDS = 1.0
AGE_SHARE = 0.05  # what began a second ago is looked at every 50 ms


class Reconciler:
    """The pass, and what is remembered from one to the next."""

    def __init__(self, dependencies: Dependencies, settings: ConfiguratorSettings) -> None:
        self._dependencies = dependencies
        self._settings = settings
        self._applied = AppliedConfig()
        self._good: confirmed_versions.Good = {}
        self._startable: confirmed_versions.Good = {}
        self._labels: Mapping[ModelName, Mapping[str, Version]] = {}
        self._is_started = False
        self._epoch = 0
        self._lost_since: float | None = None
        self.moving: frozenset[ModelName] = frozenset()
        self._moved = 0.0
        self._was_busy = False  # a reload was under way when this pass began to look: it may have changed what was seen
        self.view = View(0.0, {}, self._applied)

    def say_again(self) -> None:
        """Have the next pass send TensorFlow Serving the whole config again."""
        self._applied = applied_config.doubt(self._applied)

    async def one_pass(self) -> Outcome:
        """Run a pass. Raises `Transient`."""
        dependencies = self._dependencies
        await self._start()
        await self._look(dependencies.clock())
        due = await dependencies.cleaner.clean(
            self.view, dependencies.observer
        )  # before all that needs room or takes its time
        is_other = await self._judge()
        await dependencies.attestor.look(self.view)
        chosen = plan(self.view)
        dependencies.troubles.take_all("plan", chosen.settled)
        trouble = await self._act(chosen)
        self.view = replace(self.view, troubles=dependencies.troubles.all)
        again = self._again(chosen, SOON_SECONDS if is_other else due)
        endless = activity.endless(self.view)
        return Outcome(
            again, tuple(filter(None, (trouble, explain.alarm(self.view, endless), *self._problems(chosen))))
        )

    def _problems(self, chosen: Plan) -> list[str]:
        """Say what keeps models from being as desired that nothing moves towards it."""
        known = self.view.models.keys()
        still = sorted((known - chosen.moving) | (known & self.view.troubles.keys()) | explain.held_up(self.view))
        reasons = each(still, lambda name: explain.difference(self.view, name))
        return [
            f"{name}: {reason}"
            for name, reason in self._dependencies.troubles.take_all("explain", reasons).items()
            if reason
        ]

    async def _start(self) -> None:
        """Once: take up what an earlier life left on disk, and make sure there is a file to start with."""
        if self._is_started:
            return
        disk = self._dependencies.disk
        self._good, self._startable = await asyncio.to_thread(disk.read_good)
        others = await asyncio.to_thread(disk.keep_foreign)
        await self._write(self._startable, others)
        self._is_started = True

    async def _look(self, now: float) -> None:
        dependencies = self._dependencies
        self._was_busy = dependencies.reloader.is_busy
        if dependencies.serving.epoch != self._epoch:
            self._lose(now, "the connection was lost")
        await dependencies.observer.look_at_disk(self._applied, self._good)
        try:
            is_new = self._applied.config is None and self._applied.pending is None
            await dependencies.observer.ask(now, moving=self.moving, is_new=is_new)
            self._labels = await dependencies.observer.labels() if is_new else {}
            if is_new:
                await dependencies.hand_made.ask()
        except ServingAway as error:
            self._lose(now, str(error))
            await self._stand_in(now)
            raise
        dependencies.emitter.answered()
        self._lost_since = None
        self._applied = dependencies.observer.recognise(self._applied)
        self._see(now)
        self._take(now)
        if dependencies.hand_made.is_other(self.view):
            self._applied = applied_config.doubt(self._applied)
            self._see(now)
        dependencies.emitter.seen(self.view)
        dependencies.peers.tell(self.view, dependencies.observer.folders)

    def _see(self, now: float) -> None:
        """Make the view of what is known now."""
        view = self._dependencies.observer.view(now, applied=self._applied, good=self._good, labels=self._labels)
        self._applied = note(view)
        self.view = activity.note(replace(view, applied=self._applied, activity=self.view.activity))

    def _lose(self, now: float, reason: str) -> None:
        """Forget what TensorFlow Serving was told; versions that were being loaded may be what ended it."""
        dependencies = self._dependencies
        if dependencies.emitter.serving.is_connected:
            self._applied = applied_config.lose(
                self._applied, filter(self._is_suspect, self._applied.asked), ended=self.view.ended
            )
        self._epoch = dependencies.serving.epoch
        self._lost_since = now if self._lost_since is None else self._lost_since
        dependencies.observer.forget()
        dependencies.emitter.lost(reason)
        dependencies.attestor.lost()
        self._see(now)
        dependencies.peers.tell(self.view, dependencies.observer.folders)
        self.view = replace(self.view, is_away=True, activity=Activity())

    def _is_suspect(self, key: Key) -> bool:
        status = self.view.status(key)
        return status is None or not (status.is_available or status.state is State.END)

    async def _stand_in(self, now: float) -> None:
        """Empty the config file if TensorFlow Serving does not come back with it."""
        away_seconds = now - (now if self._lost_since is None else self._lost_since)
        if self._startable and away_seconds >= self._settings.serving_lost_seconds:
            await self._write({}, self._dependencies.hand_made.entries)
            log.error("config file emptied; tensorflow serving did not come back with it", seconds=away_seconds)

    def _take(self, now: float) -> None:
        """Take note of how a reload ended."""
        result, pending = self._dependencies.reloader.take(), self._applied.pending
        if result is None or pending is None:
            return
        match result:
            case Accepted():
                self._applied = applied_config.accept(self._applied, known=self.view.statuses, now=now)
                self._dependencies.emitter.accepted()
            case Rejected(reason=reason):
                self._dependencies.emitter.refused(pending.new, reason)
                self._applied = applied_config.reject(self._applied, now=now, served=self.view.served)
            case Overdue():
                self._dependencies.emitter.refused(pending.new, "no answer in time")
                self._applied = applied_config.expire(self._applied, now=now)
        self._see(now)

    async def _judge(self) -> bool:
        """Judge versions, act on that, and write down which are good; tell whether any quarantine is other now."""
        dependencies, view = self._dependencies, self.view
        timeouts = LoadTimeouts(self._settings.load_seconds, self._settings.new_load_seconds)
        assessments = assess(view, timeouts, retried=retries(dependencies.observer.folders))
        if removes(view):
            assessments = replace(assessments, test=())  # what is removed does not wait for another's answers
        findings = await dependencies.health_checks.carry_out(assessments, view)
        for key in findings.changed:
            self._applied = applied_config.forget(self._applied, key)
        if findings.changed:
            await dependencies.observer.look_at_disk(self._applied, self._good)
            self._see(view.now)
        await self._confirm(findings)
        return bool(findings.changed)

    async def _confirm(self, findings: Findings) -> None:
        updated = confirmed_versions.update(self.view, findings.passed)
        kept = {name: self.view.models[name].good for name in updated.troubles}
        known = {**self._dependencies.troubles.take_all("confirm", updated), **kept}
        found = {name: versions for name, versions in known.items() if versions}
        startable = confirmed_versions.startup_set(self.view, found, self._startable)
        if found != self._good:
            await asyncio.to_thread(self._dependencies.disk.write_good, found)
            self._good = found
            self._see(self.view.now)
        hand_made = self._dependencies.hand_made
        others = hand_made.staying(self.view, startable)
        if (startable, others) != (self._startable, hand_made.entries):
            await self._write(startable, others)

    async def _write(self, startable: confirmed_versions.Good, others: tuple[ModelConfig, ...]) -> None:
        """Write the config file."""
        await asyncio.to_thread(self._dependencies.disk.write_config, startable, others)
        self._dependencies.hand_made.keep(others)
        self._startable = startable

    async def _act(self, chosen: Plan) -> str:
        """Send what was planned; return what the operator should know."""
        now = self.view.now
        if chosen.moving - self.moving:
            self._moved = now
        self.moving = chosen.moving
        if chosen.is_over:
            self._applied = applied_config.reject(self._applied, now=now, served=self.view.served)
            self._see(now)
        if chosen.stuck:
            return await self._dependencies.sender.rescue(chosen.stuck, self.view)
        if not self._was_busy:
            await self._send(chosen)
        return ""

    async def _send(self, chosen: Plan) -> None:
        """Send the planned reload; without those models whose part of it cannot be written, if there are any."""
        view = self.view
        while chosen.reload:
            sent = await self._dependencies.sender.send(chosen.reload, view)
            if sent.pending:
                self._applied = applied_config.send(self._applied, sent.pending, ended=view.ended)
                self._moved = view.now
                self._see(view.now)
            if not sent.spoilt:
                break
            view = view.leave(sent.spoilt)
            chosen = plan(view)

    def _again(self, chosen: Plan, due_seconds: float | None) -> float | None:
        """Tell when to look again: soon while something has just begun, then less and less often."""
        is_told = self._applied.pending is None and (self._applied.config is not None or not chosen.reload)
        age = self._dependencies.clock() - self._moved
        waits = [] if is_told and not self.moving else [min(LATER_SECONDS, age * AGE_SHARE)]
        waits += [] if due_seconds is None else [due_seconds]
        waits += (
            [LATER_SECONDS] if any(model.is_unclear or model.extended for model in self.view.models.values()) else []
        )
        return max(SOON_SECONDS, min(waits)) if waits else None
