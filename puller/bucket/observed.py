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
from puller.backoff import backoff
from puller.bucket.completeness import Assessment, Known, Rules, Settling, Unread, Unusable, assess
from puller.bucket.objects import Catalog, Listing, Listings, RemoteFile
from puller.bucket.passed_over import PassedOver
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
class Seen:
    """A version as it was last listed in the bucket, and what was made of it."""

    files: tuple[RemoteFile, ...]
    assessment: Assessment
    fingerprint: str  # of the files, as in a receipt; kept, because it is compared in every pass


@dataclass(frozen=True, slots=True)
class ObservedVersion:
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


class ObservedVersions:
    """Keeps what is known of one bucket."""

    def __init__(self, bucket: Lister, *, rules: Rules, clock: Callable[[], datetime]) -> None:
        """Keep what was given; nothing is known yet."""
        self._bucket = bucket
        self._rules = rules
        self._clock = clock
        self._observed: dict[Key, ObservedVersion] = {}
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
        known = {key: seen for key, seen in self._observed.items() if key[1] in self.offered.get(key[0], ())}
        self._observed = known
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
        self._stale |= {key for key in self._observed if key[0] == model and key[1] not in published}

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
        before = self._observed.get(key)
        is_news = before is None or _generations(before.listing) != _generations(listing)
        if before and not is_news and before.unread is None:
            return False
        if not listing.files and listing.manifest is None and not listing.problems:
            self._observed.pop(key, None)
            self._offer(model, self.offered.get(model, frozenset()) - {version})
            return before is not None
        self._observed[key] = await self._sight(listing, tries=0 if before is None or is_news else before.tries)
        return is_news

    def learn(self, model: ModelName, version: Version, *, graph: RemoteFile, needs: Needs | str) -> None:
        """Keep what a graph says must exist, or why it cannot be read; forgotten with the generation."""
        observed_version = self._observed.get((model, version))
        if observed_version is None or graph not in observed_version.listing.files:
            return
        if isinstance(needs, str):
            observed_version = replace(observed_version, spoiled=needs)
        else:
            observed_version = replace(observed_version, known=replace(observed_version.known, needs=needs))
        self._observed[model, version] = self._judged(observed_version)

    def needs(self, model: ModelName, version: Version) -> Needs | None:
        """What the version's graph says must exist, if it was read."""
        observed_version = self._observed.get((model, version))
        return observed_version.known.needs if observed_version else None

    def table(self, model: ModelName, version: Version, *, fingerprint: str) -> Table | None:
        """Return the SHA-256 of the pieces of a version with these files; None where no manifest says them."""
        one = self._observed.get((model, version))
        return one.table if one and one.seen.fingerprint == fingerprint else None

    def seen(self, model: ModelName) -> dict[Version, Seen]:
        """What is known, and fresh, of a model's versions."""
        found = {}
        for version in self.offered.get(model, ()):
            observed_version = self._observed.get((model, version))
            if observed_version is None or (model, version) in self._stale:
                continue
            if observed_version.unread and self._clock() >= observed_version.unread.until:
                continue
            if isinstance(observed_version.seen.assessment, Settling):
                observed_version = self._observed[model, version] = self._judged(observed_version)
            found[version] = observed_version.seen
        return found

    def last_seen(self, model: ModelName, version: Version) -> Seen | None:
        """What was seen of a version last, fresh or not."""
        observed_version = self._observed.get((model, version))
        return observed_version.seen if observed_version else None

    @property
    def ignored(self) -> PassedOver:
        """Objects that are no file of a version."""
        total = PassedOver()
        total.update(self._ignored)
        for observed_version in self._observed.values():
            total.update(observed_version.listing.ignored)
        return total

    def _is_as_before(self, key: Key) -> bool:
        return _generations(self._observed[key].listing) == _generations(self._at_hand[key])

    def _offer(self, model: ModelName, versions: frozenset[Version]) -> None:
        if versions:
            self.offered[model] = versions
        else:
            self.offered.pop(model, None)

    async def _sight(self, listing: Listing, *, tries: int) -> ObservedVersion:
        records = tuple(
            FileRecord(name=file.name, size=file.content.size, crc32c=file.content.crc32c, generation=file.generation)
            for file in listing.files
        )
        seen = Seen(listing.files, Unusable("not judged yet"), fingerprint(records))
        observed_version = ObservedVersion(listing, Known(first_seen=self._clock()), seen)
        if listing.manifest is None:
            return self._judged(observed_version)
        match await alone_async(self._read, listing.manifest):
            case Trouble(error=manifest.BadManifest() | Invalid(), reason=reason):
                observed_version = replace(observed_version, spoiled=reason)
            case Trouble(reason=reason):
                observed_version = replace(observed_version, unread=self._again(reason, tries + 1), tries=tries + 1)
            case content:
                known = replace(observed_version.known, manifest=content.files)
                observed_version = replace(observed_version, known=known, table=content.table)
        return self._judged(observed_version)

    async def _read(self, file: RemoteFile) -> Manifest:
        data = await self._bucket.read(file, max_bytes=manifest.MAX_MANIFEST_BYTES)
        return await asyncio.to_thread(manifest.read, data) if len(data) > 65536 else manifest.read(data)

    def _again(self, reason: str, tries: int) -> Unread:
        return Unread(self._clock() + timedelta(seconds=backoff(tries)), reason)

    def _judged(self, observed_version: ObservedVersion) -> ObservedVersion:
        assessment: Assessment
        if observed_version.spoiled:
            assessment = Unusable(observed_version.spoiled)
        elif observed_version.unread:
            assessment = observed_version.unread
        else:
            judged = alone(
                assess, observed_version.listing, observed_version.known, now=self._clock(), rules=self._rules
            )
            assessment = Unusable(judged.reason) if isinstance(judged, Trouble) else judged
        return replace(observed_version, seen=replace(observed_version.seen, assessment=assessment))


def _generations(listing: Listing) -> tuple[tuple[str, int], ...]:
    files = listing.files if listing.manifest is None else (*listing.files, listing.manifest)
    return tuple((file.object_name, file.generation) for file in files)
