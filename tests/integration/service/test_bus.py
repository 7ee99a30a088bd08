"""The bus against a real NATS server, there, away and back."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from nats.aio.client import Client
from nats.errors import StaleConnectionError

from events import cloudevents, messages, subjects
from events.messages import ServingStarted
from events.names import NodeName
from infra.local.client import nats_client
from service import jetstream, settings
from service.bus import Bus
from service.settings import Settings
from service.tasks import end
from service.watch import Entry, Follow
from tests.support.stack import NatsServer, eventually

MEGABYTE = 1_000_000


@asynccontextmanager
async def running(bus: Bus) -> AsyncIterator[None]:
    task = asyncio.create_task(bus.run())
    try:
        yield
    finally:
        await end([task])


def make_bus(server: NatsServer) -> Bus:
    return Bus(settings.load(Settings, {"MM_NODE": "n.1", "MM_NATS_URL": server.url}), "puller")


async def stored(client: Client) -> list[messages.Event]:
    """All events in the stream, in order."""
    stream = client.jetstream()
    count = (await stream.stream_info(subjects.EVENT_STREAM)).state.messages
    found = [await stream.get_msg(subjects.EVENT_STREAM, seq) for seq in range(1, count + 1)]
    return [cloudevents.parse(message.data or b"")[1] for message in found]


async def test_events_are_kept_in_order(nats_server: NatsServer, nats_connection: Client) -> None:
    """The stream is the history; it is made where it is missing."""
    bus = make_bus(nats_server)
    events = [messages.ServingLost(reason=str(number)) for number in range(20)]
    for event in events:
        bus.emit(event)
    async with running(bus):
        await eventually(lambda: not bus._outbox)
        assert await stored(nats_connection) == events


async def test_events_wait_for_nats_and_come_once(nats_server: NatsServer) -> None:
    """Nothing is lost or doubled by a restart of NATS between two events."""
    bus = make_bus(nats_server)
    async with running(bus):
        bus.emit(messages.ServingLost(reason="before"))
        await eventually(lambda: not bus._outbox)
        await asyncio.to_thread(nats_server.child.kill)
        await eventually(lambda: not bus.connection.is_connected)
        assert bus.connection.reason
        bus.emit(messages.ServingLost(reason="while away"))
        await asyncio.to_thread(nats_server.child.start)
        await eventually(lambda: bus.connection.is_connected and not bus._outbox)
        async with nats_client(nats_server.url) as client:
            reasons = [event.reason for event in await stored(client) if isinstance(event, messages.ServingLost)]
    assert reasons == ["before", "while away"]


async def test_a_connection_given_up_with_bytes_still_to_send_is_made_anew(nats_server: NatsServer) -> None:
    """The client calls nobody back then: it tries to send them first, for ever where nobody takes them."""
    bus = make_bus(nats_server)
    async with running(bus):
        await eventually(lambda: bus.connection.is_connected)
        broken = bus.client()
        await asyncio.to_thread(nats_server.child.pause)
        tasks = [asyncio.create_task(broken.publish("x", bytes(MEGABYTE))) for _ in range(16)]
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(broken._process_op_err(StaleConnectionError())))  # its pings were not answered
        await eventually(lambda: not bus.connection.is_connected)
        await end(tasks)
        await asyncio.to_thread(nats_server.child.restart)
        await eventually(lambda: bus.connection.is_connected)
        assert bus.client() is not broken


async def test_watch_shows_the_whole_bucket_at_once_and_after_a_restart(nats_server: NatsServer) -> None:
    """A watcher never sees half a bucket, and learns of changes made before and after a loss of NATS."""
    seen: list[Mapping[str, bytes | None]] = []

    def show(content: Mapping[str, Entry]) -> None:
        seen.append({key: entry.value for key, entry in content.items()})

    bus = make_bus(nats_server)
    bus.watch(subjects.DESIRED_BUCKET, show)
    async with running(bus):
        await eventually(lambda: bus.connection.is_connected)
        async with nats_client(nats_server.url) as client:
            bucket = await client.jetstream().key_value(subjects.DESIRED_BUCKET)
            await bucket.put("a", b"1")
            await bucket.put("b", b"2")
            await eventually(lambda: bool(seen) and seen[-1] == {"a": b"1", "b": b"2"})
            await bucket.delete("a")
            await eventually(lambda: seen[-1] == {"a": None, "b": b"2"})
        await asyncio.to_thread(nats_server.child.restart)
        await eventually(lambda: bus.connection.is_connected)
        async with nats_client(nats_server.url) as client:
            await (await client.jetstream().key_value(subjects.DESIRED_BUCKET)).put("c", b"3")
            await eventually(lambda: seen[-1] == {"a": None, "b": b"2", "c": b"3"})


@pytest.mark.parametrize("way", ["watch", "follow"])
async def test_what_cannot_be_read_gives_way_to_the_newest_before_it_that_can(
    nats_server: NatsServer, nats_connection: Client, way: str
) -> None:
    """Whoever spoils a key brings nobody to take something else for it, neither now nor after a start."""
    bucket = await jetstream.bucket(nats_connection.jetstream(), subjects.DESIRED_BUCKET)
    for key, value in (("a", b"1"), ("a", b"2"), ("a", b"bad"), ("a", b"bad"), ("new", b"bad"), ("gone", b"1")):
        await bucket.put(key, value)
    await bucket.delete("gone")
    await bucket.put("gone", b"bad")
    content: dict[str, Entry] = {}

    def begin() -> Follow:
        return lambda entry: content.update({entry.key: entry} if entry else {})

    bus = make_bus(nats_server)
    if way == "watch":
        bus.watch(subjects.DESIRED_BUCKET, content.update, check=complain)
    else:
        bus.follow(subjects.DESIRED_BUCKET, begin, check=complain)
    async with running(bus):
        expected = {"a", "new"} if way == "watch" else {"a", "new", "gone"}
        await eventually(lambda: expected <= content.keys())
        assert (content["a"].value, content["a"].revision) == (b"2", 4)
        assert content["a"].spoiled == "revision 4 cannot be read (it is bad); revision 2 holds"
        assert content["new"].value == b"bad"
        assert "nor can any that NATS still has" in content["new"].spoiled
        assert way == "watch" or content["gone"].value is None
        await bucket.put("a", b"3")
        await eventually(lambda: content["a"].value == b"3", seconds=30)
        assert not content["a"].spoiled
        await bucket.put("a", b"bad")
        await eventually(lambda: bool(content["a"].spoiled), seconds=30)
        assert content["a"].value == b"3"


def complain(value: bytes) -> str:
    return "it is bad" if value == b"bad" else ""


async def test_kept_value_is_the_newest_after_a_loss(nats_server: NatsServer) -> None:
    """A status that changed while NATS was away is there when it is back."""
    bus = make_bus(nats_server)
    key = subjects.status_key(NodeName("n.1"), "puller")
    bus.keep(subjects.STATUS_BUCKET, key, b"old")
    async with running(bus):
        await eventually(lambda: not bus._unsent)
        await asyncio.to_thread(nats_server.child.kill)
        bus.keep(subjects.STATUS_BUCKET, key, b"new")
        await asyncio.to_thread(nats_server.child.start)
        await eventually(lambda: not bus._unsent)
        async with nats_client(nats_server.url) as client:
            entry = await (await client.jetstream().key_value(subjects.STATUS_BUCKET)).get(key)
    assert entry.value == b"new"


async def test_hint_reaches_a_subscriber_and_bad_ones_do_no_harm(
    nats_server: NatsServer, nats_connection: Client
) -> None:
    """A message that cannot be read is counted, and the next one is heard."""
    heard: list[bytes] = []

    def receive(data: bytes) -> None:
        if data == b"bad":
            raise cloudevents.BadMessage("no")
        heard.append(data)

    bus = make_bus(nats_server)
    bus.subscribe(subjects.HINT, receive)
    async with running(bus):
        await eventually(lambda: bus.connection.is_connected)
        await nats_connection.publish(subjects.HINT, b"bad")
        await nats_connection.publish(subjects.HINT, b"good")
        await eventually(lambda: heard == [b"good"])
        bus.publish(subjects.HINT, b"own")
        await eventually(lambda: heard == [b"good", b"own"])


async def test_outbox_is_bounded_while_nats_is_away(nats_server: NatsServer) -> None:
    """A long absence of NATS costs the oldest events, not the memory."""
    bus = make_bus(nats_server)
    for _ in range(2500):
        bus.emit(ServingStarted())
    assert len(bus._outbox) == 2000
