"""The history out of a real stream: pages, filters, live following, and the life of a version."""

import asyncio
from datetime import datetime

from nats.aio.client import Client
from nats.aio.msg import Msg

from events import cloudevents, messages, subjects
from events.messages import Event
from events.names import ModelName, NodeName, Version
from master.answers import Entry
from master.app import Master
from master.history import timeline
from master.history.event_stream import Filter
from master.history.look_back import Which, Work, look_back
from service import jetstream
from tests.support.fleet import MODEL, at
from tests.support.master import running_master
from tests.support.stack import NatsServer, eventually

V7 = Version(7)
OTHER = ModelName("other.model")
NODE = NodeName("node.1")


async def put(client: Client, event: Event, *, node: NodeName = NODE, time: datetime | None = None, n: int = 0) -> None:
    """Put an event in the stream."""
    service = messages.speaker(event.type)
    source = cloudevents.Source(node=node, service=service)
    data = cloudevents.render(event, source=source, event_id=f"{node}-{event.type}-{n}", time=time or at(0))
    subject = subjects.event(node, service, event.type, messages.about(event))
    await client.jetstream().publish(subject, data)


def published(number: int, model: ModelName = MODEL) -> messages.VersionPublished:
    return messages.VersionPublished(model=model, version=Version(number), files=1, bytes=1)


async def whole(master: Master, which: Filter, *, limit: int) -> list[Entry]:
    """All entries, page by page."""
    found: list[Entry] = []
    before = None
    while True:
        page = await master.history.page(which, before=before, limit=limit)
        assert len(page.entries) <= limit
        found += page.entries
        if page.before is None:
            return found
        before = page.before


async def test_pages_are_newest_first_and_leave_nothing_out(nats_server: NatsServer, nats_connection: Client) -> None:
    """However few of the events match, and however small the pages are, each comes once."""
    await jetstream.ensure_streams(nats_connection.jetstream())
    for number in range(700):
        model = OTHER if number in {3, 650} else MODEL
        await put(nats_connection, published(number, model), n=number)
    await put(nats_connection, messages.DownloadProgress(
        model=OTHER, version=V7, bytes_done=1, bytes_total=2, bytes_per_second=1, seconds_left=None
    ))  # fmt: skip
    async with running_master(nats_server) as master:
        every = await whole(master, Filter(), limit=64)
        assert [entry.version for entry in every] == list(range(699, -1, -1))
        rare = await whole(master, Filter(model=OTHER), limit=1)
        assert [entry.version for entry in rare] == [650, 3]
        assert [entry.version for entry in await whole(master, Filter(version=V7), limit=10)] == [7]
        assert [entry.kind for entry in await whole(master, Filter(kind="download.progress"), limit=5)] == [
            "download.progress"
        ]
        assert await whole(master, Filter(node=NodeName("nobody")), limit=5) == []


async def test_following_goes_on_where_it_was(nats_server: NatsServer, nats_connection: Client) -> None:
    """From any place in the stream, over a restart of NATS, without gap or repetition."""
    await jetstream.ensure_streams(nats_connection.jetstream())
    for number in range(3):
        await put(nats_connection, published(number), n=number)
    async with running_master(nats_server) as master:
        seen: list[Entry] = []

        async def follow() -> None:
            async for entry in master.history.follow(Filter(model=MODEL), after=1):
                seen.append(entry)  # noqa: PERF401 - it never ends

        following = asyncio.create_task(follow())
        await eventually(lambda: len(seen) == 2)
        await asyncio.to_thread(nats_server.child.restart)
        await eventually(master.hears)
        await eventually(lambda: nats_connection.is_connected)
        for number in range(3, 5):
            await put(nats_connection, published(number), n=number)
        await eventually(lambda: len(seen) == 4)
        assert [entry.version for entry in seen] == [1, 2, 3, 4]
        assert [entry.sequence for entry in seen] == [2, 3, 4, 5]
        following.cancel()
        await asyncio.wait([following])


async def test_the_life_of_a_version(nats_server: NatsServer, nats_connection: Client) -> None:
    """From the upload to the last node that serves it, with the seconds each took, and what operators did meanwhile."""
    await jetstream.ensure_streams(nats_connection.jetstream())
    heard = messages.NotificationReceived(
        model=MODEL, version=V7, object_name="m/7/saved_model.pb", generation=9, event_time=at(0)
    )
    await put(nats_connection, heard, time=at(1))
    signed = published(7).model_copy(update={"signed_by": "release (aa)"})
    await put(nats_connection, signed, time=at(2))
    await put(nats_connection, messages.VersionAvailable(model=MODEL, version=V7, seconds=1), time=at(3))
    await put(nats_connection, messages.VersionServed(model=MODEL, version=V7), time=at(4))
    await put(nats_connection, published(8), time=at(5))
    bad = messages.VersionQuarantined(model=MODEL, version=V7, reason="bad sample")
    await put(nats_connection, bad, node=NodeName("b"), time=at(6))
    async with running_master(nats_server) as master:
        told = await master.history.timeline(MODEL, V7)
    assert (told.uploaded, told.generations) == (at(0), {"m/7/saved_model.pb": 9})
    second, first = told.nodes
    assert (second.node, second.quarantined, second.reason, second.seconds_to_serve) == ("b", at(6), "bad sample", None)
    assert (first.notified, first.published, first.available, first.served) == (at(1), at(2), at(3), at(4))
    assert first.seconds_to_serve == 4.0
    assert (first.signed_by, second.signed_by) == ("release (aa)", "")


