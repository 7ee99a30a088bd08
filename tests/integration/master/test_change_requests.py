"""Changes of desired state over a real NATS server: written once, never over somebody else's, always on record."""

import asyncio
import json

import pytest

from events import changes as wire
from events import cloudevents, desired, messages, subjects
from events.desired import Desired, Latest, Pinned, Policy
from events.messages import ChangeMade
from events.names import NodeName
from infra.local.client import nats_client
from infra.local.fleet import FleetPlan, SimulatedFleet
from master.answers import Entry
from master.app import Master
from master.desired.change_requests import ChangeRequest
from master.desired.idempotency import Remembered, Requests, Step
from master.errors import Conflict, Refused
from master.fleet.stored import Stored
from master.history.event_stream import Filter
from service import jetstream
from service.errors import Transient
from tests.support.fleet import MODEL, versions
from tests.support.master import order, running_master
from tests.support.stack import NatsServer, eventually

V5, V6, V7 = versions(5, 6, 7)
PIN = wire.Pin(versions=(V6,))


async def record(master: Master) -> tuple[Entry, ...]:
    """The changes on record, newest first."""
    return (await master.history.page(Filter(kind=ChangeMade.type))).entries


async def recorded(master: Master, count: int) -> tuple[Entry, ...]:
    async def is_there() -> bool:
        return len(await record(master)) >= count

    await eventually(is_there)
    return await record(master)


async def test_a_change_is_written_and_on_record_once(nats_server: NatsServer) -> None:
    """Both masters see the document, and the history names who did what, once, though each master keeps the record."""
    async with running_master(nats_server) as first, running_master(nats_server, "master-2") as second:
        made = await order(first, PIN)
        assert (made.is_changed, made.revision_before) == (True, 0)
        await eventually(lambda: MODEL in second.fleet.fleet_state.models)
        assert second.fleet.fleet_state.models[MODEL].stored.revision == made.revision_after
        unmade = await order(second, wire.Unpin())
        assert unmade.revision_before == made.revision_after
        entries = await recorded(first, 2)
        all_nodes = "tester changed model m on all nodes"
        assert [entry.sentence for entry in entries] == [
            f"{all_nodes}: follows the newest version; before: pinned to version 6; nothing served",
            f"{all_nodes}: pinned to version 6; before: the newest version; nothing served",
        ]
        assert entries[1].data["request"] == made.request
        assert await record(second) == entries


async def test_what_changes_nothing_is_not_written(nats_server: NatsServer) -> None:
    """The same change twice is one revision."""
    async with running_master(nats_server) as master:
        made = await order(master, PIN)
        again = await order(master, PIN)
        assert (again.is_changed, again.revision_after) == (False, made.revision_after)


async def test_two_operators_do_not_overwrite_each_other(nats_server: NatsServer) -> None:
    """Who looked at an older revision is refused; changes of different things both come through."""
    async with running_master(nats_server) as first, running_master(nats_server, "master-2") as second:
        seen = (await first.documents.read(MODEL)).revision
        made = await order(second, PIN)
        with pytest.raises(Conflict, match="changed by somebody else") as caught:
            await order(first, wire.Pause(), if_revision=seen)
        assert caught.value.revision == made.revision_after
        labels = [wire.SetLabel(label=f"l{number}", version=V5) for number in range(4)]
        masters = (first, second, first, second)
        await asyncio.gather(*(order(one, label) for one, label in zip(masters, labels, strict=True)))
        policy = (await first.documents.read(MODEL)).document.policy
        assert policy == Policy(want=Pinned(versions=(V6,)), labels={f"l{number}": V5 for number in range(4)})


async def test_a_write_over_another_revision_is_refused_by_nats_itself(nats_server: NatsServer) -> None:
    """The check is not a look beforehand: of two writes over the same revision one fails."""
    async with running_master(nats_server) as master:
        await order(master, PIN)
        change = ChangeMade(model=MODEL, actor="a", command="put", summary="", revision_before=0, revision=0)
        with pytest.raises(Conflict):
            await master.documents.write(Desired(), change)


