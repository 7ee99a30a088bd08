"""The same bucket in two forms: in memory, and a real GCS server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pytest

from events.names import ModelName, Version
from puller.bucket.access import Access
from puller.bucket.client import Bucket
from puller.bucket.objects import Catalog, Listing, RemoteFile
from puller.download.engine import Engine
from puller.download.http_engine import HttpEngine
from tests.fakes.bucket import FakeBucket
from tests.support.stack import GcsServer

PREFIX = "models/"
PAGE = 7  # small, so that lists have several


class Lists(Protocol):
    """What the puller asks of a bucket beside bytes."""

    async def catalog(self) -> Catalog: ...

    async def listing(self, model: ModelName, version: Version) -> Listing: ...

    async def all_listings(self, model: ModelName, *, most_lists: int) -> dict[Version, Listing] | None: ...

    async def read(self, file: RemoteFile, *, max_bytes: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket from both sides: who fills it, and the puller."""

    write: Callable[[str, bytes], int]
    delete: Callable[[str], None]
    lists: Lists
    engine: Engine


@pytest.fixture(params=["fake", "real"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "fake":
        fake = FakeBucket(prefix=PREFIX, page=PAGE)
        yield Store(fake.write, fake.delete, fake, fake)
        return
    server: GcsServer = request.getfixturevalue("gcs_server")
    access = Access(emulator=server.url)
    bucket = Bucket(server.bucket.name, prefix=PREFIX, access=access, page=PAGE)
    engine = HttpEngine(server.bucket.name, access)
    yield Store(server.bucket.write, server.bucket.delete, bucket, engine)
    engine.close()
    access.close()
