"""Nodes of a site fetch a version together: every byte right, and from the bucket about once."""

import asyncio
import os
import socket
import threading
from contextlib import closing
from pathlib import Path

import pytest

from events.messages import NeighbourLied
from events.names import NodeName, Version
from puller.disk import crc32c
from puller.disk.ranges import Piece
from puller.disk.stage import Stage
from puller.download.transfer import Fetched
from tests.fakes.bucket import FakeBucket
from tests.support.exchange_site import Node, Site, fill
from tests.support.puller_world import MODEL
from tests.support.stack import eventually

MIB = 1024 * 1024
WEIGHTS = "variables/variables.data-00000-of-00001"
FILES = {
    "saved_model.pb": b"graph",
    "variables/variables.index": b"index" * 1000,
    WEIGHTS: os.urandom(26 * MIB + 5),
    "assets/empty": b"",
}
SIZE = sum(map(len, FILES.values()))
LARGE = {"saved_model.pb": b"graph", WEIGHTS: os.urandom(60 * MIB + 5)}
LARGE_SIZE = sum(map(len, LARGE.values()))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    bucket = FakeBucket()
    bucket.piece_bytes = MIB
    return Site(tmp_path, bucket)


async def test_together(site: Site) -> None:
    """Nodes that begin at the same time share the work."""
    table = fill(site.bucket, FILES)
    async with site.node(table=table) as a, site.node(table=table) as b, site.node(table=table) as c:
        fetched = await asyncio.gather(*(node.fetch() for node in (a, b, c)))
        assert [node.world.published() for node in (a, b, c)] == [FILES] * 3
        assert sum(one.bytes_moved for one in fetched) == site.bytes_fetched < 1.5 * SIZE
        assert all(one.bytes_moved + one.bytes_from_neighbours == SIZE for one in fetched)


async def test_later(site: Site) -> None:
    """A node that comes later gets everything from a neighbour, and the bucket is asked for nothing."""
    table = fill(site.bucket, FILES)
    async with site.node(table=table) as a, site.node(table=table) as b:
        assert (await a.fetch()).bytes_moved == SIZE
        before = site.bytes_fetched
        fetched = await b.fetch()
        assert (fetched.bytes_moved, fetched.bytes_from_neighbours) == (0, SIZE)
        assert site.bytes_fetched == before
        assert b.world.published() == FILES


async def test_alone(site: Site) -> None:
    """A node without neighbours asks the bucket as it would without an exchange."""
    table = fill(site.bucket, FILES)
    async with site.node(table=table) as a:
        await a.fetch()
        largest = max(end - start for _, start, end in site.bucket.requests)
        assert largest == len(FILES[WEIGHTS])


async def test_liar(site: Site) -> None:
    """A neighbour whose bytes are wrong is named and left alone; the version is right all the same."""
    table = fill(site.bucket, FILES)
    async with site.node(table=table) as a, site.node(table=table) as b:
        await a.fetch()
        _spoil(a.world.layout.version(MODEL, Version(1)) / WEIGHTS)
        fetched = await b.fetch()
        assert b.world.published() == FILES
        assert fetched.bytes_moved > 0
        (told,) = [event for event in b.events if isinstance(event, NeighbourLied)]
        assert told.neighbour == a.name


async def test_what_was_wrong_before(site: Site) -> None:
    """What a node has from an earlier try may be wrong: no neighbour is named that gives the rest of the piece."""
    table = fill(site.bucket, FILES)
    async with site.node(table=table) as a, site.node(table=table) as b:
        await a.fetch()
        await _stage_wrong(b)
        await b.fetch()
        assert b.world.published() == FILES
        assert _named(b) == set()


async def test_without_table(site: Site) -> None:
    """Where no manifest says pieces, a neighbour's wrong files are told by the CRC32C that the bucket lists."""
    fill(site.bucket, FILES)
    async with site.node() as a, site.node() as b, site.node() as c:
        await a.fetch()
        assert (await b.fetch()).bytes_from_neighbours == SIZE
        for node in (a, b):
            _spoil(node.world.layout.version(MODEL, Version(1)) / "saved_model.pb")
        fetched = await c.fetch()
        assert c.world.published() == FILES
        assert fetched.bytes_moved < 4 * MIB  # the unit that this file is in
        assert _named(c) == {a.name, b.name}


async def test_large_file_without_table(site: Site) -> None:
    """A piece of a published file has no checksum of its own: the file tells, and comes from the bucket then."""
    fill(site.bucket, FILES)
    async with site.node() as a, site.node() as b:
        await a.fetch()
        _spoil(a.world.layout.version(MODEL, Version(1)) / WEIGHTS)
        fetched = await b.fetch()
        assert b.world.published() == FILES
        assert fetched.bytes_moved == len(FILES[WEIGHTS])
        assert _named(b) == set()


async def test_piece_without_table(site: Site) -> None:
    """A piece goes along with the CRC32C that its first node says: a wrong one is found before the file is whole."""
    fill(site.bucket, LARGE)
    async with site.node() as a, site.node() as b:
        first = await _begin(site, a)
        await eventually(lambda: _has(a) != 0)
        _spoil(a.world.staged(WEIGHTS), every=MIB)
        second = asyncio.create_task(b.fetch())
        await eventually(lambda: _named(b) == {a.name})  # while the bucket gives nothing
        site.bucket.flows.set()
        await asyncio.gather(first, second)
        assert b.world.published() == LARGE


