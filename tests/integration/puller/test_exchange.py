"""Pullers of one site, as processes on real servers: what one has fetched the others take from it."""

import os
import re
import urllib.request

from nats.aio.client import Client

from events import manifest, pieces, subjects
from events.manifest import Content
from events.names import FileName
from events.pieces import Table
from puller.disk import crc32c
from service import jetstream
from tests.integration.puller.conftest import MODEL, TINY_MODEL, RunningPuller, World, read_tree
from tests.support.stack import eventually

FILES = read_tree(TINY_MODEL / "1") | {"assets.extra/large": os.urandom(24 * 1024 * 1024)}
SIZE = sum(map(len, FILES.values()))


async def test_two_pullers_share(world: World) -> None:
    """Together they fetch little more than one would alone, and each has every byte."""
    one, other = world.start_puller("node-1", settle_seconds="60"), world.start_puller("node-2", settle_seconds="60")
    await eventually(lambda: _neighbours(one) == _neighbours(other) == 1)
    upload(world, 1)
    await eventually(lambda: one.state(1) == other.state(1) == "published")
    assert one.files(1) == other.files(1) == FILES
    assert fetched(one, "bucket") + fetched(other, "bucket") < 1.5 * SIZE
    assert fetched(one, "neighbours") + fetched(other, "neighbours") > 0.5 * SIZE


async def test_a_puller_that_comes_later(world: World, nats_connection: Client) -> None:
    """It has the version from its neighbour, found by signs of life alone."""
    await jetstream.bucket(nats_connection.jetstream(), subjects.PRESENCE_BUCKET)  # as a master has made it
    one = world.start_puller("node-1", settle_seconds="60")
    upload(world, 1)
    await eventually(lambda: one.state(1) == "published")
    later = world.start_puller("node-2", settle_seconds="60")
    await eventually(lambda: later.state(1) == "published")
    assert later.files(1) == FILES
    assert fetched(later, "neighbours") > 0.9 * SIZE


async def test_a_puller_that_comes_in_the_middle(world: World, nats_connection: Client) -> None:
    """It shares with one that fetches alone and slowly, and has from it what that has already: all comes about once."""
    await jetstream.bucket(nats_connection.jetstream(), subjects.PRESENCE_BUCKET)  # as a master has made it
    one = world.start_puller("node-1", settle_seconds="60", bandwidth_mib="1")
    upload(world, 1)
    await eventually(lambda: _done(one) > 4 * 1024 * 1024)
    later = world.start_puller("node-2", settle_seconds="60", bandwidth_mib="1")
    assert one.state(1) == "downloading"
    await eventually(lambda: one.state(1) == later.state(1) == "published", seconds=120)
    assert one.files(1) == later.files(1) == FILES
    assert fetched(one, "neighbours") > 0
    assert fetched(later, "neighbours") > 0
    assert fetched(one, "bucket") + fetched(later, "bucket") < 1.5 * SIZE


async def test_without_exchange(world: World) -> None:
    """A node that is told to stay by itself says so, and fetches everything from the bucket."""
    upload(world, 1)
    one, alone = (
        world.start_puller("node-1", settle_seconds="60"),
        world.start_puller("node-2", exchange="off", settle_seconds="60"),
    )
    await eventually(lambda: one.state(1) == alone.state(1) == "published")
    assert (fetched(alone, "bucket") + fetched(alone, "disk"), fetched(alone, "neighbours")) == (SIZE, 0)
    assert alone.report.exchange is not None
    assert "MM_EXCHANGE is off" in alone.report.exchange.reason


def upload(world: World, version: int) -> None:
    """Upload a version with a manifest that says its pieces."""
    contents = {FileName(name): Content(len(data), crc32c.extend(0, data)) for name, data in FILES.items()}
    table = Table({FileName(name): pieces.digests(len(data), [data]) for name, data in FILES.items()})
    for name, data in FILES.items():
        world.gcs.bucket.write(f"{MODEL}/{version}/{name}", data)
    world.gcs.bucket.write(f"{MODEL}/{version}/manifest.json", manifest.render(contents, table))


def fetched(puller: RunningPuller, source: str) -> float:
    """Bytes of versions that came from somewhere, as the puller's metrics say."""
    with urllib.request.urlopen(f"{puller.url}/metrics", timeout=10) as answer:  # noqa: S310 - our own address
        found = re.search(rf'^mm_downloaded_bytes_total{{source="{source}"}} (\S+)$', answer.read().decode(), re.M)
    return float(found[1]) if found else 0.0


def _neighbours(puller: RunningPuller) -> int:
    return puller.report.exchange.neighbours if puller.report.exchange else 0


def _done(puller: RunningPuller) -> int:
    """How many bytes of the version a puller has."""
    entry = puller.version(1)
    return entry.progress.bytes_done if entry and entry.progress else 0
