"""HTTP connections to one server, kept open between requests, with the standard library.

Connections know nothing of the event loop: whoever uses one runs its blocking calls in a thread, and wakes that thread
with `shut_down`.
"""

import base64
import contextlib
import http.client
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

from service.google_access import Way

STRAIGHT: Final = Way()
IDLE_SECONDS: Final = 30.0  # longer than a pause within a transfer, shorter than routers remember a silent connection

Later = Callable[[float, Callable[[], None]], object]  # has something called after so many seconds


@dataclass(slots=True)
class Connection:
    """One connection and the buffer that its bytes pass through; `is_used` tells whether it answered before."""

    http: http.client.HTTPConnection
    sock: socket.socket  # `http` forgets its own where an answer ends the connection
    buffer: bytearray
    is_used: bool = False
    idle_since: float = field(default_factory=time.monotonic)

    def shut_down(self) -> None:
        """Wake a thread that waits for this connection; its call fails."""
        with contextlib.suppress(OSError):  # the server was quicker
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # not TLS's own, which another thread may be in

    def close(self) -> None:
        """Give the connection up."""
        self.http.close()
        self.sock.close()


class Connections:
    """Connections to a server; `way` says by which proxy it is reached and by which CAs it is known."""

    def __init__(self, url: str, *, connect_seconds: float, buffer_bytes: int, way: Way = STRAIGHT) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._is_secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._is_secure else 80)
        self._connect_seconds = connect_seconds
        self._buffer_bytes = buffer_bytes
        self._proxy = _proxy(way.proxy_to(f"{self._host}:{self._port}"))
        self._context = way.context() if self._is_secure else None
        self._idle: list[Connection] = []

    def take(self) -> Connection | None:
        """Take a connection that is open, the one used last; None where there is none."""
        now = time.monotonic()
        while self._idle:
            connection = self._idle.pop()
            if now - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.close()
        return None

    def give_back(self, connection: Connection, later: Later) -> None:
        """Keep a connection whose answer was read to its end, until it has been idle for `IDLE_SECONDS`."""
        connection.is_used, connection.idle_since = True, time.monotonic()
        self._idle.append(connection)
        later(IDLE_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        now = time.monotonic()
        idle, self._idle = self._idle, []
        for connection in idle:
            if now - connection.idle_since < IDLE_SECONDS:
                self._idle.append(connection)
            else:
                connection.close()

    def connect(self) -> Connection:
        """Open a connection. Blocking. Raises `OSError`."""
        host, port = self._proxy[:2] if self._proxy else (self._host, self._port)
        connection = (
            http.client.HTTPSConnection(host, port, timeout=self._connect_seconds, context=self._context)
            if self._context
            else http.client.HTTPConnection(host, port, timeout=self._connect_seconds)
        )
        if self._proxy:
            connection.set_tunnel(self._host, self._port, headers=self._proxy[2])
        try:
            connection.connect()
        except BaseException:
            connection.close()  # the library leaves it open where TLS is refused behind a proxy
            raise
        connection.sock.settimeout(None)  # whoever waits for an answer sees to the time
        return Connection(connection, connection.sock, bytearray(self._buffer_bytes))

    def close(self) -> None:
        """Close what nobody uses."""
        while self._idle:
            self._idle.pop().close()


def _proxy(address: str) -> tuple[str, int, dict[str, str]] | None:
    """Read a proxy's address; its headers carry the password that is in it."""
    if not address:
        return None
    parts = urlsplit(address if "://" in address else f"http://{address}")
    headers = {}
    if parts.username:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        headers["Proxy-Authorization"] = f"Basic {base64.b64encode(secret).decode()}"
    return parts.hostname or "", parts.port or 80, headers
