"""A link between two ends that can be told to go bad."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from configurator.serving.client import Serving, ServingRefused
from events.names import ModelName
from infra.local.connections import accepting, close
from infra.local.faults.link import Mode
from infra.local.faults.remote import Refused
from infra.local.ports import LOOPBACK, Ports
from tests.support.faults import LINK, Proxied, proxied
from tests.support.stack import eventually

SILENT_SECONDS = 0.3


@pytest.fixture
async def link() -> AsyncIterator[Proxied]:
    """A link to a server that says everything again."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)

    async with accepting(echo, LOOPBACK) as port:
        with Ports() as ports:
            async with proxied(ports, link_port=port) as proxies:
                yield proxies


async def turn(link: Proxied, mode: Mode) -> None:
    await asyncio.to_thread(link.remote.link, LINK, mode)


class Client:
    """A connection through the link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, link: Proxied) -> "Client":
        return cls(*await asyncio.open_connection(LOOPBACK, link.port))

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def hear(self, size: int) -> bytes:
        async with asyncio.timeout(30):
            return await self.reader.readexactly(size)

    async def is_silent(self) -> bool:
        try:
            async with asyncio.timeout(SILENT_SECONDS):
                await self.reader.readexactly(1)
        except TimeoutError:
            return True
        return False

    async def is_reset(self) -> bool:
        try:
            async with asyncio.timeout(30):
                return await self.reader.read(1) == b""
        except ConnectionResetError:
            return True


async def test_a_link_passes_and_ends_when_an_end_does(link: Proxied) -> None:
    """Both ways, and the end too."""
    client = await Client.connect(link)
    client.say(b"hello")
    assert await client.hear(5) == b"hello"
    client.writer.write_eof()
    assert await client.is_reset()
    await close(client.writer)


async def test_a_black_hole_holds_back_and_gives_back(link: Proxied) -> None:
    """Old and new connections stay open and silent; afterwards what was said arrives."""
    old = await Client.connect(link)
    old.say(b"1")
    await old.hear(1)
    await turn(link, Mode.BLACK_HOLE)
    new = await Client.connect(link)
    for client in (old, new):
        client.say(b"2")
        assert await client.is_silent()
    await turn(link, Mode.PASS)
    for client in (old, new):
        assert await client.hear(1) == b"2"
        await close(client.writer)


async def test_a_link_that_refuses_resets_old_and_new(link: Proxied) -> None:
    """As a port that nobody listens on."""
    old = await Client.connect(link)
    old.say(b"1")
    await old.hear(1)
    await turn(link, Mode.REFUSE)
    assert await old.is_reset()
    new = await Client.connect(link)
    assert await new.is_reset()
    for client in (old, new):
        await close(client.writer)


async def test_garbage_is_no_message(link: Proxied) -> None:
    """Bytes that mean nothing are an answer that came: that model's trouble, in words, and no server that is away."""
    await turn(link, Mode.GARBAGE)
    serving = Serving(f"{LOOPBACK}:{link.port}")

    async def is_answered_with_nonsense() -> bool:
        try:
            await serving.status(ModelName("m"))
        except ServingRefused as refused:
            return "is no answer" in str(refused)
        return False  # a few bytes may happen to be a message

    await eventually(is_answered_with_nonsense)
    await serving.close()


async def test_an_unknown_link_or_mode_is_refused(link: Proxied) -> None:
    """A typo is not taken for done."""
    with pytest.raises(Refused, match="there is no"):
        await asyncio.to_thread(link.remote.link, "other", Mode.PASS)
    with pytest.raises(Refused, match="sideways"):
        await asyncio.to_thread(link.remote._ask, "PUT", f"/links/{LINK}", {"mode": "sideways"})
