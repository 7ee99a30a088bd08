"""Somebody with one node's key sends masters reports of megabytes of nothing."""

import httpx
import pytest
from nats.js.errors import APIError

from events import subjects
from events.status import MAX_REPORT_BYTES
from tests.attack.cluster import NODES, Cluster
from tests.support.nats import person
from tests.support.stack import eventually

ITEM = b"{},"


def nothing(size: int) -> bytes:
    """A report that is so big, of one model's versions that say nothing."""
    head, end = b'{"models": {"m": [', b"{}]}}"
    return head + ITEM * ((size - len(head) - len(end)) // len(ITEM)) + end


async def test_no_report_beyond_the_greatest_reaches_a_master(cluster: Cluster) -> None:
    """NATS itself takes none, so no master that starts is given one."""
    async with person(cluster.nats, f"puller.{NODES[0]}") as thief:
        key = subjects.status_key(NODES[0], "puller")
        stream = thief.client.jetstream()
        with cluster.bounded(), pytest.raises(APIError, match="message size exceeds maximum allowed"):
            await stream.publish(f"$KV.{subjects.STATUS_BUCKET}.{key}", nothing(MAX_REPORT_BYTES + 4))


async def test_a_report_that_is_too_big_is_its_nodes_trouble_alone(cluster: Cluster) -> None:
    """The master says whose it is, stays small, and shows the other node as before."""
    mine, other = NODES
    async with (
        person(cluster.nats, f"puller.{mine}") as thief,
        httpx.AsyncClient(base_url=cluster.master_url, headers=cluster.signed_in(), trust_env=False) as client,
    ):

        async def shown(node: str) -> tuple[str, str]:
            reply = await client.get(f"/v1/nodes/{node}")
            row = reply.json() if reply.status_code == 200 else {"state": "", "reason": reply.text}
            return row.get("state", ""), row.get("reason", "")

        async def is_told() -> bool:
            return "the puller's report is too big" in (await shown(mine))[1]

        async def are_well() -> bool:
            return [(await shown(node))[0] for node in NODES] == ["well", "well"]

        await eventually(are_well)  # what a service sends in its first seconds would take the place of the thief's
        with cluster.bounded():
            key = subjects.status_key(mine, "puller")
            await thief.client.publish(f"$KV.{subjects.STATUS_BUCKET}.{key}", nothing(MAX_REPORT_BYTES))
            await eventually(is_told)
            assert (await shown(mine))[0] == "troubled"
            assert "too big" not in (await shown(other))[1]
            assert (await client.get("/v1/overview")).status_code == 200
