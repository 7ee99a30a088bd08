"""Looks into the history: few at once, each until it is told or its client is gone."""

import asyncio

import pytest
from starlette.types import Message

from events.names import NodeName
from master.answers import HistoryPage
from master.api.app import create
from master.api.limits import HistorySlots
from master.api.problems import Problem
from master.history.event_stream import Filter
from service import http
from service.health import Health
from tests.support import virtual_time
from tests.support.master_api import FakeMaster, a_master, about, client


class Endless:
    """A history that looks for ever, and notes how it ends."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0
        self.cancelled = 0

    async def page(self, which: Filter, *, before: int | None = None, limit: int = 100) -> HistoryPage:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return HistoryPage(entries=())


def endless() -> tuple[FakeMaster, Endless]:
    master, history = a_master(), Endless()
    master.history = history  # type: ignore[assignment]  # only pages are asked for
    return master, history


def test_a_look_ends_with_its_client() -> None:
    """Who closes the connection leaves no work behind."""

    async def scene() -> None:
        master, history = endless()
        app = create(master, pages=http.pages(Health(), lambda: about(NodeName("master-1"), "master"))).app
        gone = asyncio.Event()
        told = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> Message:
            if told:
                return told.pop()
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(_message: Message) -> None: ...

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/v1/history",
            "raw_path": b"/v1/history",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1")],
            "client": ("127.0.0.1", 5),
            "server": ("127.0.0.1", 8000),
        }
        asking = asyncio.create_task(app(scope, receive, send))
        await asyncio.sleep(1)
        assert history.running == 1
        gone.set()
        await asyncio.wait_for(asking, 5)
        assert (history.running, history.cancelled) == (0, 1)

    virtual_time.run(scene())


def test_few_look_at_once_and_too_many_are_sent_away() -> None:
    """The others wait for their turn; nobody else is kept from his."""

    async def scene() -> None:
        turns = HistorySlots(total=4, each=2, waiting=3)
        inside: list[str] = []

        async def look(caller: str) -> None:
            async with turns.one(caller):
                inside.append(caller)
                await asyncio.sleep(10)

        greedy = [asyncio.create_task(look("greedy")) for _ in range(5)]
        await asyncio.sleep(1)
        assert inside == ["greedy"] * 2
        with pytest.raises(Problem, match="greedy looks into the history 5 times already"):
            await look("greedy")
        other = asyncio.create_task(look("other"))
        await asyncio.sleep(1)
        assert inside[-1] == "other"
        await asyncio.gather(*greedy, other)
        assert inside.count("greedy") == 5
        assert not turns._own

    virtual_time.run(scene())


async def test_a_page_is_told_as_it_was_found() -> None:
    """Who asks for the part before gets it."""
    master = a_master()
    reply = await client(master).get("/v1/history", params={"before": 2})
    assert [entry["sequence"] for entry in reply.json()["entries"]] == [1]
    reply = await client(master).get("/v1/models/wide-deep/versions/2", params={"before": 5})
    assert reply.json()["before"] is None
    assert (await client(master).get("/v1/models/wide-deep/versions/2", params={"before": -1})).status_code == 422
