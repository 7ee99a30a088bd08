"""What a puller's pass works with, in memory: a bucket that counts its list operations, a fetcher, a stream."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from events.names import ModelName, Version
from events.status import Progress
from puller.bucket.objects import Catalog, Listing, RemoteFile
from puller.download.transfer import Fetched, Wanted
from service.errors import Transient
from service.layout import Layout
from tests.fakes.bucket import FakeBucket


class CountingBucket(FakeBucket):
    """A bucket that knows how often each list was asked for."""

    def __init__(self, *, prefix: str = "", page: int = 1000) -> None:
        super().__init__(prefix=prefix, page=page)
        self.catalogs = 0
        self.pages = 0  # of lists of all files of a model
        self.listing_seconds = 0.0
        self.is_flat = False  # a look at all brings the files, too
        self.listings: Counter[tuple[str, int]] = Counter()
        self.unreadable: Counter[str] = Counter()  # objects, each for so many reads

    async def read(self, file: RemoteFile, *, max_bytes: int) -> bytes:
        if self.unreadable[file.object_name]:
            self.unreadable[file.object_name] -= 1
            raise Transient(f"{file.object_name} cannot be read: connection reset")
        return await super().read(file, max_bytes=max_bytes)

    async def catalog(self) -> Catalog:
        self.catalogs += 1
        found = await super().catalog()
        if not self.is_flat:
            return found
        keys = [(model, version) for model, versions in found.models.items() for version in versions]
        listings = {key: await FakeBucket.listing(self, *key) for key in keys}
        await asyncio.sleep(self.listing_seconds)
        return replace(found, listings=listings)

    async def versions(self, model: ModelName) -> frozenset[Version]:
        """List one model's versions."""
        return (await super().catalog()).models.get(model, frozenset())

    async def listing(self, model: ModelName, version: Version) -> Listing:
        self.listings[model, version] += 1
        await asyncio.sleep(self.listing_seconds)
        return await super().listing(model, version)

    async def all_listings(self, model: ModelName, *, most_lists: int) -> dict[Version, Listing] | None:
        found = await super().all_listings(model, most_lists=most_lists)
        objects = [file for listing in found.values() for file in listing.files] if found is not None else ()
        pages = most_lists if found is None else math.ceil(len(objects) / self.page)
        self.pages += pages
        await asyncio.sleep(self.listing_seconds * pages)
        return found


class FakeFetcher:
    """Stages files out of a fake bucket; takes `seconds`, and fails as often as there are `errors`."""

    def __init__(self, bucket: FakeBucket, layout: Layout, *, seconds: float = 0.0) -> None:
        self.bucket = bucket
        self.layout = layout
        self.seconds = seconds
        self.steps = 0  # so often a fetch says how far it is
        self.errors: list[Exception] = []
        self.broken: dict[int, Exception] = {}  # versions that never arrive, and why
        self.fetched: list[tuple[str, int]] = []
        self.running = 0
        self.most_running = 0
        self.before_end: Callable[[], None] = lambda: None

    async def fetch(self, wanted: Wanted, *, on_progress: Callable[[Progress], None]) -> Fetched:
        """Stage the files."""
        size = sum(file.content.size for file in wanted.files)
        on_progress(Progress(bytes_done=0, bytes_total=size, bytes_per_second=0, seconds_left=None))
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await asyncio.sleep(self.seconds)
            for done in range(self.steps):
                part = size * done // self.steps
                on_progress(Progress(bytes_done=part, bytes_total=size, bytes_per_second=0, seconds_left=None))
        finally:
            self.running -= 1
        if error := self.broken.get(wanted.version):
            raise error
        if self.errors:
            raise self.errors.pop(0)
        for file in wanted.files:
            path = self.layout.stage(wanted.model, wanted.version) / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(await self.bucket.read(file, max_bytes=1 << 30))
        self.before_end()
        self.fetched.append((wanted.model, wanted.version))
        on_progress(Progress(bytes_done=size, bytes_total=size, bytes_per_second=0, seconds_left=0))
        return Fetched(bytes_moved=size, bytes_linked=0, bytes_resumed=0)


class FakeStream:
    """A stream of notifications that is open or not."""

    def __init__(self, *, is_wanted: bool = True, is_open: bool = True) -> None:
        self.is_wanted = is_wanted
        self.is_open = is_open
        self.renewals: list[str] = []

    def renew(self, reason: str) -> None:
        self.renewals.append(reason)
