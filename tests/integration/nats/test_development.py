"""The configuration for one's own machine."""

import asyncio

import pytest

from events import subjects
from events.names import NodeName
from infra.local.supervisor import Supervisor
from infra.nats import streams
from service import settings
from service.bus import Bus
from service.settings import Settings
from tests.support import nats
from tests.support.nats import running
from tests.support.stack import eventually


async def test_a_service_needs_no_key(supervisor: Supervisor, capsys: pytest.CaptureFixture[str]) -> None:
    """It connects, makes what is missing in JetStream, and reports; the setup finds it made."""
    folder = supervisor.new_folder("empty")
    (folder / "users.conf").touch()
    server = nats.start(supervisor, folder, "development.conf")
    bus = Bus(settings.load(Settings, {"MM_NODE": "n", "MM_NATS_URL": server.url.replace("tls", "nats")}), "puller")
    bus.keep(subjects.STATUS_BUCKET, subjects.status_key(NodeName("n"), "puller"), b"{}")
    async with running([asyncio.create_task(bus.run())]):
        await eventually(lambda: bus.connection.is_connected and bus.is_idle)
    environment = {"MM_NATS_URL": server.url.replace("tls", "nats")}
    assert await asyncio.to_thread(streams.main, ["--replicas", "1"], environment) == 0
    assert "KV_mm_desired: copies 1\n" in capsys.readouterr().out
    supervisor.stop(server.child)