async def test_a_request_looks_at_so_much_and_says_how_to_go_on(
    nats_server: NatsServer, nats_connection: Client
) -> None:
    """A filter that finds nothing ends like any other; going on from part to part leaves nothing out."""
    await jetstream.ensure_streams(nats_connection.jetstream())
    for number in range(1200):
        await put(nats_connection, published(7 if number in {5, 900} else 70), n=number, time=at(number))
    seen: list[int] = []

    def take(message: Msg) -> int | None:
        seen.append(message.metadata.sequence.stream)
        return seen[-1] if b'"version":7,' in message.data else None

    which = Which(subjects.EVENT_STREAM, subjects.events_about(MODEL, of=subjects.head()), take)
    found: list[int] = []
    before, requests = None, 0
    while True:
        had = len(seen)
        span = await look_back(nats_connection, which, before=before, enough=10, work=Work(messages=300))
        assert len(seen) - had <= 300
        requests += 1
        found = [*span.found, *found]
        if span.is_whole:
            break
        assert span.oldest is not None
        before = span.start
    assert found == [6, 901]
    assert sorted(seen) == list(range(1, 1201))
    assert requests < 10


async def test_messages_of_any_size_are_got_past(nats_server: NatsServer, nats_connection: Client) -> None:
    """Events among messages as big as NATS takes them are found, and no request reads more than its share of bytes."""
    stream = nats_connection.jetstream()
    await stream.add_stream(name=subjects.EVENT_STREAM, subjects=[f"{subjects.EVENTS}.>"])  # one without our limits
    subject = subjects.event(NODE, "puller", messages.VersionPublished.type, (MODEL, Version(1)))
    for number in range(40):
        await put(nats_connection, published(number), n=number)
        await nats_connection.jetstream().publish(subject, b'{"version":1' + b" " * 900_000)
    async with running_master(nats_server) as master:
        assert [entry.version for entry in await whole(master, Filter(), limit=7)] == list(range(39, -1, -1))
    work = Work(bytes=4_000_000)
    which = Which(subjects.EVENT_STREAM, (subject,), lambda message: message.metadata.sequence.stream)
    span = await look_back(nats_connection, which, before=None, enough=1000, work=work)
    assert span.found[-1] == 80
    assert not span.is_whole
    assert work.bytes > -1_000_000


async def test_a_life_is_told_of_the_versions_own_events(nats_server: NatsServer, nats_connection: Client) -> None:
    """Progress of downloads, and what happened to other versions, is passed over."""
    await jetstream.ensure_streams(nats_connection.jetstream())
    await put(nats_connection, published(7), time=at(1))
    for number in range(600):
        progress = messages.DownloadProgress(
            model=MODEL, version=V7, bytes_done=number, bytes_total=600, bytes_per_second=1, seconds_left=None
        )
        await put(nats_connection, progress, n=number, time=at(2))
        await put(nats_connection, published(100 + number), n=100 + number, time=at(2))
    async with running_master(nats_server) as master:
        told = await master.history.timeline(MODEL, V7)
        assert ([one.published for one in told.nodes], told.before) == ([at(1)], None)


async def test_a_life_costs_what_it_holds_and_no_other_versions(
    nats_server: NatsServer, nats_connection: Client
) -> None:
    """The server picks a version's events by their subject: those of thousands of other versions are not looked at."""
    await jetstream.ensure_streams(nats_connection.jetstream())
    await put(nats_connection, published(7), n=7)
    for number in range(1000, 1600):
        await put(nats_connection, published(number), n=number)
    async with running_master(nats_server) as master:
        looked: list[int] = []
        wanted = timeline.subjects_of(MODEL, Version(7))

        def take(message: Msg) -> int:
            looked.append(message.metadata.sequence.stream)
            return looked[-1]

        which = Which(subjects.EVENT_STREAM, wanted, take)
        await look_back(nats_connection, which, before=None, enough=1000, work=Work())
        assert looked == [1]
        assert [node.node for node in (await master.history.timeline(MODEL, Version(7))).nodes] == [NODE]
        page = await master.history.page(Filter(model=MODEL, version=Version(7)))
        assert [entry.version for entry in page.entries] == [7]


async def test_events_of_the_release_before_are_told(nats_server: NatsServer, nats_connection: Client) -> None:
    """Their subject ends with the model; they are kept for a month, and a node may still write them."""
    event = published(7)
    source = cloudevents.Source(node=NODE, service="puller")
    data = cloudevents.render(event, source=source, event_id="old", time=at(0))
    await jetstream.ensure_streams(nats_connection.jetstream())
    async with running_master(nats_server) as master:
        await nats_connection.jetstream().publish(f"{subjects.head(NODE, 'puller', event.type)}.{MODEL}", data)
        for which in (Filter(), Filter(model=MODEL), Filter(model=MODEL, version=Version(7)), Filter(kind=event.type)):
            assert [entry.version for entry in (await master.history.page(which)).entries] == [7]
        assert [node.node for node in (await master.history.timeline(MODEL, Version(7))).nodes] == [NODE]
