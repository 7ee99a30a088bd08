"""The master's view over a real NATS server: joins, losses, two masters, NATS away and back."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from events.changes import Pin
from events.names import ModelName, NodeName, Version
from infra.local.client import nats_client
from infra.local.fleet import FleetPlan, SimulatedFleet
from master.app import Master
from master.desired.change_requests import ChangeRequest
from master.fleet import compare
from master.fleet.views import CellState, NodeState
from tests.support.master import running_master
from tests.support.stack import NatsServer, eventually

BEAT_SECONDS = 0.4
HEARTBEAT_SECONDS = 1.0
PLAN = FleetPlan(nodes=3, models=4, beat_seconds=BEAT_SECONDS)
NODE = NodeName("node-0001")


def all_well(master: Master, nodes: int = 3) -> Callable[[], bool]:
    return lambda: master.fleet.overview(master.freshness()).nodes[NodeState.WELL] == nodes


def served(master: Master) -> int:
    """Count the models that are served as desired, on all nodes."""
    cells = master.fleet.overview(master.freshness()).cells
    return sum(tally.count for tally in cells if tally.state is CellState.SERVING)


def seen(master: Master) -> list[str]:
    """All that a master shows, but for how fresh it is."""
    fleet = master.fleet
    return [
        fleet.nodes().model_dump_json(),
        fleet.models().model_dump_json(),
        *(fleet.node(name).model_dump_json() for name in fleet.node_names),
        *(fleet.model(name).model_dump_json() for name in sorted(fleet.fleet_state.models)),
        *fleet.overview(master.freshness()).sentences,
    ]


async def test_two_masters_show_the_same(nats_server: NatsServer) -> None:
    """One that heard everything as it came and one that started late agree on all of it, losses too."""
    async with (
        running_master(nats_server, grace_seconds=HEARTBEAT_SECONDS) as first,
        SimulatedFleet(nats_server.url, PLAN) as fleet,
    ):
        await eventually(all_well(first))
        model = next(iter(fleet.nodes[NODE].models))
        await fleet.set(NODE, model, replace(fleet.nodes[NODE].models[model], failed=(Version(8), "reset")))
        fleet.nodes[NodeName("node-0002")].is_dead = True
        await eventually(lambda: first.fleet.node(NodeName("node-0002")).state is NodeState.LOST)
        await eventually(lambda: first.fleet.cell(model, NODE).state is CellState.HELD_BACK)
        async with running_master(nats_server, "master-2", grace_seconds=HEARTBEAT_SECONDS) as second:
            await eventually(lambda: seen(first) == seen(second))
            assert len(second.fleet.overview(second.freshness()).sentences) == 2


async def test_a_loss_is_seen_within_a_heartbeat_and_a_second(nats_server: NatsServer) -> None:
    """And the node's return at once; between them it is shown, with the time since when it is lost."""
    async with (
        SimulatedFleet(nats_server.url, PLAN) as fleet,
        running_master(nats_server, grace_seconds=HEARTBEAT_SECONDS) as master,
    ):
        await eventually(all_well(master))
        died = time.time()
        fleet.nodes[NODE].is_dead = True
        await eventually(lambda: master.fleet.node(NODE).state is NodeState.LOST, seconds=HEARTBEAT_SECONDS + 5)
        shown = master.fleet.node(NODE)
        # It is NATS's own time of the last sign of life, so a busy machine does not blur it.
        assert shown.since.timestamp() - died <= HEARTBEAT_SECONDS + 1.0
        assert {row.state for row in shown.models} == {CellState.LOST}
        fleet.nodes[NODE].is_dead = False
        await eventually(all_well(master))


async def test_nats_away_shows_the_last_known_and_its_age(nats_server: NatsServer) -> None:
    """Reads go on from memory, marked stale; when NATS is back nothing is lost, and nobody seems lost for a moment."""
    async with (
        running_master(nats_server, grace_seconds=5.0) as master,
        SimulatedFleet(nats_server.url, PLAN),
    ):
        await eventually(lambda: served(master) == PLAN.nodes * PLAN.models)
        await asyncio.to_thread(nats_server.child.kill)
        await eventually(lambda: master.freshness().is_stale)
        assert master.freshness().reason
        known = seen(master)
        await asyncio.sleep(HEARTBEAT_SECONDS * 1.5)
        assert seen(master) == known
        assert served(master) == PLAN.nodes * PLAN.models
        worst: list[int] = []
        watching = asyncio.create_task(_watch(master, worst))
        await asyncio.to_thread(nats_server.child.start)
        await eventually(lambda: not master.freshness().is_stale)
        await eventually(all_well(master))
        watching.cancel()
        assert max(worst) == 0
        assert master.freshness().age_seconds == 0