async def test_a_key_makes_a_repeated_request_harmless(nats_server: NatsServer) -> None:
    """The same answer comes from any master, nothing is done twice, and the key cannot be used for something else."""
    async with running_master(nats_server) as first, running_master(nats_server, "master-2") as second:
        made = await order(first, PIN, key="k1")
        await order(first, wire.Unpin())
        assert await order(second, PIN, key="k1") == made
        assert (await first.documents.read(MODEL)).document.policy.want == Latest()
        with pytest.raises(Refused, match="used for another request"):
            await order(second, wire.Pause(), key="k1")
        twice = await asyncio.gather(*(order(one, wire.Retry(version=V7), key="k2") for one in (first, second)))
        assert twice[0].request == twice[1].request
        assert len(await recorded(first, 3)) == 3


async def test_a_master_that_died_in_the_middle_loses_nothing(nats_server: NatsServer) -> None:
    """Whether it died before or after the write: the repeated request ends in one change, and it is on record."""
    async with running_master(nats_server) as master:
        asked = ChangeRequest(actor="tester", model=MODEL, change=PIN, key="k")
        begun = Remembered(fingerprint=asked.fingerprint, steps=(Step(change=PIN),))
        await Requests(master.bus).begin("tester k", begun)
        made = await order(master, PIN, key="k")  # it had died before the write
        assert made.is_changed
        await Requests(master.bus).end("tester k", begun)  # as if it had died before it noted the answer
        await order(master, wire.Unpin())
        again = await order(master, PIN, key="k")
        assert again.revision_after == made.revision_after
        assert (await master.documents.read(MODEL)).document.policy.want == Latest()
    async with running_master(nats_server, "master-2") as other:
        assert len(await recorded(other, 2)) == 2


async def test_a_change_that_no_master_saw_is_put_on_record_later(nats_server: NatsServer) -> None:
    """A document written by hand, or by a master that died at once, is in the history as soon as a master runs."""
    async with running_master(nats_server) as master:
        await order(master, PIN)
        await recorded(master, 1)
    async with nats_client(nats_server.url) as client:
        bucket = await client.jetstream().key_value(subjects.DESIRED_BUCKET)
        await bucket.put(subjects.desired_key(MODEL), Desired().model_dump_json().encode())
    async with running_master(nats_server, "master-2") as master:
        newest = (await recorded(master, 2))[0]
        assert newest.sentence == "somebody changed model m: document written directly"


async def test_a_restart_of_nats_loses_no_desired_state(nats_server: NatsServer) -> None:
    """While it is away changes are refused with a clear word; after it all is as it was, and nothing happens twice."""
    async with running_master(nats_server) as master:
        made = await order(master, PIN, key="k")
        await recorded(master, 1)
        await asyncio.to_thread(nats_server.child.kill)
        with pytest.raises(Transient, match="NATS"):
            await order(master, wire.Unpin())
        await eventually(lambda: not master.hears())
        await asyncio.to_thread(nats_server.child.start)
        await eventually(master.hears)
        stored = await master.documents.read(MODEL)
        assert (stored.revision, stored.document.policy.want) == (made.revision_after, Pinned(versions=(V6,)))
        assert await order(master, PIN, key="k") == made
        assert len(await record(master)) == 1


async def test_the_dry_run_says_what_the_change_then_does(nats_server: NatsServer) -> None:
    """Node by node; nothing is written before, and the simulated nodes follow after."""
    plan = FleetPlan(nodes=3, models=1)
    async with SimulatedFleet(nats_server.url, plan) as fleet, running_master(nats_server) as master:
        model = next(iter(fleet.nodes[NodeName("node-0000")].models))
        change = wire.Pin(versions=(V6,))
        names = (NodeName("node-0001"),)
        asked = ChangeRequest(actor="tester", model=model, change=change, nodes=names, is_dry_run=True)
        told = await master.changes.follow(asked)
        sentences = (
            "Serves version 6.",
            "Unloads version 7 once version 6 is served.",
            "Clients that name no version get version 6 instead of 7.",
        )
        assert [(one.node, one.sentences) for one in told.nodes] == [(names[0], sentences)]
        assert (await master.documents.read(model)).revision == 0
        made = await master.changes.follow(ChangeRequest(actor="tester", model=model, change=change, nodes=names))
        assert made.nodes == told.nodes
        await eventually(lambda: master.fleet.cell(model, names[0]).serving == (V6,))
        assert master.fleet.cell(model, NodeName("node-0000")).serving == (V7,)
        with pytest.raises(Refused, match="no node nobody"):
            await order(master, PIN, "nobody")


