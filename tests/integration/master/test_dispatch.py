"""Commands to the nodes: all answers are gathered, over NATS or round it, and who said nothing is named."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr

from events import subjects
from events.commands import Answer, Command, Reload, Status, Sync
from events.messages import CommandSent
from events.names import ModelName, NodeName
from events.status import Connection, Disk, Pass, PullerReport, Report
from infra.local.client import nats_client
from infra.local.fleet import FleetPlan, SimulatedFleet
from master.answers import Entry
from master.app import Master
from master.commands.node_http import NodeHttpClient
from master.commands.poll import Poll
from master.errors import NotFound
from master.fleet.views import NodeState
from master.history.event_stream import Filter
from service import http
from service.commands import Commands
from service.health import Health
from tests.support.fleet import START
from tests.support.master import running_master
from tests.support.stack import NatsServer, eventually

PLAN = FleetPlan(nodes=4, models=2)
NAMES = tuple(NodeName(f"node-000{number}") for number in range(4))


@asynccontextmanager
async def node_port(name: NodeName, followed: list[str]) -> AsyncIterator[str]:
    """A puller's own HTTP port; its address."""

    async def sync(request: Command) -> tuple[str, ...]:
        followed.append(request.id)
        return ("looked, asked over HTTP",)

    connection = Connection(is_connected=False, since=START, reason="NATS is away")
    head = Report(
        node=name,
        service="puller",
        software="1",
        started=START,
        reported=START,
        is_ready=True,
        last_pass=Pass(),
        nats=connection,
        http="",
    )

    def report() -> Report:
        return PullerReport(
            **{**dict(head), "http": address},
            bucket=connection,
            pubsub=connection,
            disk=Disk(total=1, free=1, reserve=1),
        )

    listener = http.listen("127.0.0.1", 0)
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    app = http.create_app(Health(), report=report, commands=Commands(name, "puller", {Sync: sync}), token=SecretStr(""))
    serving = asyncio.create_task(http.serve(app, listener))
    try:
        yield address
    finally:
        serving.cancel()
        await asyncio.wait([serving])


def names(answers: tuple[Answer, ...]) -> list[str]:
    return [answer.node for answer in answers]


async def test_all_nodes_answer(nats_server: NatsServer) -> None:
    """The wait ends with the last answer, not with the deadline; the command is on record."""
    async with SimulatedFleet(nats_server.url, PLAN), running_master(nats_server, command_seconds=60) as master:
        gathered = await master.ask("puller", Sync(actor="tester", model=ModelName("m")))
        assert names(gathered.answers) == list(NAMES)
        assert gathered.unanswered == ()
        entry = await _newest(master)
        assert (entry.kind, entry.model, entry.data["actor"]) == (CommandSent.type, "m", "tester")


async def _newest(master: Master) -> Entry:
    async def is_there() -> bool:
        return bool((await master.history.page(Filter())).entries)

    await eventually(is_there)
    return (await master.history.page(Filter())).entries[0]


async def test_only_the_named_nodes_hear_of_it(nats_server: NatsServer) -> None:
    """A command to some nodes reaches no other one, however many they are."""
    async with SimulatedFleet(nats_server.url, PLAN) as fleet, running_master(nats_server) as master:
        gathered = await master.ask("configurator", Reload(), nodes=NAMES[:3])
        assert names(gathered.answers) == list(NAMES[:3])
        assert [bool(fleet.nodes[name].commands) for name in NAMES] == [True, True, True, False]
        with pytest.raises(NotFound, match="no node nobody"):
            await master.ask("puller", Sync(), nodes=[NodeName("nobody")])


async def test_who_says_nothing_is_named(nats_server: NatsServer) -> None:
    """The answers of the others are there all the same."""
    async with (
        SimulatedFleet(nats_server.url, PLAN) as fleet,
        running_master(nats_server, command_seconds=0.5) as master,
    ):
        fleet.nodes[NAMES[1]].is_deaf = True
        gathered = await master.ask("puller", Sync())
        assert gathered.unanswered == (NAMES[1],)
        assert len(gathered.answers) == 3


async def test_a_deaf_node_is_asked_on_its_port(nats_server: NatsServer) -> None:
    """With the same id, so that a node that heard both does it once."""
    followed: list[str] = []
    async with node_port(NAMES[1], followed) as address, SimulatedFleet(nats_server.url, PLAN) as fleet:
        fleet.nodes[NAMES[1]].is_deaf = True
        fleet.nodes[NAMES[1]].http = {"puller": address}
        await fleet.report([fleet.nodes[NAMES[1]]])
        async with running_master(nats_server, command_seconds=2) as master:
            gathered = await master.ask("puller", Sync(id="once"))
            assert gathered.unanswered == ()
            assert gathered.answers[1].sentences == ("looked, asked over HTTP",)
            assert followed == ["once"]


