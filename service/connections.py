"""Bounds on the connections of an HTTP port, so that those that ask nothing never take the service's file descriptors.

A connection waits while no request of it is answered: it has not sent a whole head yet, or it has had its answer. What
waits is closed after a while, and earlier where there is no room for a newcomer. `/livez`, downloads and NATS need
descriptors, too; some are kept for them.
"""

import asyncio
import ipaddress
import resource
from collections import Counter
from collections.abc import Callable
from typing import ClassVar, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_SECONDS = 10.0  # a head has to be whole so long after its connection or its first byte
TAKE_SECONDS = 30.0  # a client that takes no byte of its answer for so long is cut off
MAX_CONNECTIONS = 1024
MAX_CONNECTIONS_EACH = 256  # of one address
ACCEPTED_AT_ONCE = 128  # the event loop takes so many before it lets anything else run
RESERVED_FILES = 512  # for downloads, NATS, the disk, and what is accepted before it is counted
WANTED_FILES = 65_536
IPV6_BITS = 64  # who has one address of IPv6 has a whole network of them
FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 37\r\n"
    b"Retry-After: 1\r\nConnection: close\r\n\r\ntoo many connections are open; retry\n"
)


def raise_file_limit() -> None:
    """Raise the soft limit of open files as far as the hard one lets it, up to what is useful."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def places() -> int:
    """Tell how many connections a port of this process may have, with the limit of open files that it has now."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_CONNECTIONS if files == resource.RLIM_INFINITY else places_with(files)


def places_with(files: int) -> int:
    """Tell how many connections go with a limit of open files."""
    return min(MAX_CONNECTIONS, files - min(RESERVED_FILES, files // 2))


class Open(Protocol):
    """A connection, as it is counted."""

    @property
    def is_waiting(self) -> bool:
        """Tell whether no request is being answered."""
        ...

    @property
    def transport(self) -> asyncio.WriteTransport:
        """What closes it."""
        ...


class Connections:
    """The connections of one port that are open, oldest first."""

    def __init__(
        self, total: int, each: int = MAX_CONNECTIONS_EACH, *, is_many: Callable[[str], bool] = lambda _address: False
    ) -> None:
        self._total = total
        self._each = each
        self._is_many = is_many
        self._open: dict[Open, str] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, newcomer: Open, address: str) -> bool:
        """Tell whether there is room for one more; what waits longest gives way to it."""
        whose = _network(address)
        most = self._total if self._is_many(address) else self._each
        if self._counts[whose] >= most and not self._drop_one(whose):
            return False
        if len(self._open) >= self._total and not self._drop_one(None):
            return False
        self._open[newcomer] = whose
        self._counts[whose] += 1
        return True

    def leave(self, connection: Open) -> None:
        """Forget a connection, which may be forgotten already."""
        whose = self._open.pop(connection, None)
        if whose is None:
            return
        self._counts[whose] -= 1
        if not self._counts[whose]:
            del self._counts[whose]

    def touch(self, connection: Open) -> None:
        """Note that a connection waits anew from now on."""
        if connection in self._open:
            self._open[connection] = self._open.pop(connection)

    def _drop_one(self, whose: str | None) -> bool:
        for connection, owner in self._open.items():
            if connection.is_waiting and whose in {None, owner}:
                self.leave(connection)
                connection.transport.abort()
                return True
        return False


class Connection(H11Protocol):
    """One connection: counted, and closed where its client neither asks nor takes."""

    connections_of_port: ClassVar[Connections]

    @property
    def is_waiting(self) -> bool:
        """Tell whether no request is being answered."""
        cycle: RequestResponseCycle | None = self.cycle  # the parent has none at first, whatever it says of its type
        return cycle is None or cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent has it
        """Take the connection in, or tell it that there is no room."""
        self._head, self._taking = _Timer(self.loop), _Timer(self.loop)
        super().connection_made(transport)
        if self.connections_of_port.admit(self, self.client[0] if self.client else ""):
            self._head.start(HEAD_SECONDS, self.transport.abort)
            return
        transport.write(FULL)
        transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the next one in."""
        self.connections_of_port.leave(self)
        self._head.stop()
        self._taking.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes. The first ones of a head start its time, later ones do not prolong it."""
        super().data_received(data)
        if not self.is_waiting:
            self._head.stop()
        elif not self._head.is_running:
            self._head.start(HEAD_SECONDS, self.transport.abort)

    def on_response_complete(self) -> None:
        """Go on to the next request, once the client has taken this answer."""
        self.connections_of_port.touch(self)
        self._watch_taking()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Have an eye on a client that takes its answer slowly."""
        super().pause_writing()
        self._watch_taking()

    def resume_writing(self) -> None:
        """Go on writing; when all is written, the rest has to be taken, too."""
        self._taking.stop()
        super().resume_writing()
        if self.is_waiting:
            self._watch_taking()

    def _watch_taking(self) -> None:
        if left := self.transport.get_write_buffer_size():
            self._taking.start(TAKE_SECONDS, lambda: self._look_taking(left))
        else:
            self._taking.stop()

    def _look_taking(self, before: int) -> None:
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._watch_taking()


class _Timer:
    """One call later, which a new start puts off."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    @property
    def is_running(self) -> bool:
        return self._handle is not None

    def start(self, seconds: float, call: Callable[[], None]) -> None:
        self.stop()
        self._handle = self._loop.call_later(seconds, call)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


def counted(connections: Connections) -> type[Connection]:
    """Make the protocol of a port whose connections are these."""

    class Counted(Connection):
        connections_of_port = connections

    return Counted


def _network(address: str) -> str:
    """Tell whom an address belongs to, as far as can be told from outside."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((int(parsed), IPV6_BITS), strict=False))