async def test_rollback_goes_to_what_each_node_served_before(nats_server: NatsServer) -> None:
    """It is resolved to pins when it is ordered, from the history where that tells."""
    async with SimulatedFleet(nats_server.url, FleetPlan(nodes=2, models=1)) as fleet:
        model = next(iter(fleet.nodes[NodeName("node-0000")].models))
        async with nats_client(nats_server.url) as client:
            source = cloudevents.Source(node=NodeName("node-0001"), service="configurator")
            for number, version in enumerate((V5, V7)):
                event = messages.VersionServed(model=model, version=version)
                data = cloudevents.render(
                    event, source=source, event_id=str(number), time=fleet.nodes[source.node].started
                )
                place = subjects.event(source.node, source.service, event.type, (model, version))
                await client.jetstream().publish(place, data)
        async with running_master(nats_server) as master:
            made = await master.changes.follow(ChangeRequest(actor="t", model=model, change=wire.Rollback()))
            document = (await master.documents.read(model)).document
            assert document.on(NodeName("node-0000")).want == Pinned(versions=(V6,))
            assert document.on(NodeName("node-0001")).want == Pinned(versions=(V5,))
            assert "pinned to version 5" in made.summary
            await eventually(lambda: master.fleet.cell(model, NodeName("node-0001")).serving == (V5,))


async def test_a_whole_document_is_put_in_place(nats_server: NatsServer) -> None:
    """And what the nodes read is what was put."""
    async with running_master(nats_server) as master:
        document = Desired(policy=Policy(paused=True), nodes={NodeName("a"): Policy(retention=1)})
        made = await master.changes.follow(ChangeRequest(actor="t", model=MODEL, change=document, if_revision=0))
        async with nats_client(nats_server.url) as client:
            entry = await (await client.jetstream().key_value(subjects.DESIRED_BUCKET)).get(subjects.desired_key(MODEL))
        assert (entry.revision, desired.parse(entry.value or b"")) == (made.revision_after, document)
        assert json.loads(entry.value or b"")["policy"]["paused"] is True


async def test_a_spoiled_document_is_read_as_before_said_loudly_and_mended_by_the_next_change(
    nats_server: NatsServer,
) -> None:
    """A master that starts afterwards knows no better than NATS's history, and that is enough."""
    async with running_master(nats_server) as master:
        await order(master, PIN)
    spoiled = await spoil(nats_server)
    async with running_master(nats_server) as master:
        stored = await master.documents.read(MODEL)
        assert (stored.document.policy.want, stored.revision) == (Pinned(versions=(V6,)), spoiled)
        assert f"revision {spoiled} cannot be read" in stored.spoiled
        assert master.report().warnings == (f"desired state of {MODEL}: {stored.spoiled}",)
        made = await order(master, PIN)  # what is wanted already: written anew all the same
        assert made.is_changed
        assert await master.documents.read(MODEL) == Stored(document=stored.document, revision=made.revision_after)
        await eventually(lambda: not master.report().warnings, seconds=30)


async def test_where_no_revision_can_be_read_a_whole_document_helps(nats_server: NatsServer) -> None:
    """Nobody guesses what the lost document said: a change of it is refused, one put in its place is taken."""
    revision = await spoil(nats_server)
    async with running_master(nats_server) as master:
        with pytest.raises(Refused, match="put a whole document in its place"):
            await order(master, wire.Pause())
        document = Desired(policy=Policy(paused=True))
        await master.changes.follow(ChangeRequest(actor="t", model=MODEL, change=document, if_revision=revision))
        assert (await master.documents.read(MODEL)).document == document


async def spoil(server: NatsServer) -> int:
    """Write what JetStream would answer over the model's document."""
    async with nats_client(server.url) as client:
        bucket = await jetstream.bucket(client.jetstream(), subjects.DESIRED_BUCKET)
        return await bucket.put(subjects.desired_key(MODEL), b'{"type": "io.nats.jetstream.api.v1.stream_info"}')