async def test_with_nats_away_the_ports_are_asked(nats_server: NatsServer) -> None:
    """A command and the periodic poll go on; the view says whom it reached."""
    followed: list[str] = []
    async with node_port(NAMES[0], followed) as address, SimulatedFleet(nats_server.url, PLAN) as fleet:
        fleet.nodes[NAMES[0]].http = {"puller": address}
        await fleet.report([fleet.nodes[NAMES[0]]])
        async with running_master(nats_server, command_seconds=2) as master:
            await asyncio.to_thread(nats_server.child.kill)
            await eventually(lambda: not master.hears())
            gathered = await master.ask("puller", Sync())
            assert (names(gathered.answers), len(gathered.unanswered)) == ([NAMES[0]], 3)
            poll = Poll(
                master.fleet,
                master.dispatcher,
                NodeHttpClient(SecretStr("")),
                master.watcher,
                hears=master.hears,
                is_connected=lambda: False,
                clock=lambda: START.replace(year=2100),
            )
            outcome = await poll.one_pass()
            assert outcome.again_in_seconds is not None
            assert "does not reach nats: NATS is away" in master.fleet.node(NAMES[0]).reason
        await asyncio.to_thread(nats_server.child.start)


async def test_a_node_whose_address_is_anothers_stays_lost(nats_server: NatsServer) -> None:
    """The periodic look takes nobody's life from another's answer, and no command reaches the other."""
    followed: list[str] = []
    async with node_port(NodeName("renamed"), followed) as address, SimulatedFleet(nats_server.url, PLAN) as fleet:
        fleet.nodes[NAMES[0]].http = {"puller": address}
        await fleet.report([fleet.nodes[NAMES[0]]])
        async with running_master(nats_server, command_seconds=2) as master:
            fleet.nodes[NAMES[0]].is_dead = True
            poll = Poll(
                master.fleet,
                master.dispatcher,
                NodeHttpClient(SecretStr("")),
                master.watcher,
                hears=lambda: False,
                is_connected=lambda: False,
                clock=lambda: START,
            )

            async def is_told() -> bool:  # a last sign of life may still be on its way
                for service in ("puller", "configurator"):
                    master.fleet.fleet_state.silent(NAMES[0], service, START)
                await poll.one_pass()
                shown = master.fleet.node(NAMES[0])
                words = f"renamed's puller answers at its last address {address}"
                return shown.state is NodeState.LOST and words in shown.reason

            await eventually(is_told)
            gathered = await master.ask("puller", Sync(), nodes=NAMES[:1])
            assert (gathered.unanswered, followed) == (NAMES[:1], [])


async def test_an_overdue_service_is_asked_over_nats(nats_server: NatsServer) -> None:
    """The poll asks those that should have reported long ago, and only those that do not answer on their ports."""
    async with SimulatedFleet(nats_server.url, PLAN) as fleet, running_master(nats_server) as master:
        poll = Poll(
            master.fleet,
            master.dispatcher,
            NodeHttpClient(SecretStr("")),
            master.watcher,
            hears=master.hears,
            is_connected=master.hears,
            clock=lambda: START.replace(year=2100),
        )
        await poll.one_pass()
        assert {command for node in fleet.nodes.values() for _, command, _ in node.commands} == {Status.name}


async def test_the_cluster_answers_people_with_the_nats_tool(nats_server: NatsServer) -> None:
    """One of two masters answers, changes and reads alike; what is not understood is refused with the reason."""
    async with (
        SimulatedFleet(nats_server.url, PLAN),
        running_master(nats_server),
        running_master(nats_server, "master-2"),
        nats_client(nats_server.url) as client,
    ):

        async def ask(command: str, body: bytes = b"{}") -> Answer:
            reply = await client.request(subjects.cluster_command(command), body, timeout=5)
            return Answer.model_validate_json(reply.data)

        pinned = await ask("pin", b'{"model": "model-000", "versions": [6], "actor": "ann"}')
        assert pinned.is_done
        assert pinned.sentences[0].startswith("model model-000 on all nodes: pinned to version 6. Revision 0 -> ")
        assert len(pinned.sentences) == 5
        foretold = await ask("rollback", b'{"model": "model-001", "dry_run": true, "nodes": ["node-0001"]}')
        (sentence,) = foretold.sentences[1:]
        assert sentence.startswith("node-0001: Serves version 6. Unloads version 7 once version 6 is served. Clients")
        assert (await ask("status")).sentences[0] == "Nodes: 0 lost, 0 troubled, 4 well."
        assert (await ask("explain", b'{"model": "model-000"}')).sentences[0] == "Desired: pinned to version 6."
        assert len((await ask("sync", b'{"model": "model-000"}')).sentences) == 4
        assert (await ask("reload", b'{"nodes": ["node-0002"]}')).sentences == ("node-0002: reload was followed",)
        assert "extra" in (await ask("pause", b'{"model": "model-000", "extra": 1}')).error
        assert "no node nobody" in (await ask("pause", b'{"model": "m", "nodes": ["nobody"]}')).error

        async def is_on_record() -> bool:
            """One of the two writes the record; it may have been slower than the other, who then waits a second."""
            history = await ask("history", b'{"model": "model-000"}')
            return any("ann over NATS changed model model-000" in sentence for sentence in history.sentences)

        await eventually(is_on_record)
