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
        self._wishes: list[socket.socket] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reserve(self, wish: int = 0) -> int:
        """Return a free port that nobody else will be given; the one wished for, if it is free."""
        placeholder = socket.socket()
        placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        placeholder.bind((LOOPBACK, wish if wish and self._is_free(wish) else 0))
        self._sockets.append(placeholder)
        return int(placeholder.getsockname()[1])

    def close(self) -> None:
        """Give every port back."""
        for held in (*self._sockets, *self._wishes):
            held.close()
        self._sockets, self._wishes = [], []

    def _is_free(self, port: int) -> bool:
        """Whether nobody listens on the port and no other stack has reserved it, whose placeholder would let us in."""
        wish = socket.socket(socket.AF_UNIX)
        self._wishes.append(wish)
        try:
            wish.bind(f"\0model-manager-port-{port}")  # a name without a file; it goes with the socket
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
