"""Somebody without any token opens connections and asks nothing, at every HTTP port there is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from infra.local.ports import LOOPBACK
from service.connections import HEAD_SECONDS, MAX_CONNECTIONS, MAX_CONNECTIONS_EACH, raise_file_limit
from tests.attack.cluster import Cluster, open_files

FLOOD = 1300
WAIT_SECONDS = HEAD_SECONDS * 3
OTHER_FILES = 200  # what a service has open beside connections, and more
HALF_A_HEAD = b"GET /livez HTTP/1.1\r\nHost: x"


@pytest.mark.parametrize(
    ("service", "addresses", "most"),
    [
        ("puller", 1, MAX_CONNECTIONS_EACH),
        ("configurator", 1, MAX_CONNECTIONS_EACH),
        ("master", 1, MAX_CONNECTIONS_EACH),
        ("puller", 13, MAX_CONNECTIONS),
    ],
)
async def test_idle_connections_take_nobody_his_turn(cluster: Cluster, service: str, addresses: int, most: int) -> None:
    """With 1,300 of them open `/livez` answers, and the service has files left."""
    raise_file_limit()  # this process's, which has the other ends
    port, child = cluster.ports[service], cluster.children[service]
    page = f"http://{LOOPBACK}:{port}/livez"
    with cluster.bounded():
        async with flood(port, addresses=addresses), httpx.AsyncClient(trust_env=False, timeout=10) as client:
            for _ in range(5):
                assert (await client.get(page)).status_code == 200
                assert open_files(child) < most + OTHER_FILES


async def test_half_a_head_is_not_waited_for(cluster: Cluster) -> None:
    """Whatever it says, and though a byte comes now and then, the connection ends by itself."""

    async def until_closed(port: int) -> bytes:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        with contextlib.closing(writer):
            writer.write(HALF_A_HEAD)
            read = asyncio.ensure_future(reader.read())
            while not (await asyncio.wait({read}, timeout=1))[0]:
                writer.write(b"x")
            return read.result()

    async with asyncio.timeout(WAIT_SECONDS):
        assert await asyncio.gather(*map(until_closed, cluster.ports.values())) == [b""] * 3


@contextlib.asynccontextmanager
async def flood(port: int, *, addresses: int) -> AsyncIterator[None]:
    """Open connections from some addresses of this host, send half a head on every second one, and keep them."""
    writers = []
    try:
        for number in range(FLOOD):
            source = (f"127.0.1.{number % addresses + 1}", 0)
            _, writer = await asyncio.open_connection(LOOPBACK, port, local_addr=source)
            if number % 2:
                writer.write(HALF_A_HEAD)
            writers.append(writer)
        yield
    finally:
        for writer in writers:
            writer.transport.abort()
