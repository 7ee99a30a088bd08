"""One pass: look at disk and bucket, decide for each model, start what is due, report.

A hint makes a pass look at one version only, so that it takes milliseconds; everything is looked at when the process
starts, on every poll, and when notifications may have been missed. Bytes are moved by tasks beside the passes.
"""

import math
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from events.desired import DesiredState, Policy
from events.names import ModelName
from events.status import Stage
from puller.bucket.observed import Key
from puller.disk.contents import Local, Observer
from puller.download.jobs import Downloads
from puller.download.steps import Cancel, Extend, Fetch, StageGraph
from puller.notifications.hints import Hints, Taken
from puller.plan import decide, undecided
from puller.status import Ledger
from puller.survey import Survey, Views
from puller.view import Decision, View
from service import logs
from service.errors import Transient
from service.isolation import Each, Trouble, Troubles, alone
from service.loop import Outcome

log = logs.get("puller.reconcile")

FASTER = 10  # polls for one, while Pub/Sub is away
LEAST_POLL_SECONDS = 5.0
MOMENT_SECONDS = 0.001
ON_DISK = frozenset({Stage.PUBLISHED, Stage.MUTATED, Stage.QUARANTINED})
DONE_WITH = ON_DISK | {Stage.NOT_WANTED, Stage.INVALID, Stage.UNTRUSTED}


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What a pass depends on; `monotonic` gives seconds."""

    observer: Observer
    survey: Survey
    downloads: Downloads
    ledger: Ledger
    hints: Hints
    desired: Callable[[], DesiredState]
    sweep: Callable[[Collection[Key]], Awaitable[Each[Path, bool]]]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]


@dataclass(slots=True)
class Reconciler:
    """Runs passes. Between them it keeps what a hinted pass does not look at again."""

    dependencies: Dependencies
    poll_seconds: float
    _looked_at_all: float = -math.inf
    _policies: dict[ModelName, Policy] = field(default_factory=dict)
    _decisions: dict[ModelName, tuple[Decision, ...]] = field(default_factory=dict)
    _troubles: Troubles = field(default_factory=lambda: Troubles(log))
    _due: dict[ModelName, float] = field(default_factory=dict)  # when a model changes by itself

    async def one_pass(self) -> Outcome:
        """Bring the disk nearer to what is wanted; raises `Transient` where bucket or disk is away."""
        dependencies = self.dependencies
        taken = dependencies.hints.take()
        is_poll = dependencies.monotonic() >= self._looked_at_all + self._poll_interval()
        is_full = is_poll or taken.everything
        try:
            views, trouble = await self._observe(taken, is_full=is_full)
            views = self._views(views, self._look(views))  # transfers may have ended in the meantime
        except BaseException:
            dependencies.hints.give_back(taken)
            raise
        self._decide(views)
        if is_full and trouble is None:
            trouble = await self._sweep()
        self._act(views.keys())
        if trouble is not None:
            dependencies.hints.give_back(taken)
            raise trouble
        unlisted = (known.reason for known in dependencies.survey.unlisted.values())
        return Outcome(self._again_in_seconds(taken), (*dependencies.ledger.problems, *unlisted, *self.warnings))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong with single models, versions and leftovers while the passes go on."""
        return self._troubles.sentences

    def _poll_interval(self) -> float:
        announcements = self.dependencies.survey.announcements
        if announcements.is_open or not announcements.is_wanted:
            return self.poll_seconds
        return min(self.poll_seconds, max(LEAST_POLL_SECONDS, self.poll_seconds / FASTER))

    async def _observe(self, taken: Taken, *, is_full: bool) -> tuple[Views, Transient | None]:
        """Look at disk and bucket: what is to be decided about, and the trouble where the bucket is away."""
        dependencies, survey = self.dependencies, self.dependencies.survey
        is_poll = not (taken.everything or taken.models or taken.versions)
        hinted = self._hinted(taken)
        local = self._look(None if is_full else hinted)
        trouble: Transient | None = None
        try:
            await survey.look(taken, local, at_all=is_full)
        except Transient as error:
            survey.link.down(str(error))
            trouble = error
        views = self._views(self._known(local) if is_full else hinted, local)
        if trouble is not None:
            return views, trouble
        self._looked_at_all = dependencies.monotonic() if is_full else self._looked_at_all
        for model in taken.models - survey.observed.offered.keys():
            dependencies.hints.lacks(model)
        try:
            await survey.list(views, lambda models: self._views(models, local), suspects=is_full and is_poll)
        except Transient as error:
            survey.link.down(str(error))
            trouble = error
        for model, version in taken.versions:
            if version not in survey.observed.offered.get(model, ()):
                dependencies.hints.lacks((model, version))
        return views, trouble

    def _look(self, models: Collection[ModelName] | None) -> Local:
        """Look at the disk; a model that cannot be looked at is that model's trouble."""
        local = self.dependencies.observer.look(models)
        self._troubles.take_all("look", local.looked, is_whole=models is None)
        return local

    def _known(self, local: Local) -> set[ModelName]:
        """All models: in the bucket, on disk, decided about before, or with an operator's word."""
        offered = self.dependencies.survey.observed.offered.keys()
        return {*offered, *local.published, *self._decisions, *self.dependencies.desired().models}

    def _hinted(self, taken: Taken) -> set[ModelName]:
        """The models for which something may be different."""
        now, desired = self.dependencies.monotonic(), self.dependencies.desired()
        return {
            *taken.models,
            *taken.changed,
            *(model for model, _ in taken.versions),
            *(
                key[0]
                for key, known in self.dependencies.survey.unlisted.items()
                if known.due <= self.dependencies.clock()
            ),
            *(model for model, due in self._due.items() if due <= now),
            *(model for model in {*self._policies, *desired.models} if desired.of(model) != self._policies.get(model)),
        }

    def _views(self, models: Collection[ModelName], local: Local) -> Views:
        dependencies, desired = self.dependencies, self.dependencies.desired()
        views: Views = {}
        for model in models:
            self._policies[model] = desired.of(model)
            views[model] = View(
                policy=self._policies[model],
                offered=dependencies.survey.observed.offered.get(model, frozenset()),
                seen=dependencies.survey.observed.seen(model),
                published=local.published.get(model, {}),
                quarantines=local.quarantines.get(model, {}),
                under_way=dependencies.downloads.under_way(model),
                failures=dependencies.downloads.failures(model),
                unlisted=dependencies.survey.reasons(model),
                unread=local.unread(model),
            )
        return views

    def _decide(self, views: Views) -> None:
        now = self.dependencies.monotonic()
        for model, view in views.items():
            decided = alone(decide, view, now=self.dependencies.clock())
            self._troubles.take("decide", model, decided)
            decisions = undecided(view, view.offered, decided.reason) if isinstance(decided, Trouble) else decided
            waits = [decision.again_in_seconds for decision in decisions if decision.again_in_seconds is not None]
            self._decisions[model] = decisions
            self._due[model] = now + min(waits, default=math.inf)
            if not decisions:
                del self._decisions[model], self._due[model]

    def _act(self, changed: Collection[ModelName]) -> None:
        """Take the steps that are due, and put on record what is then true."""
        downloads, now = self.dependencies.downloads, self.dependencies.clock()
        started = set()
        for model, decision in sorted(self._steps(), key=self._priority):
            key = (model, decision.version)
            if self._troubles.take("act", key, alone(self._take_step, key, decision)):
                started.add(model)
        for model in {*changed, *started}:
            under_way = downloads.under_way(model)
            decisions = self._decisions.get(model, ())
            settled = tuple(item.begun if item.version in under_way else item for item in decisions)
            self._troubles.take("report", model, alone(self.dependencies.ledger.record, model, settled, now=now))
            if settled:
                self._decisions[model] = settled

    def _take_step(self, key: Key, decision: Decision) -> bool:
        """Take a step, if there is a place for it; tell whether a transfer began."""
        downloads = self.dependencies.downloads
        match decision.step:
            case Cancel():
                downloads.cancel(key)
            case StageGraph() as step:
                downloads.start(key, step)
                return True
            case Fetch() | Extend() as step if downloads.free_slots > 0:
                downloads.start(key, step)
                return True
        return False

    def _steps(self) -> list[tuple[ModelName, Decision]]:
        return [(model, decision) for model, all_of in self._decisions.items() for decision in all_of if decision.step]

    def _priority(self, due: tuple[ModelName, Decision]) -> tuple[bool, int]:
        """Models with nothing on disk first, then small versions, so that none waits for a big one."""
        model, decision = due
        has_any = any(other.stage in ON_DISK for other in self._decisions[model])
        return has_any, decision.step.size if isinstance(decision.step, Fetch | Extend) else 0

    async def _sweep(self) -> Transient | None:
        """Remove leftovers while nothing is staged or published; the trouble, where the disk lets none be removed."""
        try:
            if self.dependencies.downloads.is_idle:
                self._troubles.take_all("sweep", await self.dependencies.sweep(self._kept()))
        except Transient as error:
            return error
        return None

    def _kept(self) -> list[Key]:
        """The versions whose stage is worth keeping: what is not in the bucket cannot be gone on with.

        A version that an operator asks for has a decision for as long as that, whether there is such a version or not.
        """
        offered = self.dependencies.survey.observed.offered
        return [
            (model, decision.version)
            for model, decisions in self._decisions.items()
            for decision in decisions
            if decision.stage not in DONE_WITH and decision.version in offered.get(model, ())
        ]

    def _again_in_seconds(self, taken: Taken) -> float:
        now = self.dependencies.monotonic()
        clock = self.dependencies.clock()
        retries = ((known.due - clock).total_seconds() for known in self.dependencies.survey.unlisted.values())
        poll = self._looked_at_all + self._poll_interval() - now
        due = min(self._due.values(), default=math.inf) - now
        return max(MOMENT_SECONDS, min(min(retries, default=math.inf), poll, due, taken.again_in_seconds or math.inf))
