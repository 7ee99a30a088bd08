"""Somebody with a viewer's token asks for what is far back in a long history, again and again."""

import asyncio
import time
from datetime import UTC, datetime

import httpx
import pytest

from events import cloudevents, subjects
from events.messages import VersionPublished
from events.names import ModelName, Version
from tests.attack.cluster import NODES, Cluster
from tests.support.nats import person

EVENTS = 100_000
MODEL = ModelName("m")
SECONDS_EACH = 10.0  # on a machine that is shared; a second is usual
AT_ONCE = 8


@pytest.fixture(scope="module")
def history(cluster: Cluster) -> None:
    """Fill the history with events of one model by a node's key."""
    asyncio.run(fill(cluster))


async def fill(cluster: Cluster) -> None:
    subject = subjects.event(NODES[0], "puller", VersionPublished.type, (MODEL, Version(1)))
    event = VersionPublished(model=MODEL, version=Version(1), files=1, bytes=1)
    source = cloudevents.Source(node=NODES[0], service="puller")
    data = cloudevents.render(event, source=source, event_id="x", time=datetime.now(UTC))
    async with person(cluster.nats, f"puller.{NODES[0]}") as node:
        for number in range(EVENTS):
            await node.client.publish(subject, data)
            if number % 1000 == 0:
                await node.client.flush(timeout=30)
        await node.client.flush(timeout=30)


@pytest.mark.parametrize("path", ["/v1/history?kind=node.none", "/v1/history?version=99", "/v1/models/m/versions/99"])
async def test_a_long_history_is_looked_through_in_parts(cluster: Cluster, history: None, path: str) -> None:
    """What finds nothing ends, says how far it came, and meanwhile the master answers everybody else."""
    async with httpx.AsyncClient(base_url=cluster.master_url, trust_env=False, timeout=60) as client:
        with cluster.bounded():
            asking = [asyncio.create_task(timed(client, path, cluster.signed_in())) for _ in range(AT_ONCE)]
            while not all(task.done() for task in asking):
                started = time.monotonic()
                assert (await client.get("/livez")).status_code == 200
                assert time.monotonic() - started < SECONDS_EACH / 2
                await asyncio.sleep(0.2)
            for task in asking:
                seconds, reply = task.result()
                assert reply.status_code == 200, reply.text
                assert seconds < SECONDS_EACH * AT_ONCE / 2


async def timed(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> tuple[float, httpx.Response]:
    started = time.monotonic()
    reply = await client.get(path, headers=headers)
    return time.monotonic() - started, reply
