"""One pass: look at disk and bucket, decide for each model, start what is due, report.

A hint makes a pass look at one version only, so that it takes milliseconds; everything is looked at when the process
starts, on every poll, and when notifications may have been missed. Bytes are moved by tasks beside the passes.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from events.desired import DesiredState, Policy
from events.names import ModelName, Version
from events.status import Stage
from puller.fetching import Fetching
from puller.hints import Hints, Taken
from puller.link import Link
from puller.local import Local, Observer
from puller.plan import Cancel, Decision, Fetch, StageGraph, View, decide, unlisted
from puller.sightings import Key, Sightings
from puller.status import Ledger
from service.errors import Transient
from service.loop import Outcome

FASTER = 10  # polls for one, while Pub/Sub is away
LEAST_POLL_SECONDS = 5.0
RETRY_SECONDS = 1.0  # after a version could not be listed
SILENT_SECONDS = 30.0  # a notification later than this is counted as lost
MOMENT_SECONDS = 0.001
ON_DISK = frozenset({Stage.PUBLISHED, Stage.MUTATED, Stage.QUARANTINED})
DONE_WITH = ON_DISK | {Stage.NOT_WANTED, Stage.INVALID}


class Announcements(Protocol):
    """Whether the bucket's news are announced to us."""

    @property
    def is_wanted(self) -> bool:
        """Whether Pub/Sub is configured."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether the stream is open."""
        ...

    def renew(self, reason: str) -> None:
        """Open the stream anew."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What a pass works with; `monotonic` gives seconds."""

    observer: Observer
    sightings: Sightings
    fetching: Fetching
    ledger: Ledger
    hints: Hints
    bucket_link: Link
    announcements: Announcements
    desired: Callable[[], DesiredState]
    sweep: Callable[[Collection[Key]], Awaitable[object]]
    clock: Callable[[], datetime]
    monotonic: Callable[[], float]


