"""The bounds of a port's connections, on virtual time and over transports that keep what is written."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from service.connections import HEAD_SECONDS, TAKE_SECONDS, Connection, Connections, counted, places_with
from tests.support import virtual_time
from tests.support.virtual_time import now

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
REQUEST = HEAD + b"\r\n"
SMALL, BIG = 10, 200_000
HIGH_WATER = 65_536


class Wire(asyncio.Transport):
    """A transport whose client takes nothing until it is told to."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 50_000), "sockname": ("10.0.0.1", 8001)})
        self.sent = b""
        self.untaken = 0
        self.takes_all = True
        self.ended: float | None = None
        self.asked_to_close = False
        self.protocol: Connection | None = None

    def is_closing(self) -> bool:
        return self.asked_to_close or self.ended is not None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)
        if not self.takes_all:
            was, self.untaken = self.untaken, self.untaken + len(data)
            if was <= HIGH_WATER < self.untaken and self.protocol:
                self.protocol.pause_writing()

    def take(self, count: int) -> None:
        """Have the client take some bytes."""
        was, self.untaken = self.untaken, max(0, self.untaken - count)
        if self.untaken <= HIGH_WATER // 4 < was and self.protocol:
            self.protocol.resume_writing()
        if not self.untaken and self.asked_to_close:
            self.abort()

    def get_write_buffer_size(self) -> int:
        return self.untaken

    def close(self) -> None:
        self.asked_to_close = True
        if not self.untaken:
            self.abort()

    def abort(self) -> None:
        if self.ended is None:
            self.ended = now()
            if self.protocol:
                asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Port:
    """A port whose application answers with so many bytes once it is let."""

    def __init__(self, *, total: int = 100, each: int = 100, size: int = SMALL, is_open: bool = True) -> None:
        self.connections = Connections(total, each)
        self.size = size
        self.gate = asyncio.Event()
        if is_open:
            self.gate.set()
        self.config = uvicorn.Config(
            self.answer, http=counted(self.connections), ws="none", lifespan="off", interface="asgi3", log_config=None
        )
        self.config.load()
        self.state = ServerState()

    async def answer(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await self.gate.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % self.size)]})
        await send({"type": "http.response.body", "body": b"x" * self.size})

    def connect(self, address: str = "10.0.0.9", *, takes_all: bool = True) -> Wire:
        wire = Wire(address)
        wire.takes_all = takes_all
        wire.protocol = counted(self.connections)(self.config, self.state, {})
        wire.protocol.connection_made(wire)
        return wire


def say(wire: Wire, data: bytes) -> None:
    """Have the client send bytes."""
    assert wire.protocol is not None
    assert wire.ended is None
    wire.protocol.data_received(data)


async def at(seconds: float) -> None:
    """Wait until then."""
    await asyncio.sleep(seconds - now())


Scene = Callable[[], Coroutine[object, object, None]]


def play(scene: Scene) -> None:
    """Run a scene on virtual time."""
    virtual_time.run(scene())


def test_a_connection_that_says_nothing_is_closed() -> None:
    """Its descriptor comes back by itself."""

    async def scene() -> None:
        port = Port()
        wire = port.connect()
        await at(HEAD_SECONDS + 1)
        assert (wire.ended, len(port.connections)) == (HEAD_SECONDS, 0)

    play(scene)


def test_bytes_that_drip_do_not_prolong_a_head() -> None:
    """A byte a second is not a request either."""

    async def scene() -> None:
        port = Port()
        wire = port.connect()
        for byte in HEAD[: int(HEAD_SECONDS)]:
            say(wire, bytes([byte]))
            await asyncio.sleep(1)
        assert wire.ended == HEAD_SECONDS

    play(scene)


def test_the_next_head_of_a_connection_has_its_time_too() -> None:
    """Whoever has had an answer waits like everybody."""

    async def scene() -> None:
        port = Port()
        wire = port.connect()
        say(wire, REQUEST)
        await at(1)
        assert wire.sent.endswith(b"x" * SMALL)
        say(wire, HEAD)
        await at(HEAD_SECONDS)
        assert wire.ended is None
        await at(HEAD_SECONDS + 2)
        assert wire.ended == HEAD_SECONDS + 1

    play(scene)


