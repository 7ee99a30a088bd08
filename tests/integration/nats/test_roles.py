"""Each role does all of its work with the rights it has: the services' own code, against a server for production."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from nats.js.api import KeyValueConfig

from events import changes, cloudevents, messages, subjects
from events.commands import Command, Sync
from events.messages import VersionPublished
from events.names import ModelName, NodeName, Version
from events.status import Presence
from master.app import Master
from master.desired.change_requests import ChangeRequest
from master.history.event_stream import Filter
from service import micro, settings
from service.bus import Bus
from service.commands import Commands
from service.reporting import beat
from service.settings import Settings
from service.watch import Entry
from tests.support.fleet import said
from tests.support.master import secured_master
from tests.support.nats import Secured, person, running
from tests.support.stack import eventually

NODE = NodeName("n.1")
MODEL = ModelName("m.x")


async def test_every_service_does_its_work(secured: Secured) -> None:
    """Status, presence, desired state, hints, events, requests for room, commands, history, and forgetting: all work.

    No right is lacking: a subject that the server refused would have been noted.
    """
    heard: dict[str, list[bytes]] = {"hint": [], "room": [], "puller": [], "configurator": [], "crash": []}
    documents: list[Mapping[str, Entry]] = []
    puller, configurator = worker(secured, "puller"), worker(secured, "configurator")
    puller.watch(subjects.DESIRED_BUCKET, documents.append)
    configurator.subscribe(subjects.retention_request(NODE), heard["room"].append)
    configurator.subscribe(subjects.events(NODE, "puller", VersionPublished.type), heard["puller"].append)
    configurator.subscribe(subjects.CRASH, heard["crash"].append)
    puller.subscribe(subjects.HINT, heard["hint"].append)
    puller.subscribe(subjects.events(NODE, "configurator", messages.VersionRemoved.type), heard["configurator"].append)
    async with (
        secured_master(secured) as master,
        running(asyncio.create_task(bus.run()) for bus in (puller, configurator)),
    ):
        await eventually(lambda: puller.connection.is_connected and configurator.connection.is_connected)
        puller.publish(subjects.HINT, b"hint")
        configurator.publish(subjects.CRASH, b"word")
        puller.publish(subjects.retention_request(NODE), b"")
        puller.emit(VersionPublished(model=MODEL, version=Version(1), files=1, bytes=1))
        configurator.emit(messages.VersionRemoved(model=MODEL, version=Version(1), reason="old"))
        made = await master.changes.follow(
            ChangeRequest(actor="t", model=MODEL, change=changes.Pause(ahead=True), key="k")
        )
        assert made.is_changed
        await eventually(lambda: all(heard.values()) and documents and subjects.token(MODEL) in documents[-1])
        await eventually(lambda: master.fleet.heard_names == (NODE,))
        gathered = await master.ask("puller", Sync(actor="t"))
        assert ([answer.node for answer in gathered.answers], gathered.unanswered) == ([NODE], ())
        await eventually(lambda: is_told(master))
        assert master.bus._forbidden == set()
        assert puller._forbidden == set()
        assert configurator._forbidden == set()


async def is_told(master: Master) -> bool:
    kinds = {entry.kind for entry in (await master.history.page(Filter(model=MODEL))).entries}
    return kinds >= {VersionPublished.type, messages.VersionRemoved.type, messages.ChangeMade.type}


async def test_operator_asks_reads_and_finds(secured: Secured) -> None:
    """With the nats tool an operator sends commands, finds the services, and sees status, events and desired state."""
    puller = worker(secured, "puller")
    async with (
        secured_master(secured),
        running([asyncio.create_task(puller.run())]),
        person(secured, "operator.alice") as alice,
    ):
        seen = await alice.client.subscribe(f"{subjects.AUDIT}.>")
        await eventually(lambda: puller.is_idle and puller.connection.is_connected)
        one = await alice.client.request(subjects.command(NODE, "puller", "sync"), b"{}", timeout=5)
        assert json.loads(one.data)["node"] == NODE
        change = json.dumps({"model": MODEL, "ahead": True}).encode()
        paused = await alice.client.request(subjects.cluster_command("pause"), change, timeout=5)
        assert json.loads(paused.data)["is_done"]
        assert cloudevents.parse((await seen.next_msg(timeout=5)).data)[1].type == messages.ChangeMade.type
        stream = alice.client.jetstream()
        status = await (await stream.key_value(subjects.STATUS_BUCKET)).get(subjects.status_key(NODE, "puller"))
        assert json.loads(status.value or b"")["node"] == NODE
        desired = await (await stream.key_value(subjects.DESIRED_BUCKET)).get(subjects.desired_key(MODEL))
        assert json.loads(desired.value or b"")["policy"]["paused"]
        found = await alice.client.request("$SRV.INFO.mm-puller", b"", timeout=5)
        assert json.loads(found.data)["metadata"]["node"] == NODE
        assert await alice.refusals() == []


async def test_admin_sets_up_and_keeps_jetstream(secured: Secured) -> None:
    """The admin makes and changes streams, and can say nothing else."""
    async with person(secured, "admin") as admin:
        stream = admin.client.jetstream()
        await stream.create_key_value(KeyValueConfig(bucket=subjects.DESIRED_BUCKET, history=2))
        assert await stream.streams_info()
        assert await admin.refusals() == []
        await admin.client.publish(f"$KV.{subjects.DESIRED_BUCKET}.m", b"{}")
        assert await admin.refusals() == [f"publish $kv.{subjects.DESIRED_BUCKET}.m"]


def worker(server: Secured, service: str) -> Bus:
    """A service of the node that answers commands and reports, like `service.process` has it."""

    async def sync(_request: Command) -> tuple[str, ...]:
        return (f"{service} looked",)

    bus = Bus(settings.load(Settings, server.environment(f"{service}.{NODE}", NODE)), service)
    bus.answer(micro.on_node(Commands(NODE, service, {Sync: sync}), node=NODE, software="1.2.3"))
    key = subjects.status_key(NODE, service)
    bus.keep(subjects.STATUS_BUCKET, key, said(NODE, service, {}))
    beat(bus, Presence(node=NODE, service=service, started=datetime.now(UTC)))
    return bus
