"""What a stolen key can have others do: NATS answers wherever a request says, so that has to lead nowhere.

Whoever holds a node's seed writes his own client. It may name any subject as the one to answer on: of its own
messages, of requests to JetStream, and as the place a consumer delivers to.
"""

import json
from collections.abc import AsyncIterator

import pytest
from nats.js import JetStreamContext
from nats.js.api import KeyValueConfig
from nats.js.errors import APIError, NotFoundError

from events import subjects
from events.desired import BadDesired, Desired, Policy, parse
from events.names import ModelName, NodeName
from events.status import BadPresence, presence
from infra.local.client import taken
from master.fleet.reports import BadReport
from master.fleet.state import FleetState
from service import jetstream
from tests.support.nats import Secured, person
from tests.support.stack import eventually

NODE = NodeName("node-a")
STREAM = f"KV_{subjects.DESIRED_BUCKET}"
TARGET = f"$KV.{subjects.DESIRED_BUCKET}.m"
FORGED = Desired(policy=Policy(removed=True)).model_dump_json().encode()
OWN = subjects.consumer(NODE, "puller")
CREATE = f"$JS.API.CONSUMER.CREATE.{STREAM}.{OWN}.$KV.{subjects.DESIRED_BUCKET}.>"
CONSUMER = {
    "name": OWN,
    "filter_subject": f"$KV.{subjects.DESIRED_BUCKET}.>",
    "deliver_policy": "all",
    "ack_policy": "none",
    "mem_storage": True,
}
ASKS = {
    f"$JS.API.STREAM.INFO.{STREAM}": b"",
    f"$JS.API.STREAM.MSG.GET.{STREAM}": b'{"last_by_subj": "$KV.mm_desired.other"}',
    CREATE: json.dumps({"stream_name": STREAM, "config": CONSUMER}).encode(),
    f"$JS.API.CONSUMER.DELETE.{STREAM}.{OWN}": b"",
    subjects.event(
        NODE, "puller", "version.published", (ModelName("m"), None)
    ): FORGED,  # whose receipt is acknowledged
}


@pytest.fixture
async def kept(secured: Secured) -> AsyncIterator[JetStreamContext]:
    """JetStream in the admin's hands, with the bucket of desired state and the stream of events."""
    async with person(secured, "admin") as admin:
        stream = admin.client.jetstream()
        await stream.create_key_value(KeyValueConfig(bucket=subjects.DESIRED_BUCKET, history=32))
        await stream.add_stream(name=subjects.EVENT_STREAM, subjects=[f"{subjects.EVENTS}.>"])
        yield stream


async def newest(stream: JetStreamContext) -> bytes | None:
    """What the model's key holds."""
    try:
        return (await stream.get_last_msg(STREAM, TARGET)).data or b""
    except NotFoundError:
        return None


@pytest.mark.parametrize("user", ["puller.node-a", "puller"])
async def test_a_message_to_oneself_gives_no_right_to_answer_it(
    secured: Secured, kept: JetStreamContext, user: str
) -> None:
    """A puller hears its own hint; that the hint asks for an answer in the bucket lets nobody write there."""
    async with person(secured, user) as thief:
        heard = await thief.client.subscribe(subjects.HINT)
        await thief.client.publish(subjects.HINT, b"{}", reply=TARGET)
        await heard.next_msg(timeout=30)
        await thief.client.publish(TARGET, FORGED)
        assert await thief.refusals() == [f"publish {TARGET.lower()}"]
    assert await newest(kept) is None


async def test_two_keys_of_a_node_cannot_play_into_each_others_hands(secured: Secured, kept: JetStreamContext) -> None:
    """What a stolen puller's key asks of the stolen configurator's is no more than that."""
    room = subjects.retention_request(NODE)
    async with person(secured, "puller.node-a") as one, person(secured, "configurator.node-a") as other:
        heard = await other.client.subscribe(room)
        await taken(other.client)
        await one.client.publish(room, b"", reply=TARGET)
        await heard.next_msg(timeout=30)
        await other.client.publish(TARGET, FORGED)
        assert await other.refusals() == [f"publish {TARGET.lower()}"]
    assert await newest(kept) is None