async def test_pieces_without_table_are_passed_on(site: Site) -> None:
    """Also before their file is whole: the bucket gives each byte about once, though no manifest says SHA-256."""
    fill(site.bucket, FILES)
    async with site.node() as a, site.node() as b, site.node() as c:
        fetched = await asyncio.gather(*(node.fetch() for node in (a, b, c)))
        assert [node.world.published() for node in (a, b, c)] == [FILES] * 3
        assert sum(one.bytes_moved for one in fetched) < 1.5 * SIZE


@pytest.mark.parametrize("has_table", [True, False])
async def test_in_the_middle(site: Site, *, has_table: bool) -> None:
    """A node that begins while another is half way gets what is there and what is to come; all comes once."""
    filled = fill(site.bucket, LARGE)
    table = filled if has_table else None
    async with site.node(table=table) as a, site.node(table=table) as b:
        first = await _begin(site, a)
        second = asyncio.create_task(b.fetch())
        await eventually(lambda: _has(b) != 0)  # while the bucket gives nothing
        assert not first.done()
        site.bucket.flows.set()
        fetched = await asyncio.gather(first, second)
        assert [node.world.published() for node in (a, b)] == [LARGE] * 2
        assert site.bytes_fetched == LARGE_SIZE
        assert fetched[1].bytes_from_neighbours >= LARGE_SIZE / 2


async def test_a_newcomer_in_the_middle(site: Site) -> None:
    """A node that was not there when another began, alone and by long requests, gets its bytes, too; all come once."""
    table = fill(site.bucket, LARGE)
    async with site.node(table=table) as a:
        first = await _begin(site, a)
        async with site.node(table=table) as b:
            second = asyncio.create_task(b.fetch())
            await eventually(lambda: len(b.exchange.offers._coming) == 1)
            site.bucket.flows.set()
            fetched = await asyncio.gather(first, second)
            assert [node.world.published() for node in (a, b)] == [LARGE] * 2
            assert site.bytes_fetched == LARGE_SIZE
            assert fetched[1].bytes_from_neighbours > 0


async def test_gone(site: Site) -> None:
    """A neighbour that died a moment ago costs nothing but a try."""
    table = fill(site.bucket, FILES)
    async with site.node(table=table) as a:
        a.hear("gone", "127.0.0.1:1")
        fetched = await a.fetch()
        assert (fetched.bytes_moved, a.world.published()) == (SIZE, FILES)


async def test_stalled(site: Site) -> None:
    """A neighbour that says it has everything, and then sends nothing, costs a bounded wait."""
    table = fill(site.bucket, FILES)
    with socket.create_server(("127.0.0.1", 0)) as stalled:
        thread = threading.Thread(target=_boast, args=(stalled,), daemon=True)
        thread.start()
        async with site.node(table=table, stall_seconds=0.3) as a:
            a.hear("stalled", f"127.0.0.1:{stalled.getsockname()[1]}")
            fetched = await a.fetch()
            assert (fetched.bytes_moved, a.world.published()) == (SIZE, FILES)
        stalled.shutdown(socket.SHUT_RDWR)
        await asyncio.to_thread(thread.join)


async def test_another_secret(site: Site) -> None:
    """Nodes whose secrets differ fetch for themselves."""
    table = fill(site.bucket, FILES)
    async with site.node(table=table) as a, site.node(table=table) as b:
        await a.fetch()
        b.exchange.client._secret = "another secret than the site's"
        assert (await b.fetch()).bytes_moved == SIZE


async def _begin(site: Site, node: Node) -> "asyncio.Task[Fetched]":
    """Have a node begin to fetch, until the bucket has sent two thirds and stops."""
    site.bucket.pause_after = LARGE_SIZE * 2 // 3
    task = asyncio.create_task(node.fetch())
    await eventually(lambda: not site.bucket.flows.is_set())
    return task


async def _stage_wrong(node: Node) -> None:
    """Leave a MiB of the weights in the stage, as a flipped bit on the way from the bucket leaves it."""
    with closing(Stage(node.world.layout, MODEL, Version(1))) as stage:
        staged = await stage.open(await node.world.files())
        await stage.allocate(staged, reserve_bytes=0)
        weights = next(file for file in staged if file.file.name == WEIGHTS)
        wrong = b"x" * MIB
        with weights.path.open("r+b") as file:
            file.write(wrong)
        stage.note(weights, Piece(0, MIB, crc32c.extend(0, wrong)))


def _has(node: Node) -> int:
    """Which units a node offers of the version that it fetches."""
    return max((offer.word.has for offer in node.exchange.offers._coming.values()), default=0)


def _named(node: Node) -> set[NodeName]:
    """Whom a node says to have given wrong bytes."""
    return {event.neighbour for event in node.events if isinstance(event, NeighbourLied)}


def _spoil(path: Path, *, every: int = 10**12) -> None:
    """Change bytes of a file: its first and its middle one, and one of every so many."""
    path.chmod(0o644)
    size = path.stat().st_size
    with path.open("r+b") as file:
        for at in {0, size // 2, *range(0, size, every)}:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1]))


def _boast(listener: socket.socket) -> None:
    """Answer each question with 'all of it', and requests for bytes with nothing."""
    kept = []
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            break
        kept.append(connection)
        if b"Range: " not in connection.recv(8192):
            body = b'{"has": "ffff", "coming": "0", "bytes": 1}'
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    for connection in kept:
        connection.close()
