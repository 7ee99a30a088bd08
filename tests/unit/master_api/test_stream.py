"""The live stream, frame by frame, on virtual time."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from master.answers import Entry
from master.api.limits import StreamSlots
from master.api.problems import Problem
from master.api.stream import END, HEARTBEAT, HELLO, TAKE_SECONDS, EventStream, Follower, Streams, frames
from master.fleet.views import Freshness
from tests.support import virtual_time
from tests.support.master_api import FRESH, N1, NOON, M, a_master, an_entry, client

STALE = Freshness(is_stale=True, since=NOON, age_seconds=1.0, reason="connection lost")


async def coming(*pairs: tuple[float, int]) -> AsyncIterator[Entry]:
    """Events that come after so many seconds each; then nothing for ever."""
    for seconds, sequence in pairs:
        await asyncio.sleep(seconds)
        yield an_entry(sequence)
    await asyncio.sleep(1e9)


def heard(follower: Follower, seconds: float) -> list[bytes]:
    """What a client hears in so many seconds, the end included."""

    async def listen() -> list[bytes]:
        return [frame async for frame in frames(follower, is_over=lambda: virtual_time.now() >= seconds)]

    return virtual_time.run(listen())


def test_events_come_with_their_place_in_the_history() -> None:
    """`id` is what to come back with; the data is the event as the history shows it, on one line."""
    hello, first, second, end = heard(Follower("c", coming((1, 7), (0, 9)), lambda: FRESH), 5)
    assert (hello, end) == (HELLO, END)
    assert [frame.split(b"\n")[0] for frame in (first, second)] == [b"id: 7", b"id: 9"]
    assert Entry.model_validate_json(first.split(b"\n")[1].removeprefix(b"data: ")) == an_entry(7)
    assert first.endswith(b"\n\n")
    assert first.count(b"\n") == 3


def test_silence_is_broken_now_and_then() -> None:
    """A comment keeps proxies from closing the connection, and lets a dead one be noticed."""
    found = heard(Follower("c", coming(), lambda: FRESH), 61)
    assert found == [HELLO, *[HEARTBEAT] * 12, END]


def test_the_client_hears_that_nats_is_away_and_back() -> None:
    """Silence is told apart from nothing happening."""

    def freshness() -> Freshness:
        return STALE if 2 <= virtual_time.now() < 4 else FRESH

    _, away, back, _ = heard(Follower("c", coming(), freshness), 6)
    assert away.startswith(b"event: stale\n")
    assert json.loads(away.split(b"data: ")[1])["reason"] == "connection lost"
    assert back.startswith(b"event: fresh\n")


class Line:
    """A client's connection: it takes what is sent until it hangs, and goes away when told."""

    def __init__(self, *, takes: int) -> None:
        self.taken: list[bytes] = []
        self._takes = takes
        self.gone = asyncio.Event()

    async def receive(self) -> dict[str, object]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, object]) -> None:
        if len(self.taken) >= self._takes:
            await asyncio.sleep(1e9)
        if message["type"] == "http.response.body":
            self.taken.append(bytes(message.get("body", b"")))  # type: ignore[call-overload]  # bytes by ASGI's rule

    async def follow(self, streams: Streams, entries: AsyncIterator[Entry]) -> float:
        """Follow until the end; the time it took."""
        stream = EventStream(Follower("c", entries, lambda: FRESH), streams)
        await stream({"type": "http"}, self.receive, self.send)  # type: ignore[arg-type]  # plain dicts
        return virtual_time.now()


def test_a_client_that_takes_nothing_is_cut_off() -> None:
    """It holds one event and one place, and not for ever."""
    places = StreamSlots(total=1, each=1)

    async def follow() -> float:
        seconds = await Line(takes=1).follow(Streams(places), coming((1, 1), (1, 2)))
        with places.one("c"):
            return seconds

    assert virtual_time.run(follow()) == 1 + TAKE_SECONDS


def test_a_client_that_goes_away_gives_its_place_back_soon() -> None:
    """The history is not read for nobody, and is let go of."""
    closed = []

    async def entries() -> AsyncIterator[Entry]:
        try:
            yield an_entry(1)
            await asyncio.sleep(1e9)
        finally:
            closed.append(virtual_time.now())

    async def follow() -> float:
        line = Line(takes=99)
        asyncio.get_running_loop().call_later(3, line.gone.set)
        return await line.follow(Streams(StreamSlots()), entries())

    assert virtual_time.run(follow()) < 4
    assert len(closed) == 1


def test_streams_end_with_a_word_when_the_master_stops() -> None:
    """The client comes back to another master instead of waiting for this one."""

    async def follow() -> list[bytes]:
        streams, client = Streams(StreamSlots()), Line(takes=99)
        job = asyncio.create_task(streams.run())
        asyncio.get_running_loop().call_later(2, job.cancel)
        await client.follow(streams, coming())
        return client.taken

    assert virtual_time.run(follow()) == [HELLO, END, b""]


def test_there_are_only_so_many_places() -> None:
    """The one too many is refused before it has begun."""

    async def follow() -> None:
        await Line(takes=99).follow(Streams(StreamSlots(total=0)), coming())

    with pytest.raises(Problem, match="event streams"):
        virtual_time.run(follow())


async def test_a_stream_goes_on_behind_the_last_event_the_client_has() -> None:
    """The header of a client that comes back goes before the query it began with; filters stay."""
    master = a_master()
    answer = await client(master).get(
        f"/v1/events?after=0&model={M}&node={N1}&kind=version.served", headers={"Last-Event-ID": "1"}
    )
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert [line for line in answer.text.splitlines() if line.startswith("id:")] == ["id: 2"]
    which, after = master.history.asked[0]
    assert (which.model, which.node, which.kind, after) == (M, N1, "version.served", 1)


@pytest.mark.parametrize("last", ["x", "-1", "1.5", str(2**63)])
async def test_a_last_event_that_is_none_of_ours_is_refused(last: str) -> None:
    """It is not taken for `from now on`, which would lose events."""
    answer = await client(a_master()).get("/v1/events", headers={"Last-Event-ID": last})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"] == "header.Last-Event-ID"
