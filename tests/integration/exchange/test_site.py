"""Nodes of a site fetch a version together: every byte right, and from the bucket about once."""

import asyncio
import os
import socket
import threading
from pathlib import Path

import pytest

from events.messages import NeighbourLied
from events.names import Version
from tests.fakes.bucket import FakeBucket
from tests.support.exchange_site import Site, fill
from tests.support.puller_world import MODEL

MIB = 1024 * 1024
FILES = {
    "saved_model.pb": b"graph",
    "variables/variables.index": b"index" * 1000,
    "variables/variables.data-00000-of-00001": os.urandom(26 * MIB + 5),
    "assets/empty": b"",
}
SIZE = sum(map(len, FILES.values()))


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
        assert largest == len(FILES["variables/variables.data-00000-of-00001"])


async def test_liar(site: Site) -> None:
    """A neighbour whose bytes are wrong is named and left alone; the version is right all the same."""
    table = fill(site.bucket, FILES)
    async with site.node(table=table) as a, site.node(table=table) as b:
        await a.fetch()
        _spoil(a.world.layout.version(MODEL, Version(1)) / "variables/variables.data-00000-of-00001")
        fetched = await b.fetch()
        assert b.world.published() == FILES
        assert fetched.bytes_moved > 0
        (told,) = [event for event in b.events if isinstance(event, NeighbourLied)]
        assert told.neighbour == a.name


async def test_without_table(site: Site) -> None:
    """Where no manifest says pieces, wrong bytes are noticed by their whole file, which the bucket then gives."""
    fill(site.bucket, FILES)
    async with site.node() as a, site.node() as b, site.node() as c:
        await a.fetch()
        assert (await b.fetch()).bytes_from_neighbours == SIZE
        for node in (a, b):
            _spoil(node.world.layout.version(MODEL, Version(1)) / "saved_model.pb")
        fetched = await c.fetch()
        assert c.world.published() == FILES
        assert fetched.bytes_moved == len(FILES["saved_model.pb"])


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
        async with site.node(table=table) as a:
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


def _spoil(path: Path) -> None:
    """Change every byte in the middle of a file."""
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    data[0] ^= 1
    path.write_bytes(data)


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
