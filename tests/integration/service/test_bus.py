"""The bus against a real NATS server, there, away and back."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial

import pytest
from nats.aio.client import Client
from nats.errors import StaleConnectionError
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from events import cloudevents, messages, subjects
from events.messages import ServingStarted
from events.names import NodeName
from infra.local.client import nats_client
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from service import consumers, jetstream, metrics, settings, watch
from service.bus import Bus
from service.jobs import Job
from service.settings import Settings
from service.tasks import end
from service.watch import Entry, Follow
from tests.support.stack import NatsServer, eventually, refusing

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
        await eventually(lambda: bus.is_idle)
        await asyncio.to_thread(nats_server.child.kill)
        bus.keep(subjects.STATUS_BUCKET, key, b"new")
        await asyncio.to_thread(nats_server.child.start)
        await eventually(lambda: bus.is_idle)
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


async def test_one_consumer_for_each_service_however_often_it_starts(
    nats_server: NatsServer, nats_connection: Client
) -> None:
    """A restart takes the place of the one before, so a fleet needs as many consumers as it has services."""
    for _ in range(3):
        bus, seen = make_bus(nats_server), asyncio.Event()
        bus.watch(subjects.DESIRED_BUCKET, lambda _, seen=seen: seen.set())  # type: ignore[misc]  # a default in a lambda
        async with running(bus):
            await asyncio.wait_for(seen.wait(), 30)
    found = await nats_connection.jetstream().consumers_info(f"KV_{subjects.DESIRED_BUCKET}")
    assert [one.name for one in found] == ["n=2E1-puller"]


async def test_a_watch_that_cannot_be_made_is_said(supervisor: Supervisor) -> None:
    """NATS is connected, and yet the service is deaf: it says which limit was met, and where to raise it."""
    limits = 'jetstream {{ store_dir: "{store}", limits {{ default_max_consumers: 1 }} }}'
    server = refusing(supervisor, limits)
    bus = make_bus(server)
    bus.watch(subjects.DESIRED_BUCKET, lambda _: None)
    async with nats_client(server.url) as client:
        stream, name = client.jetstream(), f"KV_{subjects.DESIRED_BUCKET}"
        await jetstream.bucket(stream, subjects.DESIRED_BUCKET)
        await stream.add_consumer(name, ConsumerConfig(name="other", ack_policy=AckPolicy.NONE))
        async with running(bus):
            await eventually(lambda: bool(bus.problems), seconds=30)
            assert "watching mm_desired fails since" in bus.problems[0]
            assert "default_max_consumers" in bus.problems[0]
            await stream.delete_consumer(name, "other")
            await eventually(lambda: not bus.problems, seconds=30)


async def test_a_server_that_says_nothing_is_named_from_the_first_moment() -> None:
    """Where packets are dropped nobody sees a bare "not connected", and a token in the address is not shown."""
    with socket.create_server((LOOPBACK, 0)) as server:  # which takes connections, and says nothing
        place = f"{LOOPBACK}:{server.getsockname()[1]}"
        bus = Bus(settings.load(Settings, {"MM_NODE": "n", "MM_NATS_URL": f"nats://token@{place}"}), "puller")
        assert bus.connection.reason == f"waiting for the first answer of NATS at {place}"
        async with running(bus):
            await eventually(lambda: bus.connection.reason.startswith(f"NATS at {place}: "))


async def test_jetstream_that_is_off_is_said_in_words(supervisor: Supervisor) -> None:
    """The connection is there, and nothing that is kept works: people read no name of an exception."""
    bus = make_bus(refusing(supervisor, ""))
    bus.watch(subjects.DESIRED_BUCKET, lambda _: None)
    bus.keep(subjects.STATUS_BUCKET, "n=2E1.puller", b"{}")
    bus.emit(ServingStarted())
    async with running(bus):
        await eventually(lambda: len(bus.problems) == 3, seconds=30)
        assert all("NATS answers, JetStream does not" in problem for problem in bus.problems)


async def test_what_is_too_big_is_dropped_and_the_rest_goes_on(nats_server: NatsServer) -> None:
    """Sent again it would be refused again, for ever, and hold up all that comes after it."""
    bus = make_bus(nats_server)
    key = subjects.status_key(NodeName("n.1"), "puller")
    before = metrics.EVENTS_DROPPED.labels(why="too big")._value.get()
    bus.keep(subjects.STATUS_BUCKET, key, bytes(9 * MEGABYTE))
    bus.emit(messages.ServingLost(reason="x" * MEGABYTE))
    bus.emit(messages.ServingLost(reason="small"))
    async with running(bus):
        await eventually(lambda: bus.is_idle, seconds=30)
        assert metrics.EVENTS_DROPPED.labels(why="too big")._value.get() == before + 1
        assert "more than NATS takes" in bus.problems[0]
        async with nats_client(nats_server.url) as client:
            assert await stored(client) == [messages.ServingLost(reason="small")]
        bus.keep(subjects.STATUS_BUCKET, key, b"{}")
        await eventually(lambda: not bus.problems, seconds=30)


async def test_a_stream_without_room_holds_up_nothing_else(supervisor: Supervisor) -> None:
    """With too little room for the history there are reports and signs of life all the same, and the reason is said."""
    server = refusing(supervisor, 'jetstream {{ store_dir: "{store}", max_file_store: 100MB }}')
    bus = make_bus(server)
    for bucket in (subjects.STATUS_BUCKET, subjects.PRESENCE_BUCKET):
        bus.keep(bucket, "n=2E1.puller", b"{}")
    bus.emit(ServingStarted())
    async with running(bus), nats_client(server.url) as client:
        await eventually(lambda: bool(bus.problems), seconds=30)
        assert "sending events fails since" in bus.problems[0]
        assert "max_file_store" in bus.problems[0]
        for bucket in (subjects.STATUS_BUCKET, subjects.PRESENCE_BUCKET):
            await eventually(partial(has_key, client, bucket), seconds=30)
        assert len(bus.problems) == 1


async def has_key(client: Client, bucket: str) -> bool:
    """Whether the service's key is in a bucket."""
    with contextlib.suppress(NotFoundError):
        return bool((await (await client.jetstream().key_value(bucket)).get("n=2E1.puller")).value)
    return False


async def test_a_document_that_goes_without_a_mark_is_noticed(nats_server: NatsServer, nats_connection: Client) -> None:
    """A limit of the stream, or a purge, takes keys away without a word to those who watch."""
    seen: list[Mapping[str, Entry]] = []
    stream = nats_connection.jetstream()
    bucket = await jetstream.bucket(stream, subjects.DESIRED_BUCKET)
    for key in ("a", "b"):
        await bucket.put(key, b"1")
    watched = watch.Watched(subjects.DESIRED_BUCKET, "c", lambda: watch.whole(seen.append))
    task = asyncio.create_task(
        Job("watching", on_change=lambda: None).persist(
            consumers.watcher(nats_connection, watched, Job("", on_change=lambda: None), look_seconds=0.1)
        )
    )
    await eventually(lambda: bool(seen) and set(seen[-1]) == {"a", "b"})
    await stream.purge_stream(f"KV_{subjects.DESIRED_BUCKET}", subject="$KV.mm_desired.a")
    await eventually(lambda: set(seen[-1]) == {"b"}, seconds=30)
    await end([task])
