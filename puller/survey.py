"""Looking at the bucket, as little as will do: which versions there are, then those that a decision needs.

Where a poll finds what an open stream of notifications should have announced, the stream is suspected.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from events.names import ModelName, Version
from puller.backoff import backoff
from puller.bucket.objects import RemoteFile
from puller.bucket.observed import Key, ObservedVersions
from puller.contenders import unlisted
from puller.disk.contents import Local
from puller.notifications.hints import Taken
from puller.view import View
from service import logs
from service.connection_state import ConnectionState
from service.errors import Transient
from service.gather import gather_all
from service.isolation import Trouble, Troubles, alone, alone_async

log = logs.get("puller.survey")

# So many versions of a model are reason to list all of its files at once, 1,000 an operation. That is given up where it
# takes more operations than those versions would, or than `MOST_LISTS`.
MANY = 8
MOST_LISTS = 20
SILENT_SECONDS = 30.0  # a notification later than this is counted as lost

Views = dict[ModelName, View]


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
class Unlisted:
    """A version that could not be listed: why, after how many tries, and when the next one is due."""

    reason: str
    tries: int
    due: datetime


@dataclass(slots=True)
class Survey:
    """Brings what is known of the bucket up to date; raises `Transient` where it does not answer at all."""

    observed: ObservedVersions
    link: ConnectionState
    announcements: Announcements
    clock: Callable[[], datetime]
    unlisted: dict[Key, Unlisted] = field(default_factory=dict)
    troubles: Troubles = field(default_factory=lambda: Troubles(log))
    _answers: bool = False  # the bucket has answered in this pass: what fails then concerns one version
    _offered_before: Mapping[ModelName, frozenset[Version]] = field(default_factory=dict)  # before the last look at all

    async def look(self, taken: Taken, local: Local, *, at_all: bool) -> None:
        """List the names: of everything, or of the models that were hinted at."""
        for model, version in taken.versions:
            self.observed.doubt(model, version)
        self._answers = False
        if at_all:
            self._offered_before = self.observed.offered
            await self.observed.look_at_all(published=self._done_with(local))
        else:
            await self._look_at(taken.models, local)
        if at_all or taken.models:
            self._answers = True
            self.link.up()

    def _done_with(self, local: Local) -> Collection[Key]:
        """Choose the versions whose objects are not listed again before somebody says that they are others now."""
        return local.keys if self.announcements.is_open else local.at_rest(now=self.clock())

    async def _look_at(self, models: Collection[ModelName], local: Local) -> None:
        published: defaultdict[ModelName, set[Version]] = defaultdict(set)
        for model, version in self._done_with(local):
            published[model].add(version)
        outcomes = await gather_all(
            alone_async(self.observed.look_at, model, published=published[model]) for model in models
        )
        for model, outcome in zip(models, outcomes, strict=True):
            self.troubles.take("look", model, outcome)
        away = [outcome.error for outcome in outcomes if outcome and isinstance(outcome.error, Transient)]
        if away:
            raise away[0]

    async def list(self, views: Views, refresh: Callable[[Collection[ModelName]], Views], *, suspects: bool) -> None:
        """List versions until all that a decision needs is known, as far as they can be listed.

        `views` is brought up to date in place, by `refresh`. With `suspects`, news that nobody announced make the
        stream suspect.
        """
        try:
            await self._list_all(views, refresh, suspects=suspects)
        finally:
            self.observed.put_away()

    async def _list_all(
        self, views: Views, refresh: Callable[[Collection[ModelName]], Views], *, suspects: bool
    ) -> None:
        failed: dict[Key, Trouble] = {}
        listed = 0
        tried: dict[ModelName, int] = {}
        for model in views:
            self.troubles.end("look through", model)
        while keys := self._unlisted(views) - failed.keys():
            await self._look_through(keys, tried)
            outcomes = await gather_all(alone_async(self._list_one, *key, suspects=suspects) for key in keys)
            for key, outcome in zip(keys, outcomes, strict=True):
                self.troubles.take("list", key, outcome)
                failed |= {key: outcome} if outcome else {}
            listed += len(keys)
            views |= refresh({model for model, _ in keys})
        self._keep(failed, views)
        away = [trouble.error for trouble in failed.values() if isinstance(trouble.error, Transient)]
        if away and len(away) == listed and not self._answers:
            raise away[0]
        if listed:
            self.link.up()

    async def _look_through(self, keys: Collection[Key], tried: dict[ModelName, int]) -> None:
        """List all files of a model of which many versions are due; `tried` are the operations that did not do."""
        counts = Counter(model for model, version in keys if not self.observed.is_at_hand(model, version))
        many = {model: min(count, MOST_LISTS) for model, count in counts.items() if count >= MANY}
        due = {model: most for model, most in many.items() if most > tried.get(model, 0)}
        tried |= due
        outcomes = await gather_all(
            alone_async(self.observed.look_through, model, most_lists=most) for model, most in due.items()
        )
        for model, outcome in zip(due, outcomes, strict=True):
            self.troubles.take("look through", model, outcome)

    def _unlisted(self, views: Views) -> set[Key]:
        chosen = {model: self.troubles.take("choose", model, alone(unlisted, view)) for model, view in views.items()}
        return {(model, version) for model, versions in chosen.items() for version in versions or ()}

    def reasons(self, model: ModelName) -> dict[Version, str]:
        """Say which versions of a model could not be listed, and why."""
        return {version: known.reason for (name, version), known in self.unlisted.items() if name == model}

    def _keep(self, failed: Mapping[Key, Trouble], views: Views) -> None:
        """Remember what could not be listed, and when to try again: later each time."""
        before = self.unlisted
        self.unlisted = {key: known for key, known in before.items() if key[0] not in views}
        for key, trouble in failed.items():
            tries = before[key].tries + 1 if key in before else 1
            due = self.clock() + timedelta(seconds=backoff(tries))
            self.unlisted[key] = Unlisted(trouble.reason, tries, due)

    async def _list_one(self, model: ModelName, version: Version, *, suspects: bool) -> None:
        before = self.observed.last_seen(model, version)
        is_news = await self.observed.list(model, version, is_at_hand_enough=True)
        is_new_name = version not in self._offered_before.get(model, ())
        if is_news and suspects and self.announcements.is_open and (before or is_new_name):
            self._suspect(model, version, before=before.files if before else ())

    def _suspect(self, model: ModelName, version: Version, *, before: Collection[RemoteFile]) -> None:
        """Suspect the stream where an object came long ago and nobody announced it; deletions are not announced."""
        seen = self.observed.last_seen(model, version)
        known = {(file.name, file.generation) for file in before}
        came = [file.updated for file in seen.files if (file.name, file.generation) not in known] if seen else []
        if came and (self.clock() - max(came)).total_seconds() > SILENT_SECONDS:
            self.announcements.renew(f"{model} version {version} was found by polling, nothing announced it")