async def _watch(master: Master, worst: list[int]) -> None:
    """Note how many nodes seem lost, all the time."""
    while True:
        worst.append(master.fleet.overview(master.freshness()).nodes[NodeState.LOST])
        await asyncio.sleep(0.01)


async def test_forgetting_a_lost_node_holds_for_all_masters(nats_server: NatsServer) -> None:
    """A node that is there cannot be forgotten; a lost one is gone everywhere, and for masters to come."""
    async with SimulatedFleet(nats_server.url, PLAN) as fleet:
        async with (
            running_master(nats_server, grace_seconds=HEARTBEAT_SECONDS) as first,
            running_master(nats_server, "master-2", grace_seconds=HEARTBEAT_SECONDS) as second,
        ):
            await eventually(all_well(first))
            fleet.nodes[NODE].is_dead = True
            await eventually(lambda: first.fleet.node(NODE).state is NodeState.LOST)
            await first.forget(NODE, actor="tester")
            await eventually(lambda: NODE not in second.fleet.node_names)
            assert NODE not in first.fleet.node_names
        async with running_master(nats_server) as third:
            assert third.fleet.node_names == (NodeName("node-0000"), NodeName("node-0002"))


async def test_a_forgotten_nodes_own_policies_go_with_it(nats_server: NatsServer) -> None:
    """They are named and on record; until then the view says that nobody follows them."""
    async with (
        SimulatedFleet(nats_server.url, PLAN) as fleet,
        running_master(nats_server, grace_seconds=HEARTBEAT_SECONDS) as master,
    ):
        await eventually(all_well(master))
        model, change = ModelName("model-000"), Pin(versions=(Version(6),))
        await master.changes.follow(ChangeRequest(actor="ann", model=model, change=change, nodes=(NODE,)))
        await eventually(lambda: bool(master.fleet.fleet_state.models[model].stored.document.nodes))
        fleet.nodes[NODE].is_dead = True
        await eventually(lambda: master.fleet.node(NODE).state is NodeState.LOST)
        (sentence,) = compare.orphans(master.fleet.fleet_state)
        assert sentence.startswith(
            f"Model {model} has a policy for node {NODE} alone, which is lost: pinned to version 6."
        )
        later = datetime.now(UTC) + timedelta(days=3)
        await master.forgetting.forget_old(days=0, now=later)
        await master.forgetting.forget_old(days=7, now=later)
        assert NODE in master.fleet.node_names
        assert await master.forget(NODE, actor="ann") == (f"model {model}: pinned to version 6 on {NODE}",)
        assert (await master.documents.read(model)).document.nodes == {}
        made = (await master.documents.changes(model))[-1]
        assert (made.actor, made.command) == ("ann", "forget")
        assert f"the policy of forgotten node {NODE} was dropped: pinned to version 6" in made.summary


async def test_lost_nodes_go_by_themselves_where_that_is_set(nats_server: NatsServer) -> None:
    """After so many days, and no others."""
    async with (
        SimulatedFleet(nats_server.url, PLAN) as fleet,
        running_master(nats_server, grace_seconds=HEARTBEAT_SECONDS) as master,
    ):
        await eventually(all_well(master))
        fleet.nodes[NODE].is_dead = True
        await eventually(lambda: master.fleet.node(NODE).state is NodeState.LOST)
        await master.forgetting.forget_old(days=7, now=datetime.now(UTC) + timedelta(days=8))
        assert master.fleet.node_names == (NodeName("node-0000"), NodeName("node-0002"))


async def test_rubbish_in_the_buckets_does_no_harm(nats_server: NatsServer) -> None:
    """Entries of nobody are passed over, a node's that cannot be read are its trouble; all others are shown."""
    fleet_names = tuple(NodeName(f"node-000{number}") for number in range(3))
    async with SimulatedFleet(nats_server.url, PLAN), nats_client(nats_server.url) as client:
        bucket = await client.jetstream().key_value("mm_status")
        for key, data in (("node-0001.puller", b"{"), ("x", b"{}"), ("a.b.c", b"[]"), ("node-0009.puller", b"7")):
            await bucket.put(key, data)
        async with running_master(nats_server) as master:
            assert master.fleet.node_names == (*fleet_names, NodeName("node-0009"))
            assert master.fleet.node(NODE).services[0].service == "configurator"
