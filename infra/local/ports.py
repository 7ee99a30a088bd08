"""Free loopback ports that stay ours.

Asking the kernel for a free port and closing the socket leaves a moment in which anyone can take it. Instead the
socket stays bound, never listening, with SO_REUSEADDR: Linux then lets a server that also sets SO_REUSEADDR (all of
ours do) listen on the port, and gives it to nobody else, neither to bind(0) nor to an outgoing connection. So a server
that was killed also finds its port free again.
"""

import socket
from types import TracebackType
from typing import Self

LOOPBACK = "127.0.0.1"


class Ports:
    """Reserved port numbers, held until `close`."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reserve(self) -> int:
        """Return a free port that nobody else will be given."""
        placeholder = socket.socket()
        placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        placeholder.bind((LOOPBACK, 0))
        self._sockets.append(placeholder)
        return int(placeholder.getsockname()[1])

    def close(self) -> None:
        """Give every port back."""
        while self._sockets:
            self._sockets.pop().close()
