"""The way to a master: answers, streams, and every way in which there is none."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from events.names import ModelName
from infra.local.ports import LOOPBACK
from master.cli.client.api import Master
from master.cli.client.http import Http
from master.cli.exits import Broken, Exit, Failure, Unreachable
from master.cli.wait.waiting import Ring
from tests.support.certificates import Authority

OVERVIEW = {
    "freshness": {"is_stale": False, "since": "2026-05-04T12:00:00Z", "age_seconds": 0},
    "nodes": {"well": 2},
    "models": 0,
    "cells": [],
    "sentences": [],
}


class Handler(BaseHTTPRequestHandler):
    """A master of three pages."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/base/v1/events?model=line":
            self._answer(200, b"id: 1\ndata: {}\n\n" * 2, kind="text/event-stream")
        elif self.headers.get("Authorization") != "Bearer secret":
            self._answer(401, json.dumps({"detail": "no token"}).encode(), kind="application/problem+json")
        elif self.path == "/base/v1/overview":
            self._answer(200, json.dumps(OVERVIEW).encode())
        else:
            self._answer(200, b"<html>not json</html>")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        """Say nothing."""

    def _answer(self, status: int, body: bytes, *, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/base"
        server.shutdown()
        thread.join()


def failure(master: Master) -> Failure:
    with pytest.raises(Failure) as caught:
        master.overview()
    return caught.value


def test_a_master_behind_tls_is_known_by_the_ca_file(tmp_path: Path) -> None:
    """And not without it: then the setting is named."""
    authority = Authority(tmp_path, "of-the-master")
    pair = authority.sign("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        address = f"https://127.0.0.1:{server.server_address[1]}/base"
        try:
            known = Master(Http(address, token="secret", ca_file=str(authority.ca)))
            assert known.overview().nodes == {"well": 2}
            stranger = failure(Master(Http(address, token="secret")))
            assert (stranger.code, "MM_CA_FILE" in stranger.advice) == (Exit.UNREACHABLE, True)
        finally:
            server.shutdown()
            thread.join()


def test_an_answer_is_read_below_a_path(url: str) -> None:
    """The address may have a path, as behind a proxy; the token is sent."""
    assert Master(Http(url, token="secret")).overview().nodes == {"well": 2}


def test_a_missing_token_has_its_exit_code(url: str) -> None:
    """And says how to get one."""
    assert failure(Master(Http(url))).code is Exit.NOT_ALLOWED


def test_something_that_is_no_master_is_told(url: str) -> None:
    """HTML, or another API, is named as such."""
    assert "is not understood" in str(failure(Master(Http(url.replace("/base", ""), token="secret"))))


def test_a_stream_is_read_line_by_line(url: str) -> None:
    """Messages come with their ids until the master ends the stream."""
    found = list(Master(Http(url, token="secret")).events("", model="line"))
    assert [(message.id, message.data) for message in found] == [("1", "{}"), ("1", "{}")]


def test_a_ring_rings_when_the_stream_tells_something(url: str) -> None:
    """It returns long before its time is over."""
    ring = Ring(Master(Http(url)), ModelName("line"))
    ring.wait(60)


def test_nobody_there_is_told_with_what_to_check() -> None:
    """Connection refused, in words."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure(Master(Http(f"http://127.0.0.1:{port}")))
    assert (error.code, "connection refused" in str(error)) == (Exit.UNREACHABLE, True)
    assert "MM_MASTER_URL" in error.advice


def test_a_master_that_hangs_is_given_up() -> None:
    """The time-out is the transport's own."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "did not answer in time" in str(failure(Master(Http(url, timeout_seconds=0.05))))


def test_a_connection_that_breaks_is_told() -> None:
    """Something that speaks no HTTP, or dies meanwhile, is unreachable, not a bug."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def slam() -> None:
            connection, _ = server.accept()
            connection.recv(1)
            connection.close()

        thread = threading.Thread(target=slam)
        thread.start()
        error = failure(Master(Http(f"http://127.0.0.1:{server.getsockname()[1]}")))
        thread.join()
    assert isinstance(error, Unreachable)


@pytest.mark.parametrize("wrong", ["master:8000", "ftp://master", "http://", "http://host:port"])
def test_an_address_that_is_none_is_a_usage_error(wrong: str) -> None:
    """MM_MASTER_URL is quoted."""
    assert failure(Master(Http(wrong))).code is Exit.USAGE


def test_a_host_nobody_knows_is_told() -> None:
    """Name resolution fails in words."""
    assert isinstance(failure(Master(Http("http://nobody.invalid:8000"))), Unreachable)


def test_a_host_that_drops_packets_is_told_long_before_an_answer_is_due() -> None:
    """Commands may wait half a minute for nodes; whether there is a master at all shows within seconds."""
    with socket.socket() as full, ExitStack() as waiting:
        full.bind((LOOPBACK, 0))
        full.listen(0)
        for _ in range(4):  # more than wait in line: the kernel drops what comes after them
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        http = Http(f"http://{LOOPBACK}:{full.getsockname()[1]}", timeout_seconds=3600)
        with pytest.raises(Broken, match="did not answer in time"):
            http.request("GET", "/v1/overview")
