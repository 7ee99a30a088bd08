"""What whoever holds the masters' key can really do, as docs/nats.md says it, and what he cannot."""

import json
from datetime import UTC, datetime

import pytest
from nats.js.errors import APIError

from events import cloudevents, subjects
from events.desired import Desired, Policy
from events.messages import ChangeMade, VersionPublished
from events.names import ModelName, NodeName, Version
from events.status import Presence
from master.app import Master
from master.history.event_stream import Filter
from service import jetstream
from service.streams import STREAMS
from tests.support.fleet import PULLER, said
from tests.support.master import secured_master
from tests.support.nats import Secured, person
from tests.support.stack import eventually

NODE, MODEL = NodeName("node-a"), ModelName("m")
KEY = subjects.status_key(NODE, PULLER)
REPORT = f"$KV.{subjects.STATUS_BUCKET}.{KEY}"
EVENT = subjects.event(NODE, PULLER, VersionPublished.type, (MODEL, Version(7)))
ADMINS = ("STREAM.DELETE", "STREAM.PURGE", "STREAM.UPDATE", "STREAM.MSG.DELETE", "STREAM.RESTORE", "STREAM.SNAPSHOT")


async def told(master: Master, which: Filter) -> list[str]:
    return [entry.sentence for entry in (await master.history.page(which)).entries]


async def test_it_writes_whatever_masters_read_and_nodes_follow(secured: Secured) -> None:
    """Any document, any node's report and sign of life, and a record of a deed that nobody did."""
    sign = Presence(node=NODE, service=PULLER, started=datetime.now(UTC))
    deed = ChangeMade(model=MODEL, actor="anna", command="pin", summary="x", revision_before=0, revision=1)
    source = cloudevents.Source(node=NodeName("master-9"), service=subjects.MASTER)
    record = cloudevents.render(deed, source=source, event_id="x", time=datetime.now(UTC))
    async with secured_master(secured) as master, person(secured, "master") as thief:
        stream = thief.client.jetstream()
        document = Desired(policy=Policy(removed=True)).model_dump_json().encode()
        await stream.publish(f"$KV.{subjects.DESIRED_BUCKET}.{MODEL}", document)
        await stream.publish(REPORT, said(NODE, PULLER, {}))
        await stream.publish(f"$KV.{subjects.PRESENCE_BUCKET}.{KEY}", sign.model_dump_json().encode())
        await stream.publish(subjects.event(source.node, source.service, ChangeMade.type, (MODEL, None)), record)
        await eventually(lambda: NODE in master.fleet.fleet_state.nodes and MODEL in master.fleet.fleet_state.models)
        assert (await master.documents.read(MODEL)).document.policy.removed

        async def is_told() -> bool:
            return "anna changed x" in await told(master, Filter(kind=ChangeMade.type))

        await eventually(is_told)


@pytest.mark.parametrize("name", STREAMS)
async def test_it_neither_ends_nor_changes_a_stream(secured: Secured, name: str) -> None:
    """Nor takes a single record out; to make one anew with other limits changes nothing of the one that is there."""
    async with person(secured, "master") as thief:
        stream = thief.client.jetstream()
        await jetstream.ensure_stream(stream, name)
        before = (await stream.stream_info(name)).config
        for verb in ADMINS:
            await thief.client.publish(f"$JS.API.{verb}.{name}", b"")
        assert await thief.refusals() == [f"publish $js.api.{verb.lower()}.{name.lower()}" for verb in ADMINS]
        with pytest.raises(APIError, match="already in use"):
            await stream.add_stream(name=name, subjects=list(before.subjects or ()), max_msgs=1)
        assert (await stream.stream_info(name)).config == before


async def test_it_does_not_speak_as_a_node_in_the_history(secured: Secured) -> None:
    """Neither itself, nor by what NATS brings to a node's subject for it: what comes there is no event of the node."""
    event = VersionPublished(model=MODEL, version=Version(7), files=1, bytes=1)
    data = cloudevents.render(
        event, source=cloudevents.Source(node=NODE, service=PULLER), event_id="x", time=datetime.now(UTC)
    )
    async with secured_master(secured) as master, person(secured, "master") as thief:
        stream, bucket = thief.client.jetstream(), f"KV_{subjects.STATUS_BUCKET}"
        await stream.publish(REPORT, data)
        config = {"name": "x", "durable_name": "x", "filter_subject": REPORT, "ack_policy": "none"}
        made = json.dumps({"stream_name": bucket, "config": config}).encode()
        await thief.client.request(f"$JS.API.CONSUMER.CREATE.{bucket}.x.{REPORT}", made, timeout=5)
        await thief.client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{bucket}.x", b"1", reply=EVENT)
        await thief.client.publish(f"$JS.API.STREAM.MSG.GET.{bucket}", b'{"seq": 1}', reply=EVENT)
        await thief.client.publish(EVENT, data)
        assert await thief.refusals() == [f"publish {EVENT}"]

        async def are_kept() -> bool:
            return (await stream.stream_info(subjects.EVENT_STREAM)).state.messages == 2

        await eventually(are_kept)
        assert await told(master, Filter()) == []
        assert await told(master, Filter(model=MODEL, node=NODE)) == []
