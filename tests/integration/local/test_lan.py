"""Hosts of a made site have lines whose bytes are counted, and nothing of them is left behind."""

import os
import socket
import sys
import urllib.request
from pathlib import Path

import pytest

from bench import lan
from infra.local.child import Command
from infra.local.ready import http_ok
from infra.local.supervisor import Supervisor

SIZE = 3_000_000
PORT = 8080


def test_a_line_counts_what_it_carries(tmp_path: Path) -> None:
    """A host is reached, the bytes it sends are counted, and all ends with the supervisor."""
    if reason := lan.why_not():
        pytest.skip(reason)
    (tmp_path / "file").write_bytes(os.urandom(SIZE))
    with Supervisor() as supervisor, lan.open_lan(supervisor) as made:
        host = made.join("sender", mbit=500)
        serve = (sys.executable, "-m", "http.server", str(PORT), "--directory", str(tmp_path))
        ready = http_ok(PORT, "/file", host=host.address)
        supervisor.start(Command("sender", (*host.enter, *serve), ready=ready))
        before = host.sent_bytes()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{host.address}:{PORT}/file", timeout=30) as answer:
            assert len(answer.read()) == SIZE
        assert SIZE <= host.sent_bytes() - before < 1.02 * SIZE
        assert made.link in _links()
    assert made.link not in _links()
    assert not Path("/proc", str(host.holder.pid)).exists()


def _links() -> set[str]:
    return {name for _, name in socket.if_nameindex()}