def test_a_body_after_its_answer_has_an_end() -> None:
    """What nobody reads keeps no connection open, however slowly it comes."""

    async def scene() -> None:
        port = Port()
        wire = port.connect()
        say(wire, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n")
        for _ in range(int(HEAD_SECONDS) + 2):
            await asyncio.sleep(1)
            if wire.ended is None:
                say(wire, b"x")
        assert wire.ended == HEAD_SECONDS + 1

    play(scene)


def test_an_answer_may_take_its_time() -> None:
    """What is being answered is not closed, and not for a newcomer either."""

    async def scene() -> None:
        port = Port(total=1, is_open=False)
        wire = port.connect()
        say(wire, REQUEST)
        await at(10 * HEAD_SECONDS)
        newcomer = port.connect("10.0.0.8")
        assert newcomer.sent.startswith(b"HTTP/1.1 503 ")
        assert newcomer.is_closing()
        port.gate.set()
        await asyncio.sleep(1)
        assert (wire.ended, wire.sent[-SMALL:]) == (None, b"x" * SMALL)

    play(scene)


@pytest.mark.parametrize("size", [SMALL, BIG])
def test_an_answer_that_nobody_takes_is_given_up(size: int) -> None:
    """Also one that fits into what the kernel holds back, and after the port wants to close the connection."""

    async def scene() -> None:
        port = Port(size=size)
        wire = port.connect(takes_all=False)
        say(wire, REQUEST)
        await at(3 * TAKE_SECONDS)
        assert (wire.ended, len(port.connections)) == (TAKE_SECONDS, 0)

    play(scene)


def test_an_answer_that_is_taken_slowly_is_not_given_up() -> None:
    """A line of a few bytes a second is slow, not hostile."""

    async def scene() -> None:
        port = Port(size=BIG)
        wire = port.connect(takes_all=False)
        say(wire, REQUEST)
        while wire.untaken:
            await asyncio.sleep(TAKE_SECONDS - 1)
            assert wire.ended is None
            wire.take(20_000)
        await asyncio.sleep(TAKE_SECONDS)
        assert wire.sent.endswith(b"x" * BIG)

    play(scene)


def test_who_waits_longest_gives_way() -> None:
    """A flood of connections that ask nothing pushes out its own, and everybody else is answered."""

    async def scene() -> None:
        port = Port(total=8, each=3)
        flood = [port.connect("10.0.0.66") for _ in range(50)]
        assert len(port.connections) == 3
        assert [wire.ended for wire in flood[-3:]] == [None] * 3
        others = [port.connect(f"10.0.1.{number}") for number in range(20)]
        assert len(port.connections) == 8
        say(others[-1], REQUEST)
        await asyncio.sleep(1)
        assert others[-1].sent.startswith(b"HTTP/1.1 200 ")

    play(scene)


def test_an_address_has_its_share_and_no_more() -> None:
    """Whatever it asks, others are let in."""

    async def scene() -> None:
        port = Port(total=8, each=3, is_open=False)
        for _ in range(3):
            say(port.connect("10.0.0.66"), REQUEST)
        assert port.connect("10.0.0.66").sent.startswith(b"HTTP/1.1 503 ")
        other = port.connect("10.0.0.7")
        say(other, REQUEST)
        port.gate.set()
        await asyncio.sleep(1)
        assert other.sent.startswith(b"HTTP/1.1 200 ")

    play(scene)


def test_a_network_of_ipv6_counts_as_one_address() -> None:
    """Its owner has more addresses than anybody could count."""

    async def scene() -> None:
        port = Port(each=2)
        for number in range(9):
            port.connect(f"2001:db8::{number:x}")
        assert len(port.connections) == 2
        port.connect("2001:db8:0:1::1")
        port.connect("::ffff:10.0.0.1")
        assert len(port.connections) == 4

    play(scene)


@pytest.mark.parametrize(("files", "places"), [(100_000, 1024), (1024, 512), (256, 128)])
def test_some_files_are_kept_for_everything_else(files: int, places: int) -> None:
    """However few a process may open."""
    assert places_with(files) == places
