"""The HTTP port as the kernel sees it."""

import socket

from service import http


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """An answer of two writes is sent at once: connections have Nagle's algorithm off."""
    with http.listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
