"""The record of who did what: masters alone write it, nothing pushes it out, and every change is in it once."""

import asyncio
import dataclasses
from typing import Any

import pytest
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig, PubAck, StreamConfig

from events import changes, cloudevents, subjects
from events.desired import Desired, Policy
from events.messages import ChangeMade
from events.names import ModelName, NodeName, Version
from infra.nats import streams as setup
from master.app import Master
from master.desired.change_requests import ChangeRequest
from master.desired.store import CHANGE_HEADER
from master.history.event_stream import Filter
from service import jetstream, settings, streams
from service.jobs import Job
from service.sending import OutboundEvent, Outbox
from service.settings import Settings
from service.tasks import end
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
    await master.changes.follow(ChangeRequest(actor=actor, model=MODEL, change=change))


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


async def test_a_change_that_names_thousands_of_nodes_is_on_record(secured: Secured) -> None:
    """As many as fit are named, with how many more there are and how to find them; also where an older master wrote.

    The change goes with the document, as a header, of which JetStream takes 64 KiB.
    """
    nodes = tuple(NodeName(f"a-node-with-quite-a-long-name-{number}") for number in range(9_000))
    change = ChangeMade(model=MODEL, actor="anna", command="put", summary="m", revision_before=0, revision=0)
    earlier = change.model_copy(update={"nodes": nodes[:1_700]})
    async with secured_master(secured) as master, person(secured, "master") as other:
        headers = {CHANGE_HEADER: earlier.model_dump_json()}
        await other.client.jetstream().publish(f"$KV.{subjects.DESIRED_BUCKET}.{MODEL}", b"{}", headers=headers)
        everybody = change.model_copy(update={"nodes": nodes, "revision_before": 1})
        await master.documents.write(Desired(policy=Policy(paused=True)), everybody)

        async def are_both() -> bool:
            return await told(master) == ["anna", "anna"]

        await eventually(are_both, seconds=30)
        page = await master.history.page(CHANGES)
        for entry, count in zip(page.entries, (9_000, 1_700), strict=True):
            named, more = entry.data["nodes"], entry.data["more_nodes"]
            assert isinstance(named, list)
            assert isinstance(more, int)
            assert len(named) > 800
            assert len(named) + more == count
            assert f"{more:,} of the nodes are not named on record" in entry.sentence
        assert master.audit.problem == ""


async def test_a_record_that_nats_refuses_is_said_and_holds_up_no_other(secured: Secured) -> None:
    """An operator has made messages of the audit too small for one of them: it is on record once they are not."""
    async with secured_master(secured) as master, person(secured, "admin") as admin:
        await pin(master, "anna", 1)
        stream = admin.client.jetstream()
        found = (await stream.stream_info(subjects.AUDIT_STREAM)).config
        await stream.update_stream(dataclasses.replace(found, max_msg_size=2048))
        long = changes.Pin(versions=(Version(1),), reason="x" * 500)
        other = ModelName("a-model")
        document = Desired(policy=Policy(paused=True))
        big = ChangeMade(model=other, actor="x" * 500, command="put", summary="x" * 2000, revision_before=0, revision=0)
        await master.documents.write(document, big)
        await master.changes.follow(ChangeRequest(actor="bert", model=MODEL, change=long))
        await pin(master, "carl", 2)

        async def are_all() -> bool:
            return await told(master) == ["anna", "carl"]

        await eventually(are_all, seconds=30)
        await eventually(lambda: "model a-model: NATS did not take the record" in master.audit.problem)
        assert "putting changes on record fails since" in master.report().warnings[-1]
        assert "raise max_msg_size of the stream" in master.report().warnings[-1]
        await stream.update_stream(found)
        await eventually(lambda: master.audit.problem == "", seconds=30)
        assert len(await told(master, Filter(model=other, kind=ChangeMade.type))) == 1


class LosesOne(JetStreamContext):
    """A JetStream whose first acknowledgement is lost on the way."""

    is_lost = False

    async def publish(self, *args: Any, **kwargs: Any) -> PubAck:
        receipt = await super().publish(*args, **kwargs)
        if not self.is_lost:
            self.is_lost = True
            raise TimeoutError
        return receipt


@pytest.mark.parametrize("kind", [JetStreamContext, LosesOne])
async def test_a_duplicate_acknowledgement_is_looked_into(secured: Secured, kind: type[JetStreamContext]) -> None:
    """An id that somebody took beforehand hides no record; one that was ours is no second record."""
    async with person(secured, "master") as master:
        stream = kind(master.client)
        await jetstream.ensure_streams(stream)
        place = subjects.event(NODE, subjects.MASTER, "command.sent")
        if kind is JetStreamContext:
            await stream.publish(
                subjects.event(NODE, subjects.MASTER, "change.made"), b"", headers={"Nats-Msg-Id": "id"}
            )
        outbox = Outbox(Job("sending", on_change=lambda: None))
        outbox.add(OutboundEvent(place, b"who did what", "id"))
        sending = asyncio.create_task(outbox.job.persist(outbox.sender(stream)))
        await eventually(lambda: not outbox)
        await end([sending])
        state = await stream.stream_info(subjects.AUDIT_STREAM, subjects_filter=place)
        assert state.state.subjects == {place: 1}
        assert (await stream.get_last_msg(subjects.AUDIT_STREAM, place)).data == b"who did what"


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
