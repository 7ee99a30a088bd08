"""The record of who did what: masters alone write it, nothing pushes it out, and every change is in it once."""

import asyncio
import dataclasses

from nats.js.api import KeyValueConfig, StreamConfig

from events import changes, cloudevents, subjects
from events.messages import ChangeMade
from events.names import ModelName, NodeName, Version
from infra.nats import streams as setup
from master.app import Master
from master.history import Filter
from master.orders import Order
from service import jetstream, settings, streams
from service.settings import Settings
from tests.support.master import secured_master
from tests.support.nats import Secured, person
from tests.support.stack import eventually

NODE, MODEL = NodeName("node-a"), ModelName("m")
CHANGES = Filter(model=MODEL, kind=ChangeMade.type)


async def told(master: Master, which: Filter = CHANGES) -> list[str]:
    """The actors of what the history shows, oldest first."""
    return [str(entry.data.get("actor")) for entry in reversed((await master.history.page(which)).entries)]


async def pin(master: Master, actor: str, version: int) -> None:
    change = changes.Pin(versions=(Version(version),))
    await master.orders.follow(Order(actor=actor, model=MODEL, change=change))


async def test_a_nodes_key_neither_forges_nor_hinders_a_record(secured: Secured) -> None:
    """An event that is not its speaker's to say is none, and an id that somebody took beforehand hinders nothing."""
    async with secured_master(secured) as master, person(secured, "puller.node-a") as thief:
        stream = thief.client.jetstream()
        await pin(master, "anna", 1)

        async def is_on_record() -> bool:
            return await told(master) == ["anna"]

        await eventually(is_on_record, seconds=30)
        source = cloudevents.Source(node=NODE, service="puller")
        made = ChangeMade(
            model=MODEL, actor="nobody", command="pin", summary="x", revision_before=1, revision=2, request=""
        )
        time = (await master.history.page(CHANGES)).entries[0].time
        forged = cloudevents.render(made, source=source, event_id="mm_desired/m/2", time=time)
        place = subjects.event(NODE, "puller", "version.published", (MODEL, None))
        await stream.publish(place, forged, headers={"Nats-Msg-Id": "mm_desired/m/2"})
        await pin(master, "bert", 2)

        async def are_both() -> bool:
            whole = await told(master, Filter(model=MODEL))
            return await told(master) == ["anna", "bert"] and whole == ["anna", "bert"]

        await eventually(are_both, seconds=30)
        assert await thief.refusals() == []


async def test_a_flood_of_events_pushes_no_record_out(secured: Secured) -> None:
    """The stream of events is bounded, so a node may fill it; what people did is kept beside it."""
    async with secured_master(secured) as master, person(secured, "admin") as admin:
        await pin(master, "anna", 1)
        stream = admin.client.jetstream()

        async def is_on_record() -> bool:
            return await told(master) == ["anna"]

        await eventually(is_on_record, seconds=30)
        found = (await stream.stream_info(subjects.EVENT_STREAM)).config
        await stream.update_stream(dataclasses.replace(found, max_bytes=64 * 1024))
        async with person(secured, "puller.node-a") as thief:
            events = thief.client.jetstream()
            for _ in range(100):
                await events.publish(subjects.event(NODE, "puller", "version.published", (MODEL, None)), bytes(1024))
        assert await told(master, Filter(model=MODEL)) == []
        assert await told(master) == ["anna"]


async def test_several_masters_record_a_change_once(secured: Secured) -> None:
    """Whoever is faster: the others see it and write none."""
    async with secured_master(secured) as first, secured_master(secured, "master-2") as second:
        for number in range(1, 9):
            await pin((first, second)[number % 2], f"p{number}", number)
        wanted = [f"p{number}" for number in range(1, 9)]

        async def are_all() -> bool:
            return await told(first) == wanted == await told(second)

        await eventually(are_all, seconds=30)
        await asyncio.sleep(0)
        assert await told(first) == wanted


async def test_setup_puts_right_what_was_made_otherwise(secured: Secured) -> None:
    """Streams and buckets of an earlier release, or of somebody's own making, get what matters."""
    async with person(secured, "admin") as admin:
        stream = admin.client.jetstream()
        await stream.add_stream(StreamConfig(name=subjects.EVENT_STREAM, subjects=[f"{subjects.EVENTS}.>"]))
        await stream.create_key_value(KeyValueConfig(bucket=subjects.DESIRED_BUCKET, history=1, ttl=3600.0))
        presence = KeyValueConfig(bucket=subjects.PRESENCE_BUCKET, ttl=10.0, limit_marker_ttl=3600.0)
        await stream.create_key_value(presence)
        made = (await stream.stream_info(f"KV_{subjects.DESIRED_BUCKET}")).config
        assert {one.field for one in streams.differences(made)} >= {"max_age", "max_msgs_per_subject", "max_msg_size"}
        await setup.set_up(settings.load(Settings, secured.environment("admin", "setup")), replicas=1)
        for name in streams.STREAMS:
            assert streams.differences((await stream.stream_info(name)).config) == (), name


async def test_what_an_operator_keeps_longer_stays(secured: Secured) -> None:
    """More history than we ask for, copies, and limits of an operator's choice are no difference."""
    async with person(secured, "admin") as admin:
        stream = admin.client.jetstream()
        await jetstream.ensure_streams(stream)
        found = (await stream.stream_info(subjects.AUDIT_STREAM)).config
        await stream.update_stream(dataclasses.replace(found, max_age=10 * 365 * 86400.0, max_bytes=10**9))
        await setup.set_up(settings.load(Settings, secured.environment("admin", "setup")), replicas=1)
        kept = (await stream.stream_info(subjects.AUDIT_STREAM)).config
        assert (kept.max_age, kept.max_bytes) == (10 * 365 * 86400.0, 10**9)
