"""The engine and the lists against a server that answers badly over real connections."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from events.manifest import Content
from events.names import FileName, ModelName, Version
from infra.local.ports import LOOPBACK, Ports
from puller.bucket.access import Access
from puller.bucket.client import Bucket
from puller.bucket.objects import RemoteFile
from puller.disk import crc32c
from puller.download.http_engine import HttpEngine
from puller.download.range_download import RetryPolicy
from puller.download.transfer import Transfer, Wanted
from service.errors import Transient
from service.layout import Layout
from tests.fakes import http_bucket
from tests.fakes.bucket import EPOCH
from tests.fakes.http_bucket import Behaviour, HttpBucket, status
from tests.support.stack import eventually

DATA = bytes(range(256)) * 8000
MODEL, VERSION = ModelName("m"), Version(1)
FILE = RemoteFile(FileName("f"), "m/1/f", Content(len(DATA), crc32c.extend(0, DATA)), 7, None, EPOCH)


@pytest.fixture
async def server() -> AsyncIterator[HttpBucket]:
    async with http_bucket.running(DATA) as running:
        yield running


async def fetch(server: HttpBucket, models_dir: Path) -> bytes:
    """Stage the object; its bytes as staged."""
    access = Access(emulator=server.url)
    retries = RetryPolicy(tries=3, stall_seconds=0.5, pause_seconds=0.01)
    engine = HttpEngine("bucket", access)
    transfer = Transfer(engine, layout=Layout(models_dir), reserve_bytes=0, bytes_per_second=None, retries=retries)
    try:
        await transfer.fetch(Wanted(MODEL, VERSION, (FILE,)), on_progress=lambda _: None)
    finally:
        engine.close()
        access.close()
    return await asyncio.to_thread((Layout(models_dir).stage(MODEL, VERSION) / "f").read_bytes)


@pytest.mark.parametrize(
    "behaviour",
    [
        status(500),
        status(503),
        status(429),
        http_bucket.refuse,
        http_bucket.reset,
        http_bucket.close_early,
        http_bucket.announce_less,
        http_bucket.ignore_range,
        http_bucket.shift,
        http_bucket.damage,
        http_bucket.stall,
    ],
    ids=lambda behaviour: behaviour.__qualname__,
)
async def test_a_bad_answer_is_mended(server: HttpBucket, tmp_path: Path, behaviour: Behaviour) -> None:
    """Whatever one answer is like, the next ones make the file whole and right."""
    server.behaviours = [behaviour]
    assert await fetch(server, tmp_path) == DATA
    assert len(server.requests) >= 2


@pytest.mark.parametrize(
    ("code", "words"),
    [(404, "replaced or deleted"), (403, "this account may not read"), (401, "this account may not read")],
)
async def test_an_answer_that_will_not_change_is_not_asked_for_again(
    server: HttpBucket, tmp_path: Path, code: int, words: str
) -> None:
    """Missing objects and rights are told at once, in words."""
    server.behaviours = [status(code)] * 2
    with pytest.raises(Transient, match=words):
        await fetch(server, tmp_path)
    assert len(server.requests) == 1


async def test_a_bucket_that_stays_bad_is_given_up(server: HttpBucket, tmp_path: Path) -> None:
    """Tries are bounded, and the words name the object."""
    server.behaviours = [status(503)] * 100
    with pytest.raises(Transient, match="m/1/f"):
        await fetch(server, tmp_path)
    assert len(server.requests) == 3


async def test_a_transfer_can_be_cancelled_while_nothing_comes(server: HttpBucket, tmp_path: Path) -> None:
    """Ending the process does not wait for a bucket that hangs; what came is resumed."""
    server.behaviours = [http_bucket.stall]
    task = asyncio.create_task(fetch(server, tmp_path))
    await eventually(lambda: server.requests)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await fetch(server, tmp_path) == DATA


def answer(document: object) -> Behaviour:
    return status(200, json.dumps(document).encode())


async def listing_problems(server: HttpBucket) -> tuple[str, ...]:
    return (await Bucket("bucket", prefix="", access=Access(emulator=server.url)).listing(MODEL, VERSION)).problems


ITEM = {"name": "m/1/f", "size": "3", "crc32c": "AAAAAA==", "generation": "1", "updated": "2026-01-01T00:00:00Z"}


async def test_lists_try_passing_errors_again(server: HttpBucket) -> None:
    """A 503 is no reason to fail a pass."""
    server.behaviours = [status(503), answer({"items": [ITEM]})]
    assert await listing_problems(server) == ()
    assert len(server.requests) == 2


async def test_a_catalog_costs_one_operation_and_one_a_model(server: HttpBucket) -> None:
    """Nothing else is asked of the bucket: lists cost money, other requests need other rights."""
    server.behaviours = [answer({"prefixes": ["a/", "b/"]}), answer({"prefixes": []}), answer({})]
    await Bucket("bucket", prefix="", access=Access(emulator=server.url)).catalog()
    assert len(server.requests) == 3
    assert all(request.target.startswith("/storage/v1/b/bucket/o?") for request in server.requests)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("crc32c", None, "f has no CRC32C in the bucket"),
        ("contentEncoding", "gzip", "f is stored with Content-Encoding 'gzip': upload it as it is"),
        ("contentEncoding", "identity, br", "f is stored with Content-Encoding"),
        ("contentEncoding", "deflate", "f is stored with Content-Encoding"),
    ],
)
async def test_objects_that_cannot_be_checked_are_problems(
    server: HttpBucket, field: str, value: str | None, words: str
) -> None:
    """Objects under a customer's key have no CRC32C, compressed ones have that of other bytes."""
    server.behaviours = [answer({"items": [{**ITEM, field: value}]})]
    (problem,) = await listing_problems(server)
    assert words in problem


@pytest.mark.parametrize("words", ["identity", " Identity ", "identity,identity", "none", "binary", "utf-8", ""])
async def test_an_encoding_that_encodes_nothing_is_none(server: HttpBucket, words: str) -> None:
    """Some upload tools write it beside bytes that are as they were."""
    server.behaviours = [answer({"items": [{**ITEM, "contentEncoding": words}]})]
    assert await listing_problems(server) == ()


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (status(404), "bucket bucket does not exist, or this account may not see it: .*; trying again at each poll"),
        (status(403), "this account may not read bucket bucket"),
        (status(401), "this account may not read bucket bucket"),
        (status(400), "bucket bucket does not answer as it should"),
        (status(200, b"<html>hotel wifi</html>"), "bucket bucket does not answer as it should"),
    ],
)
async def test_a_bucket_that_cannot_be_listed_is_told_in_words(
    server: HttpBucket, behaviour: Behaviour, words: str
) -> None:
    """The operator reads what is wrong and that it is tried again."""
    server.behaviours = [behaviour]
    with pytest.raises(Transient, match=words):
        await listing_problems(server)
    server.behaviours = [behaviour]
    with pytest.raises(Transient, match=words):
        await Bucket("bucket", prefix="", access=Access(emulator=server.url)).catalog()


async def test_a_missing_bucket_server_is_told_in_words() -> None:
    """Nothing listens: the address and what happened are in the words."""
    with Ports() as ports:
        access = Access(emulator=f"http://{LOOPBACK}:{ports.reserve()}")
        with pytest.raises(Transient, match=r"does not answer as it should: .*127\.0\.0\.1.*refused"):
            await Bucket("bucket", prefix="", access=access).catalog()
