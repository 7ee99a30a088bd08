"""Conditions that say a server answers: asked again and again while a child starts, so each is one quick try."""

import http.client
import socket
from collections.abc import Callable

import grpc

from infra.local.ports import LOOPBACK

TRY_SECONDS = 1.0

Condition = Callable[[], bool]


def both(first: Condition, second: Condition) -> Condition:
    """Two conditions hold."""
    return lambda: first() and second()


def port_open(port: int) -> Condition:
    """Something accepts connections on the port."""

    def answers() -> bool:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=TRY_SECONDS):
                return True
        except OSError:
            return False

    return answers


def http_ok(port: int, path: str, *, host: str = LOOPBACK) -> Condition:
    """GET answers 200."""
    return lambda: http_status(port, path, host=host) == http.client.OK


def http_status(port: int, path: str, *, host: str = LOOPBACK) -> int | None:
    """The status code of one GET, or None when nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=TRY_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def grpc_ready(port: int) -> Condition:
    """A gRPC server completes the handshake on the port."""

    def answers() -> bool:
        if not port_open(port)():
            return False
        with grpc.insecure_channel(f"{LOOPBACK}:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=TRY_SECONDS)
            except grpc.FutureTimeoutError:
                return False
            return True

    return answers
