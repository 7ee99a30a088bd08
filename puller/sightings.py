"""What is known of the bucket: its versions, the last listing of those that matter, and the judgement over each.

Knowledge of a version is *fresh* until somebody says that it may have changed. What is not fresh is listed again before
anything is decided from it; what was learned from the same generations before (manifest, graph, when they were first
seen) is kept.
"""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from events import manifest
from events.manifest import Manifest
from events.names import ModelName, Version
from events.pieces import Table
from puller.completeness import Judgement, Known, Rules, Settling, Unread, Unusable, judge
from puller.objects import Catalog, Listing, Listings, RemoteFile
from puller.pace import backoff
from puller.passed_over import PassedOver
from puller.view import Seen
from service.errors import Invalid
from service.isolation import Trouble, alone, alone_async
from service.layout import FileRecord, fingerprint
from service.saved_model import Needs

Key = tuple[ModelName, Version]


class Lister(Protocol):
    """What is asked of a bucket."""

    async def catalog(self) -> Catalog:
        """List models and versions."""
        ...

    async def versions(self, model: ModelName) -> frozenset[Version]:
        """List a model's versions."""
        ...

    async def listing(self, model: ModelName, version: Version) -> Listing:
        """List a version's files."""
        ...

    async def all_listings(self, model: ModelName, *, most_lists: int) -> dict[Version, Listing] | None:
        """List the files of all versions of a model; None where that takes more list operations."""
        ...

    async def read(self, file: RemoteFile, *, max_bytes: int) -> bytes:
        """Read a small file."""
        ...


@dataclass(frozen=True, slots=True)
class Sighting:
    """A listed version; `spoiled` is why its manifest or graph is none, which stands before any judgement.

    `unread` says that its manifest could not be had so many `tries` in a row, and when the next one is due.
    """

    listing: Listing
    known: Known
    seen: Seen
    spoiled: str = ""
    unread: Unread | None = None
    tries: int = 0
    table: Table | None = None  # of the manifest, where that says its pieces