@pytest.mark.parametrize("subject", ASKS)
async def test_what_jetstream_answers_is_no_document_and_no_report(
    secured: Secured, kept: JetStreamContext, subject: str
) -> None:
    """NATS can be made to answer on a key, but not with anything that a service would take for an operator's word."""
    async with person(secured, "puller.node-a") as thief:
        await thief.client.publish(subject, ASKS[subject], reply=TARGET)
        assert await thief.refusals() == []

    async def has_come() -> bool:
        return await newest(kept) is not None

    await eventually(has_come, seconds=30)
    with pytest.raises(BadDesired):
        parse(await newest(kept) or b"")
    with pytest.raises(BadReport):
        FleetState().report(NODE, "puller", await newest(kept) or b"")


async def test_documents_are_delivered_to_no_other_key_of_their_bucket(
    secured: Secured, kept: JetStreamContext
) -> None:
    """A consumer that would copy one model's document over another's is refused by the server."""
    wanted = {"stream_name": STREAM, "config": {**CONSUMER, "deliver_subject": TARGET}}
    async with person(secured, "puller.node-a") as thief:
        answer = await thief.client.request(CREATE, json.dumps(wanted).encode(), timeout=30)
    assert "cycle" in json.loads(answer.data)["error"]["description"]
    assert await newest(kept) is None


async def test_a_key_makes_one_consumer_and_no_more(secured: Secured, kept: JetStreamContext) -> None:
    """Whatever the request says beside its subject: a second name, another filter, a durable one of another name."""
    async with person(secured, "puller.node-a") as thief:
        for change in ({"name": "x"}, {"durable_name": "x"}, {"filter_subject": "$KV.mm_desired.m"}):
            wanted = {"stream_name": STREAM, "config": {**CONSUMER, **change}}
            await thief.client.request(CREATE, json.dumps(wanted).encode(), timeout=30)
            assert {one.name for one in await kept.consumers_info(STREAM)} <= {OWN}, change
        for name in ("x", "node-b-puller", "node-a-configurator"):
            await thief.client.publish(CREATE.replace(OWN, name), b"{}")
            await thief.client.publish(f"$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.{name}", b"{}")
        assert len(await thief.refusals()) == 6
    assert {one.name for one in await kept.consumers_info(STREAM)} <= {OWN}


@pytest.mark.parametrize("header", [{"Nats-Rollup": "all"}, {"Nats-TTL": "1s"}])
async def test_nobody_empties_status_and_presence_by_a_header(
    secured: Secured, kept: JetStreamContext, header: dict[str, str]
) -> None:
    """A rollup would take all other nodes' reports and signs of life away."""
    for bucket in (subjects.STATUS_BUCKET, subjects.PRESENCE_BUCKET):
        await jetstream.bucket(kept, bucket)
        async with person(secured, "puller.node-b") as other:
            await other.client.jetstream().publish(f"$KV.{bucket}.node-b.puller", b"{}")
        async with person(secured, "puller.node-a") as thief:
            with pytest.raises(APIError):
                await thief.client.jetstream().publish(f"$KV.{bucket}.node-a.puller", b"{}", headers=header)
        assert (await kept.stream_info(f"KV_{bucket}")).state.messages == 1


async def test_what_jetstream_answers_is_no_sign_of_life(secured: Secured, kept: JetStreamContext) -> None:
    """A dead node's key that somebody has JetStream answer on does not make it look alive."""
    await jetstream.bucket(kept, subjects.PRESENCE_BUCKET)
    place = f"$KV.{subjects.PRESENCE_BUCKET}.node-b.puller"
    async with person(secured, "puller.node-a") as thief:
        await thief.client.publish(f"$JS.API.STREAM.INFO.{STREAM}", b"", reply=place)

    async def has_come() -> bool:
        return bool((await kept.stream_info(f"KV_{subjects.PRESENCE_BUCKET}")).state.messages)

    await eventually(has_come, seconds=30)
    said = await kept.get_last_msg(f"KV_{subjects.PRESENCE_BUCKET}", place)
    with pytest.raises(BadPresence):
        presence(said.data or b"", NodeName("node-b"), "puller")