@dataclass(slots=True)
class Reconciler:
    """Runs passes. Between them it keeps what a hinted pass does not look at again."""

    tools: Tools
    poll_seconds: float
    _looked_at_all: float = -math.inf
    _policies: dict[ModelName, Policy] = field(default_factory=dict)
    _decisions: dict[ModelName, tuple[Decision, ...]] = field(default_factory=dict)
    _due: dict[ModelName, float] = field(default_factory=dict)  # when a model changes by itself
    _unlisted: dict[Key, Transient] = field(default_factory=dict)  # could not be listed, and why

    async def one_pass(self) -> Outcome:
        """Bring the disk nearer to what is wanted; raises `Transient` where bucket or disk is away."""
        tools = self.tools
        taken = tools.hints.take()
        is_poll = tools.monotonic() >= self._looked_at_all + self._poll_interval()
        is_full = is_poll or taken.everything
        try:
            local = tools.observer.look()
            trouble = await self._observe(taken, local, is_full=is_full)
        except BaseException:
            tools.hints.give_back(taken)
            raise
        views = self._views(self._scope(taken, local, is_full=is_full), local)
        if trouble is None:
            views, trouble = await self._list(views, local, suspects=is_poll and not taken.everything)
        else:
            tools.hints.give_back(taken)
        self._decide(views)
        if is_full and trouble is None and tools.fetching.is_idle:
            await tools.sweep(self._kept())
        self._act(views.keys())
        if trouble is not None:
            tools.bucket_link.down(str(trouble))
            raise trouble
        return Outcome(self._again_in_seconds(taken), (*tools.ledger.problems, *map(str, self._unlisted.values())))

    def _poll_interval(self) -> float:
        announcements = self.tools.announcements
        if announcements.is_open or not announcements.is_wanted:
            return self.poll_seconds
        return min(self.poll_seconds, max(LEAST_POLL_SECONDS, self.poll_seconds / FASTER))

    async def _observe(self, taken: Taken, local: Local, *, is_full: bool) -> Transient | None:
        """Bring the names in the bucket up to date; the trouble, where it does not answer."""
        sightings = self.tools.sightings
        try:
            if is_full:
                await sightings.look_at_all(published=local.keys)
                self._looked_at_all = self.tools.monotonic()
                self.tools.bucket_link.up()
            else:
                await asyncio.gather(
                    *(sightings.look_at(model, published=local.published.get(model, {})) for model in taken.models)
                )
        except Transient as error:
            return error
        finally:
            for model, version in taken.versions:
                sightings.doubt(model, version)
        return None

    def _scope(self, taken: Taken, local: Local, *, is_full: bool) -> set[ModelName]:
        """Choose the models to think about: all of them, or those for which something may be different."""
        tools, desired = self.tools, self.tools.desired()
        known = tools.sightings.offered.keys() | local.published.keys() | self._decisions.keys() | desired.models
        if is_full:
            return known
        now = tools.monotonic()
        return {
            *taken.models,
            *taken.changed,
            *(model for model, _ in (*taken.versions, *self._unlisted)),
            *(model for model, due in self._due.items() if due <= now),
            *(model for model in known if desired.of(model) != self._policies.get(model)),
        }

    def _views(self, models: Collection[ModelName], local: Local) -> dict[ModelName, View]:
        tools, desired = self.tools, self.tools.desired()
        views = {}
        for model in models:
            self._policies[model] = desired.of(model)
            views[model] = View(
                policy=self._policies[model],
                offered=tools.sightings.offered.get(model, frozenset()),
                seen=tools.sightings.seen(model),
                published=local.published.get(model, {}),
                quarantines=local.quarantines.get(model, {}),
                under_way=tools.fetching.under_way(model),
                failures=tools.fetching.failures(model),
            )
        return views

    async def _list(
        self, views: dict[ModelName, View], local: Local, *, suspects: bool
    ) -> tuple[dict[ModelName, View], Transient | None]:
        """List versions until all that is needed for a decision is known; the trouble, where nothing could be listed.

        With `suspects`, a version that is new without having been announced makes the stream suspect.
        """
        failed: dict[Key, Transient] = {}
        listed = 0
        while keys := {(model, version) for model, view in views.items() for version in unlisted(view)} - failed.keys():
            outcomes = await asyncio.gather(*(self._list_one(*key, suspects=suspects) for key in keys))
            failed |= {key: error for key, error in zip(keys, outcomes, strict=True) if error}
            listed += len(keys)
            views |= self._views({model for model, _ in keys}, local)
        self._unlisted = {key: error for key, error in self._unlisted.items() if key[0] not in views} | failed
        is_away = failed and len(failed) == listed
        return views, next(iter(failed.values())) if is_away else None

    async def _list_one(self, model: ModelName, version: Version, *, suspects: bool) -> Transient | None:
        tools = self.tools
        try:
            is_news = await tools.sightings.list(model, version)
        except Transient as error:
            return error
        if is_news and suspects and tools.announcements.is_open:
            seen = tools.sightings.last_seen(model, version)
            newest = max((file.updated for file in seen.files), default=None) if seen else None
            if newest and (tools.clock() - newest).total_seconds() > SILENT_SECONDS:
                tools.announcements.renew(f"{model} version {version} was found by polling, nothing announced it")
        return None

    def _decide(self, views: Mapping[ModelName, View]) -> None:
        now = self.tools.monotonic()
        for model, view in views.items():
            decisions = decide(view, now=self.tools.clock())
            waits = [decision.again_in_seconds for decision in decisions if decision.again_in_seconds is not None]
            self._decisions[model] = decisions
            self._due[model] = now + min(waits, default=math.inf)
            if not decisions:
                del self._decisions[model], self._due[model]

    def _act(self, changed: Collection[ModelName]) -> None:
        """Take the steps that are due, and put on record what is then true."""
        fetching, now = self.tools.fetching, self.tools.clock()
        started = set()
        for model, decision in sorted(self._steps(), key=self._priority):
            key = (model, decision.version)
            match decision.step:
                case Cancel():
                    fetching.cancel(key)
                case StageGraph() as step:
                    fetching.start(key, step)
                    started.add(model)
                case Fetch() as step if fetching.free_slots > 0:
                    fetching.start(key, step)
                    started.add(model)
        for model in {*changed, *started}:
            under_way = fetching.under_way(model)
            decisions = self._decisions.get(model, ())
            settled = tuple(_begun(item) if item.version in under_way else item for item in decisions)
            self.tools.ledger.record(model, settled, now=now)
            if settled:
                self._decisions[model] = settled

    def _steps(self) -> list[tuple[ModelName, Decision]]:
        return [(model, decision) for model, all_of in self._decisions.items() for decision in all_of if decision.step]

    def _priority(self, due: tuple[ModelName, Decision]) -> tuple[bool, int]:
        """Models with nothing on disk first, then small versions, so that none waits for a big one."""
        model, decision = due
        has_any = any(other.stage in ON_DISK for other in self._decisions[model])
        return has_any, decision.step.size if isinstance(decision.step, Fetch) else 0

    def _kept(self) -> list[Key]:
        """The versions whose stage is worth keeping."""
        return [
            (model, decision.version)
            for model, decisions in self._decisions.items()
            for decision in decisions
            if decision.stage not in DONE_WITH
        ]

    def _again_in_seconds(self, taken: Taken) -> float:
        now = self.tools.monotonic()
        retry = RETRY_SECONDS if self._unlisted else math.inf
        poll = self._looked_at_all + self._poll_interval() - now
        due = min(self._due.values(), default=math.inf) - now
        return max(MOMENT_SECONDS, min(retry, poll, due, taken.again_in_seconds or math.inf))


def _begun(decision: Decision) -> Decision:
    """The decision about a version once it is being fetched."""
    return Decision(decision.version, Stage.DOWNLOADING)
