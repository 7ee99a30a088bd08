"""The line to a server for production is encrypted, and both ends prove who they are."""

import asyncio
from pathlib import Path

import httpx
import nats as client
import pytest
from nats.errors import Error as NatsError

from infra.local import programs
from infra.local.child import Command
from infra.local.ports import LOOPBACK
from infra.local.ready import http_ok
from infra.local.supervisor import Supervisor
from infra.nats import users
from infra.nats.users import Names
from service import settings
from service.bus import Bus
from service.settings import Settings
from tests.support import nats
from tests.support.nats import Secured, running
from tests.support.stack import eventually


async def test_services_trust_the_given_authority_alone(secured: Secured, tmp_path: Path) -> None:
    """With the CA the service connects; with another one, or with a server's word only, it does not and says why."""
    nats.make_certificates(tmp_path)
    right = secured.environment("puller.node-a", "node-a")
    assert await outcome(right) == ""
    for wrong in (right | {"MM_NATS_CA_FILE": str(tmp_path / "ca.crt")}, right | {"MM_NATS_CA_FILE": ""}):
        assert "certificate verify failed" in (await outcome(wrong)).lower()


async def test_the_ca_of_google_does_not_vouch_for_nats(secured: Secured, supervisor: Supervisor) -> None:
    """MM_CA_FILE is about the way to Google: a puller that knows its NATS by that file alone does not connect."""
    port = supervisor.ports.reserve()
    environment = secured.environment("puller.node-a", "node-a") | {
        "MM_NATS_CA_FILE": "",
        "MM_CA_FILE": str(secured.ca),
        "MM_BUCKET": "models",
        "MM_MODELS_DIR": str(supervisor.new_folder("node-a")),
        "MM_HTTP_PORT": str(port),
        "STORAGE_EMULATOR_HOST": f"http://{LOOPBACK}:9",  # discard: nobody listens
    }
    argv = (str(programs.python()), "-m", "puller")
    child = supervisor.start(Command("puller", argv, ready=http_ok(port, "/livez"), environment=environment))

    async def is_told() -> bool:
        async with httpx.AsyncClient() as asking:
            report = (await asking.get(f"http://{LOOPBACK}:{port}/status")).json()
        assert not report["nats"]["is_connected"]
        return "certificate verify failed" in report["nats"]["reason"].lower()

    await eventually(is_told)
    supervisor.stop(child)


async def test_keys_that_are_not_named_are_refused(secured: Secured, tmp_path: Path) -> None:
    """A key of another cluster, a password, or nothing at all opens no connection."""
    users.write(tmp_path, Names(()))
    right = secured.environment("puller.node-a", "node-a")
    for wrong in (
        right | {"MM_NATS_NKEY_FILE": str(tmp_path / "seeds" / "master.nk")},
        right | {"MM_NATS_NKEY_FILE": "", "MM_NATS_USER": "puller", "MM_NATS_PASSWORD": "puller"},
        right | {"MM_NATS_NKEY_FILE": ""},
    ):
        assert "authorization violation" in (await outcome(wrong)).lower()


async def test_nothing_is_said_in_clear(secured: Secured) -> None:
    """A client that will not encrypt gets nowhere."""

    async def ignore(_error: Exception) -> None:
        """The call itself fails."""

    with pytest.raises((NatsError, OSError, TimeoutError)):
        await client.connect(
            secured.url.replace("tls://", "nats://"),
            nkeys_seed=str(secured.seed("master")),
            allow_reconnect=False,
            max_reconnect_attempts=0,
            connect_timeout=1,
            error_cb=ignore,
        )


async def outcome(environment: dict[str, str]) -> str:
    """Why a service with these settings does not connect; empty where it does."""
    bus = Bus(settings.load(Settings, environment), "puller")
    async with running([asyncio.create_task(bus.run())]):
        first = bus.connection.reason
        await eventually(lambda: bus.connection.is_connected or bus.connection.reason != first)
        return bus.connection.reason
