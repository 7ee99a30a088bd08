"""Somebody with one node's key sends masters a report of seven megabytes of nothing."""

import httpx

from events import subjects
from tests.attack.cluster import NODES, Cluster
from tests.support.nats import person
from tests.support.stack import eventually

SIZE = 7_000_000


async def test_a_report_that_is_too_big_is_its_nodes_trouble_alone(cluster: Cluster) -> None:
    """The master says whose it is, stays small, and shows the other node as before."""
    mine, other = NODES
    report = b'{"models": {"m": [' + b"{}," * (SIZE // 3) + b"{}]}}"
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

        with cluster.bounded():
            key = subjects.status_key(mine, "puller")
            await thief.client.publish(f"$KV.{subjects.STATUS_BUCKET}.{key}", report)
            await eventually(is_told)
            assert (await shown(mine))[0] == "troubled"
            assert "too big" not in (await shown(other))[1]
            assert (await client.get("/v1/overview")).status_code == 200