class Sightings:
    """Keeps what is known of one bucket."""

    def __init__(self, bucket: Lister, *, rules: Rules, clock: Callable[[], datetime]) -> None:
        """Keep what was given; nothing is known yet."""
        self._bucket = bucket
        self._rules = rules
        self._clock = clock
        self._sightings: dict[Key, Sighting] = {}
        self._stale: set[Key] = set()
        self._doubts: set[Key] = set()  # since the last look at all began
        self._at_hand: Listings = {}
        self._ignored = PassedOver()
        self.offered: dict[ModelName, frozenset[Version]] = {}

    async def look_at_all(self, *, published: Collection[Key]) -> None:
        """List models and versions; what is not on disk yet may have changed too."""
        self._doubts.clear()
        catalog = await self._bucket.catalog()
        self.offered = dict(catalog.models)
        self._ignored = catalog.ignored
        known = {key: seen for key, seen in self._sightings.items() if key[1] in self.offered.get(key[0], ())}
        self._sightings = known
        self._stale = {key for key in known if key not in published or key in self._stale}
        self._at_hand = {key: listing for key, listing in catalog.listings.items() if key not in self._doubts}
        changed = {key for key in known.keys() & self._at_hand.keys() if not self._is_as_before(key)}
        self._stale = (self._stale - self._at_hand.keys()) | changed

    async def look_through(self, model: ModelName, *, most_lists: int) -> None:
        """List the files of all versions of a model at once, if so few list operations do; they are at hand then."""
        self._doubts -= {key for key in self._doubts if key[0] == model}
        found = await self._bucket.all_listings(model, most_lists=most_lists)
        if found is None:
            return
        gone = dict.fromkeys(self.offered.get(model, frozenset()) - found.keys(), Listing((), None, PassedOver()))
        fresh = {(model, version): listing for version, listing in {**found, **gone}.items()}
        self._at_hand |= {key: listing for key, listing in fresh.items() if key not in self._doubts}

    def is_at_hand(self, model: ModelName, version: Version) -> bool:
        """Tell whether a version's files were listed beside others."""
        return (model, version) in self._at_hand

    def put_away(self) -> None:
        """Forget what was listed beside: what is asked for later is listed then."""
        self._at_hand = {}

    async def look_at(self, model: ModelName, *, published: Collection[Version]) -> None:
        """List a model's versions; those that are not on disk yet may have changed too."""
        self._offer(model, await self._bucket.versions(model))
        self._stale |= {key for key in self._sightings if key[0] == model and key[1] not in published}

    def doubt(self, model: ModelName, version: Version) -> None:
        """Note that a version is there, or has changed."""
        self._offer(model, self.offered.get(model, frozenset()) | {version})
        self._stale.add((model, version))
        self._doubts.add((model, version))
        self._at_hand.pop((model, version), None)

    async def list(self, model: ModelName, version: Version, *, is_at_hand_enough: bool = False) -> bool:
        """List a version and judge it; tell whether its objects are other ones than before.

        `is_at_hand_enough`: what the look at all, of this pass, brought of the version will do.
        """
        key = (model, version)
        listing = self._at_hand.pop(key, None)
        if listing is None or not is_at_hand_enough:
            listing = await self._bucket.listing(model, version)
        self._stale.discard(key)
        before = self._sightings.get(key)
        is_news = before is None or _generations(before.listing) != _generations(listing)
        if before and not is_news and before.unread is None:
            return False
        if not listing.files and listing.manifest is None and not listing.problems:
            self._sightings.pop(key, None)
            self._offer(model, self.offered.get(model, frozenset()) - {version})
            return before is not None
        self._sightings[key] = await self._sight(listing, tries=0 if before is None or is_news else before.tries)
        return is_news

    def learn(self, model: ModelName, version: Version, *, graph: RemoteFile, needs: Needs | str) -> None:
        """Keep what a graph says must exist, or why it cannot be read; forgotten with the generation."""
        sighting = self._sightings.get((model, version))
        if sighting is None or graph not in sighting.listing.files:
            return
        if isinstance(needs, str):
            sighting = replace(sighting, spoiled=needs)
        else:
            sighting = replace(sighting, known=replace(sighting.known, needs=needs))
        self._sightings[model, version] = self._judged(sighting)

    def needs(self, model: ModelName, version: Version) -> Needs | None:
        """What the version's graph says must exist, if it was read."""
        sighting = self._sightings.get((model, version))
        return sighting.known.needs if sighting else None

    def table(self, model: ModelName, version: Version) -> Table | None:
        """Return the SHA-256 of the version's pieces; None where no manifest says them."""
        sighting = self._sightings.get((model, version))
        return sighting.table if sighting else None

    def seen(self, model: ModelName) -> dict[Version, Seen]:
        """What is known, and fresh, of a model's versions."""
        found = {}
        for version in self.offered.get(model, ()):
            sighting = self._sightings.get((model, version))
            if sighting is None or (model, version) in self._stale:
                continue
            if sighting.unread and self._clock() >= sighting.unread.until:
                continue
            if isinstance(sighting.seen.judgement, Settling):
                sighting = self._sightings[model, version] = self._judged(sighting)
            found[version] = sighting.seen
        return found

    def last_seen(self, model: ModelName, version: Version) -> Seen | None:
        """What was seen of a version last, fresh or not."""
        sighting = self._sightings.get((model, version))
        return sighting.seen if sighting else None

    @property
    def ignored(self) -> PassedOver:
        """Objects that are no file of a version."""
        total = PassedOver()
        total.update(self._ignored)
        for sighting in self._sightings.values():
            total.update(sighting.listing.ignored)
        return total

    def _is_as_before(self, key: Key) -> bool:
        return _generations(self._sightings[key].listing) == _generations(self._at_hand[key])

    def _offer(self, model: ModelName, versions: frozenset[Version]) -> None:
        if versions:
            self.offered[model] = versions
        else:
            self.offered.pop(model, None)

    async def _sight(self, listing: Listing, *, tries: int) -> Sighting:
        records = tuple(
            FileRecord(name=file.name, size=file.content.size, crc32c=file.content.crc32c, generation=file.generation)
            for file in listing.files
        )
        seen = Seen(listing.files, Unusable("not judged yet"), fingerprint(records))
        sighting = Sighting(listing, Known(first_seen=self._clock()), seen)
        if listing.manifest is None:
            return self._judged(sighting)
        match await alone_async(self._read, listing.manifest):
            case Trouble(error=manifest.BadManifest() | Invalid(), reason=reason):
                sighting = replace(sighting, spoiled=reason)
            case Trouble(reason=reason):
                sighting = replace(sighting, unread=self._again(reason, tries + 1), tries=tries + 1)
            case content:
                known = replace(sighting.known, manifest=content.files)
                sighting = replace(sighting, known=known, table=content.table)
        return self._judged(sighting)

    async def _read(self, file: RemoteFile) -> Manifest:
        data = await self._bucket.read(file, max_bytes=manifest.MAX_MANIFEST_BYTES)
        return await asyncio.to_thread(manifest.read, data) if len(data) > 65536 else manifest.read(data)

    def _again(self, reason: str, tries: int) -> Unread:
        return Unread(self._clock() + timedelta(seconds=backoff(tries)), reason)

    def _judged(self, sighting: Sighting) -> Sighting:
        judgement: Judgement
        if sighting.spoiled:
            judgement = Unusable(sighting.spoiled)
        elif sighting.unread:
            judgement = sighting.unread
        else:
            judged = alone(judge, sighting.listing, sighting.known, now=self._clock(), rules=self._rules)
            judgement = Unusable(judged.reason) if isinstance(judged, Trouble) else judged
        return replace(sighting, seen=replace(sighting.seen, judgement=judgement))


def _generations(listing: Listing) -> tuple[tuple[str, int], ...]:
    files = listing.files if listing.manifest is None else (*listing.files, listing.manifest)
    return tuple((file.object_name, file.generation) for file in files)
