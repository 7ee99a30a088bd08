"""A master and a JetStream that is not as it has to be: off, or with limits of somebody else's making."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.js.api import KeyValueConfig
from pydantic import SecretStr

from events import changes, subjects
from events.commands import Status
from events.names import Version
from infra.local import parts
from infra.local.fleet import FleetPlan, SimulatedFleet
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from master.commands.node_http import NodeHttpClient
from master.commands.poll import Poll
from master.desired.change_requests import ChangeRequest
from master.fleet.views import NodeState
from service import jetstream
from service.errors import Transient
from tests.support.fleet import MODEL
from tests.support.master import order, running_master
from tests.support.stack import NatsServer, eventually

PIN = changes.Pin(versions=(Version(3),))


def server_in(supervisor: Supervisor, folder: Path) -> NatsServer:
    port = supervisor.ports.reserve()
    return NatsServer(
        f"nats://{LOOPBACK}:{port}", supervisor.start(parts.nats(folder, port, supervisor.ports.reserve()))
    )


async def test_a_jetstream_that_goes_makes_the_view_stale(supervisor: Supervisor) -> None:
    """NATS is connected all the time: the reason is said in words, to whoever looks and to whoever wants a change."""
    folder = supervisor.new_folder("nats")
    server = server_in(supervisor, folder)
    async with running_master(server, patience_seconds=60) as master:
        config = folder / "nats.conf"
        whole = config.read_text()
        await asyncio.to_thread(server.child.kill)
        config.write_text(re.sub(r"(?m)^jetstream .*$", "", whole))
        await asyncio.to_thread(server.child.start)
        await eventually(lambda: "JetStream does not" in master.freshness().reason, seconds=60)
        assert master.bus.connection.is_connected
        with pytest.raises(Transient, match="NATS answers, JetStream does not"):
            await master.changes.follow(ChangeRequest(actor="t", model=MODEL, change=PIN))
        assert any("JetStream does not" in warning for warning in master.report().warnings)
        await asyncio.to_thread(server.child.kill)
        config.write_text(whole)
        await asyncio.to_thread(server.child.start)
        await eventually(master.hears, seconds=60)


async def test_a_bucket_in_which_pins_evaporate_is_told(nats_server: NatsServer, nats_connection: Client) -> None:
    """Whoever made it: the field, what it does, and what puts it right stand in the view."""
    bucket = KeyValueConfig(bucket=subjects.DESIRED_BUCKET, history=1, ttl=3600.0)
    await nats_connection.jetstream().create_key_value(bucket)
    async with running_master(nats_server) as master:
        await eventually(lambda: bool(master.fleet.warnings), seconds=60)
        told = " ".join(master.fleet.overview(master.freshness()).sentences)
        assert "KV_mm_desired in NATS has max_age 3600 and not none" in told
        assert "max_msgs_per_subject 1 and not 32" in told
        assert "infra.nats.streams" in told


async def test_a_document_that_is_gone_unasked_is_told(nats_server: NatsServer, nats_connection: Client) -> None:
    """A pin that a limit of the stream took away holds on the nodes, and the view says that NATS has lost it."""
    async with running_master(nats_server) as master:
        await order(master, PIN)
        await eventually(lambda: MODEL in master.fleet.fleet_state.models)
        stream = nats_connection.jetstream()
        await jetstream.bucket(stream, subjects.DESIRED_BUCKET)
        key = f"$KV.{subjects.DESIRED_BUCKET}.{subjects.desired_key(MODEL)}"
        await stream.purge_stream(f"KV_{subjects.DESIRED_BUCKET}", subject=key)
        await eventually(lambda: "gone from NATS" in " ".join(master.report().warnings), seconds=60)
        await order(master, PIN)
        await eventually(lambda: not master.report().warnings, seconds=60)


async def test_without_jetstream_nodes_are_asked_over_nats_and_not_taken_for_lost(nats_server: NatsServer) -> None:
    """Their HTTP ports are on loopback by default, where a master elsewhere gets no answer."""
    plan = FleetPlan(nodes=2, models=1)
    async with SimulatedFleet(nats_server.url, plan) as fleet:
        for node in fleet.nodes.values():
            node.http = dict.fromkeys(("puller", "configurator"), f"{LOOPBACK}:9")  # discard: nobody listens
        await fleet.report(list(fleet.nodes.values()))
        async with running_master(nats_server) as master:
            poll = Poll(
                master.fleet,
                master.dispatcher,
                NodeHttpClient(SecretStr("")),
                master.watcher,
                hears=lambda: False,
                is_connected=lambda: True,
                clock=lambda: datetime(2100, 1, 1, tzinfo=UTC),
            )
            await poll.one_pass()
            assert {command for node in fleet.nodes.values() for _, command, _ in node.commands} == {Status.name}
            assert not master.fleet.overview(master.freshness()).nodes.get(NodeState.LOST)
