"""The bucket proxy before a real GCS server, read by the puller's own edge."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from events.names import ModelName, Version
from infra.local.bucket import Bucket as Trainer
from infra.local.connections import accepting
from infra.local.faults.mischief import BucketFaults
from infra.local.faults.remote import Refused
from infra.local.ports import LOOPBACK, Ports
from puller.bucket.access import Access
from puller.bucket.client import Bucket
from puller.bucket.objects import RemoteFile
from puller.download.engine import Interrupted, Replaced
from puller.download.http_engine import HttpEngine
from service.errors import Transient
from tests.support.faults import Proxied, proxied
from tests.support.stack import GcsServer

MODEL, VERSION = ModelName("m"), Version(1)
DATA = bytes(range(256)) * 200


class Site:
    """A bucket behind the proxy, and the puller's way to it."""

    def __init__(self, server: GcsServer, proxies: Proxied) -> None:
        self.server, self.proxies = server, proxies
        self.access = Access(emulator=proxies.url)
        self.bucket = Bucket(server.bucket.name, prefix="", access=self.access)
        self.engine = HttpEngine(server.bucket.name, self.access)

    async def misbehave(self, faults: BucketFaults) -> None:
        await asyncio.to_thread(self.proxies.remote.bucket, faults)

    async def upload(self, name: str, data: bytes = DATA) -> None:
        await asyncio.to_thread(self.server.bucket.write, f"m/1/{name}", data)

    async def names(self) -> list[str]:
        return [file.name for file in (await self.bucket.listing(MODEL, VERSION)).files]

    async def read(self) -> bytes:
        """The first file, in one try."""
        file = (await self.bucket.listing(MODEL, VERSION)).files[0]
        return await self.read_of(file)

    async def read_of(self, file: RemoteFile) -> bytes:
        """What comes of a file."""
        parts: list[bytes] = []
        async for _ in self.engine.stream(
            file, start=0, end=file.content.size, write=lambda data: parts.append(bytes(data))
        ):
            pass
        return b"".join(parts)


@pytest.fixture
async def site(gcs_server: GcsServer) -> AsyncIterator[Site]:
    with Ports() as ports:
        async with proxied(ports, bucket_url=gcs_server.url) as proxies:
            made = Site(gcs_server, proxies)
            await made.upload("f")
            yield made
            made.engine.close()
            made.access.close()


async def test_a_calm_proxy_is_not_there(site: Site) -> None:
    """Writes, lists and reads go through, by Google's client and by our own reader."""

    def write() -> None:
        with Trainer(site.proxies.url, name=site.server.bucket.name, project=site.server.project) as trainer:
            trainer.write("m/1/g", b"more")
            assert trainer.read("m/1/g") == b"more"

    await asyncio.to_thread(write)
    assert await site.names() == ["f", "g"]
    assert await site.read() == DATA


@pytest.mark.parametrize("name", ["error", "reset", "truncate", "wrong_length"])
async def test_an_answer_that_is_broken_is_noticed(site: Site, name: str) -> None:
    """Neither a list nor an object comes through, and the puller says so."""
    await site.misbehave(BucketFaults(**{name: 1.0}))  # type: ignore[arg-type] # a chance
    with pytest.raises(Transient):
        await site.names()
    await site.misbehave(BucketFaults())
    file = (await site.bucket.listing(MODEL, VERSION)).files[0]
    await site.misbehave(BucketFaults(**{name: 1.0}))  # type: ignore[arg-type] # a chance
    try:
        came = await site.read_of(file)
    except Interrupted:
        return
    assert len(came) < file.content.size  # which the lane takes for a broken answer


async def test_a_flipped_bit_comes_through(site: Site) -> None:
    """Only the checksum can tell: length and status are right."""
    await site.misbehave(BucketFaults(flip=1.0))
    data = await site.read()
    assert len(data) == len(DATA)
    assert sum(a != b for a, b in zip(data, DATA, strict=True)) == 1


@pytest.mark.parametrize("name", ["flip", "truncate", "wrong_length"])
async def test_a_small_file_that_comes_damaged_is_no_bug(site: Site, name: str) -> None:
    """A manifest is read whole and checked by Google's client; what it says becomes a sentence, and another try."""
    file = (await site.bucket.listing(MODEL, VERSION)).files[0]
    await site.misbehave(BucketFaults(**{name: 1.0}))  # type: ignore[arg-type] # a chance
    with pytest.raises(Transient, match=r"m/1/f came damaged|does not answer as it should"):
        await site.bucket.read(file, max_bytes=len(DATA))


async def test_a_list_without_a_body_is_no_bug(site: Site) -> None:
    """Status 200 and nothing else: Google's client trips over it, and the puller tries again."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with accepting(answer, LOOPBACK) as port:
        access = Access(emulator=f"http://{LOOPBACK}:{port}")
        bucket = Bucket("models", prefix="", access=access)
        with pytest.raises(Transient, match="answered a list with nothing"):
            await bucket.catalog()
        with pytest.raises(Transient, match="answered a list with nothing"):
            await bucket.listing(MODEL, VERSION)
        access.close()


async def test_a_drip_brings_all(site: Site) -> None:
    """Slow is not broken."""
    await site.misbehave(BucketFaults(drip=1.0, drip_seconds=0.1))
    assert await site.read() == DATA


async def test_a_stale_list_does_not_know_what_is_new(site: Site) -> None:
    """It shows what an earlier list showed."""
    assert await site.names() == ["f"]
    await site.upload("g")
    await site.misbehave(BucketFaults(stale=1.0))
    assert await site.names() == ["f"]
    await site.misbehave(BucketFaults())
    assert await site.names() == ["f", "g"]


async def test_small_pages_are_all_read_and_a_token_may_expire(site: Site) -> None:
    """A list in pages is whole; one whose token is not taken any more is none."""
    for name in ("g", "h"):
        await site.upload(name)
    await site.misbehave(BucketFaults(page=1))
    assert await site.names() == ["f", "g", "h"]
    await site.misbehave(BucketFaults(page=1, expire=1.0))
    with pytest.raises(Transient, match="page token"):
        await site.names()


async def test_an_object_is_replaced_between_list_and_read(site: Site) -> None:
    """Its generation is gone; the next list shows the same bytes under another one."""
    before = (await site.bucket.listing(MODEL, VERSION)).files[0]
    await site.misbehave(BucketFaults(replace=1.0))
    with pytest.raises(Replaced):
        await site.read()
    await site.misbehave(BucketFaults())
    after = (await site.bucket.listing(MODEL, VERSION)).files[0]
    assert (after.content, after.generation == before.generation) == (before.content, False)
    assert await site.read() == DATA


async def test_the_tally_counts_and_nonsense_is_refused(site: Site) -> None:
    """A rehearsal can tell what it did; a wrong fault changes nothing."""
    await site.misbehave(BucketFaults(drip=1.0, drip_seconds=0.0))
    await site.read()
    tally = await asyncio.to_thread(site.proxies.remote.tally)
    assert tally["drip"] == tally["requests"] == 2
    with pytest.raises(Refused, match="add up"):
        await asyncio.to_thread(site.proxies.remote._ask, "PUT", "/bucket", {"error": 0.7, "drip": 0.7})
    assert await asyncio.to_thread(site.proxies.remote.tally) == tally
    await asyncio.to_thread(site.proxies.remote.calm)
    assert await site.read() == DATA
