"""Looking at the bucket, as little as will do: which versions there are, then those that a decision needs.

Where a poll finds what an open stream of notifications should have announced, the stream is suspected.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from events.names import ModelName, Version
from puller.hints import Taken
from puller.link import Link
from puller.local import Local
from puller.plan import unlisted
from puller.sightings import Key, Sightings
from puller.together import together
from puller.view import View
from service.errors import Transient

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


@dataclass(slots=True)
class Survey:
    """Brings what is known of the bucket up to date; raises `Transient` where it does not answer at all."""

    sightings: Sightings
    link: Link
    announcements: Announcements
    clock: Callable[[], datetime]
    unlisted: dict[Key, Transient] = field(default_factory=dict)  # could not be listed, and why

    async def look(self, taken: Taken, local: Local, *, at_all: bool) -> None:
        """List the names: of everything, or of the models that were hinted at."""
        for model, version in taken.versions:
            self.sightings.doubt(model, version)
        if at_all:
            await self.sightings.look_at_all(published=local.keys)
        else:
            await together(
                self.sightings.look_at(model, published=local.published.get(model, {})) for model in taken.models
            )
        if at_all or taken.models:
            self.link.up()

    async def list(self, views: Views, refresh: Callable[[Collection[ModelName]], Views], *, suspects: bool) -> None:
        """List versions until all that a decision needs is known, as far as they can be listed.

        `views` is brought up to date in place, by `refresh`. With `suspects`, news that nobody announced make the
        stream suspect.
        """
        try:
            await self._list_all(views, refresh, suspects=suspects)
        finally:
            self.sightings.put_away()

    async def _list_all(
        self, views: Views, refresh: Callable[[Collection[ModelName]], Views], *, suspects: bool
    ) -> None:
        failed: dict[Key, Transient] = {}
        listed = 0
        while keys := _unlisted(views) - failed.keys():
            outcomes = await together(self._list_one(*key, suspects=suspects) for key in keys)
            failed |= {key: error for key, error in zip(keys, outcomes, strict=True) if error}
            listed += len(keys)
            views |= refresh({model for model, _ in keys})
        self.unlisted = {key: error for key, error in self.unlisted.items() if key[0] not in views} | failed
        if failed and len(failed) == listed:
            raise next(iter(failed.values()))
        if listed:
            self.link.up()

    async def _list_one(self, model: ModelName, version: Version, *, suspects: bool) -> Transient | None:
        try:
            is_news = await self.sightings.list(model, version, is_at_hand_enough=True)
        except Transient as error:
            return error
        if is_news and suspects and self.announcements.is_open:
            self._suspect(model, version)
        return None

    def _suspect(self, model: ModelName, version: Version) -> None:
        seen = self.sightings.last_seen(model, version)
        newest = max((file.updated for file in seen.files), default=None) if seen else None
        if newest and (self.clock() - newest).total_seconds() > SILENT_SECONDS:
            self.announcements.renew(f"{model} version {version} was found by polling, nothing announced it")


def _unlisted(views: Views) -> set[Key]:
    return {(model, version) for model, view in views.items() for version in unlisted(view)}
