"""The API of two masters over one real NATS server and a simulated fleet: the same answers, whichever is asked."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from infra.local.fleet import FleetPlan, SimulatedFleet
from infra.local.ports import LOOPBACK
from master.api.app import create
from master.app import Master
from service import http
from service.tasks import end
from tests.support.master import running_master
from tests.support.stack import NatsServer, eventually

PLAN = FleetPlan(nodes=3, models=2)
MODEL, NODE = "model-000", "node-0001"
CHANGES, DESIRED = f"/v1/models/{MODEL}/changes", f"/v1/models/{MODEL}/desired"
PIN_6 = {"change": {"kind": "pin", "versions": [6]}}


@asynccontextmanager
async def over_http(master: Master) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a master's API on a free port of loopback."""
    listener = http.listen(LOOPBACK, 0)
    api = create(master, pages=http.pages(master.health, master.report))
    running = [asyncio.create_task(job) for job in (http.serve(api.app, listener), api.streams.run())]
    try:
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{listener.getsockname()[1]}", timeout=20) as client:
            yield client
    finally:
        await end(running)


@asynccontextmanager
async def two(server: NatsServer) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Two masters that know the whole fleet."""
    async with (
        running_master(server) as first,
        running_master(server, "master-2") as second,
        over_http(first) as one,
        over_http(second) as other,
    ):
        for client in (one, other):
            await eventually(lambda client=client: _total(client, "/v1/nodes", 3))
        yield one, other


async def _total(client: httpx.AsyncClient, path: str, total: int) -> bool:
    return bool((await client.get(path)).json()["total"] == total)


async def _serves(client: httpx.AsyncClient, version: int) -> bool:
    rows = (await client.get(f"/v1/models/{MODEL}/nodes")).json()["items"]
    return all(row["serving"] == [version] for row in rows)


async def events(
    client: httpx.AsyncClient, query: dict[str, str | int], *, count: int, last: str = ""
) -> list[tuple[str, dict[str, object]]]:
    """Follow until so many events have come; their ids, and what they say."""
    found: list[tuple[str, dict[str, object]]] = []
    headers = {"Last-Event-ID": last} if last else {}
    async with client.stream("GET", "/v1/events", params=query, headers=headers) as stream:
        name = ""
        async for line in stream.aiter_lines():
            if line.startswith("id: "):
                name = line.removeprefix("id: ")
            elif line.startswith("data: ") and name:
                found.append((name, json.loads(line.removeprefix("data: "))))
            if len(found) == count:
                break
    return found


async def test_two_masters_give_the_same_answers(nats_server: NatsServer) -> None:
    """Every view is the same, byte by byte; so a load balancer may send each request anywhere."""
    async with SimulatedFleet(nats_server.url, PLAN), two(nats_server) as (one, other):
        for path in (
            "/v1/nodes",
            f"/v1/nodes/{NODE}",
            "/v1/models",
            f"/v1/models/{MODEL}",
            f"/v1/models/{MODEL}/nodes?limit=2",
            f"/v1/models/{MODEL}/nodes/{NODE}",
            "/v1/matrix",
            DESIRED,
            "/v1/history",
        ):
            first, second = (await one.get(path)), (await other.get(path))
            assert (first.status_code, second.status_code) == (200, 200), path
            assert first.content == second.content, path


async def test_a_change_through_one_master_is_seen_and_guarded_by_the_other(nats_server: NatsServer) -> None:
    """Dry run first; then the change, which the nodes follow; an ETag from before it is refused by the other master."""
    async with SimulatedFleet(nats_server.url, PLAN), two(nats_server) as (one, other):
        before = await one.get(DESIRED)
        dry = (await other.post(CHANGES, json={**PIN_6, "dry_run": True})).json()
        assert (dry["is_dry_run"], dry["is_changed"], [line["node"] for line in dry["nodes"]]) == (
            True,
            True,
            ["node-0000", "node-0001", "node-0002"],
        )
        assert (await other.get(DESIRED)).json() == before.json()
        made = await one.post(CHANGES, json=PIN_6, headers={"If-Match": before.headers["etag"]})
        assert made.status_code == 200
        await eventually(lambda: _serves(other, 6))
        late = await other.put(DESIRED, json={}, headers={"If-Match": before.headers["etag"]})
        assert (late.status_code, f'"{late.json()["revision"]}"') == (412, made.headers["etag"])
        back = await other.put(DESIRED, json={}, headers={"If-Match": made.headers["etag"]})
        assert back.status_code == 200
        await eventually(lambda: _serves(one, 7))


async def test_a_repeated_post_is_harmless_at_either_master(nats_server: NatsServer) -> None:
    """The same key gives the first answer again, and writes nothing; for something else it is refused."""
    async with SimulatedFleet(nats_server.url, PLAN), two(nats_server) as (one, other):
        key = {"Idempotency-Key": "night-42"}
        first = await one.post(CHANGES, json=PIN_6, headers=key)
        again = await other.post(CHANGES, json=PIN_6, headers=key)
        assert first.content == again.content
        assert (await other.get(DESIRED)).headers["etag"] == first.headers["etag"]
        otherwise = await other.post(CHANGES, json={"change": {"kind": "pause"}}, headers=key)
        assert (otherwise.status_code, otherwise.json()["type"]) == (422, "urn:model-manager:problem:refused")


async def test_commands_gather_every_nodes_answer_and_go_on_record(nats_server: NatsServer) -> None:
    """All nodes, or the named ones; the history names who asked."""
    async with SimulatedFleet(nats_server.url, PLAN), two(nats_server) as (one, other):
        everywhere = (await one.post("/v1/commands/reload")).json()
        assert [answer["node"] for answer in everywhere["answers"]] == ["node-0000", "node-0001", "node-0002"]
        assert everywhere["unanswered"] == []
        named = (await other.post("/v1/commands/sync", json={"model": MODEL, "nodes": [NODE]})).json()
        assert [answer["node"] for answer in named["answers"]] == [NODE]
        sent = "/v1/history?kind=command.sent"
        await eventually(lambda: _recorded(one, sent, ["sync", "reload"]))
        entries = (await other.get(sent)).json()["entries"]
        assert [entry["data"]["actor"] for entry in entries] == ["local", "local"]


async def _recorded(client: httpx.AsyncClient, path: str, commands: list[str]) -> bool:
    entries = (await client.get(path)).json()["entries"]
    return [entry["data"]["command"] for entry in entries] == commands


async def test_a_stream_goes_on_at_the_other_master(nats_server: NatsServer) -> None:
    """What one master gave an id for, the other goes on behind: nothing is missed or seen twice."""
    async with SimulatedFleet(nats_server.url, PLAN), two(nats_server) as (one, other):
        for kind in ("pause", "resume", "pause"):
            await one.post(CHANGES, json={"change": {"kind": kind}})
        query: dict[str, str | int] = {"model": MODEL, "kind": "change.made"}
        whole = await events(one, {**query, "after": 0}, count=3)
        assert [entry["data"]["command"] for _, entry in whole] == ["pause", "resume", "pause"]  # type: ignore[index]
        assert await events(other, query, count=2, last=whole[0][0]) == whole[1:]
        listed = (await other.get("/v1/history", params=query)).json()["entries"]
        assert [entry for _, entry in reversed(whole)] == listed


async def test_without_nats_reads_go_on_and_changes_say_why_they_cannot(nats_server: NatsServer) -> None:
    """The view is marked stale, its stream says so, nothing is changed; and when NATS is back all goes on."""
    async with SimulatedFleet(nats_server.url, PLAN), running_master(nats_server) as master, over_http(master) as api:
        await eventually(lambda: _total(api, "/v1/nodes", 3))
        seen = (await api.get("/v1/models")).content
        async with api.stream("GET", "/v1/events") as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            await asyncio.to_thread(nats_server.child.kill)
            await eventually(lambda: master.freshness().is_stale)
            async for line in lines:
                if line == "event: stale":
                    break
        answer = await api.get("/v1/models")
        assert (answer.content, "mm-stale-since" in answer.headers) == (seen, True)
        assert (await api.get(DESIRED)).status_code == 200
        for failed in (
            await api.post(CHANGES, json=PIN_6),
            await api.post("/v1/commands/reload"),
            await api.get("/v1/history"),
        ):
            assert (failed.status_code, failed.json()["type"]) == (503, "urn:model-manager:problem:away")
            assert failed.headers["retry-after"]
        await asyncio.to_thread(nats_server.child.start)
        await eventually(lambda: not master.freshness().is_stale)
        assert (await api.post(CHANGES, json=PIN_6)).status_code == 200


async def test_a_stopping_master_ends_its_streams_at_once(nats_server: NatsServer) -> None:
    """The client is told, and comes back to another master; the server does not wait for it."""
    async with running_master(nats_server) as master:
        listener = http.listen(LOOPBACK, 0)
        api = create(master, pages=http.pages(master.health, master.report))
        running = [asyncio.create_task(job) for job in (http.serve(api.app, listener), api.streams.run())]
        url = f"http://{LOOPBACK}:{listener.getsockname()[1]}/v1/events"
        async with httpx.AsyncClient(timeout=20) as client, client.stream("GET", url) as stream:
            lines = stream.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            stopping = asyncio.create_task(end(running))
            rest = [line async for line in lines]
            await stopping
    assert "event: end" in rest
