"""No secret of any setting comes out: not in logs, pages, metrics or answers, however much goes wrong."""

import hashlib
import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from configurator.settings import ConfiguratorSettings
from infra.local import programs
from infra.local.child import Child, Command
from infra.local.ports import LOOPBACK
from infra.local.ready import http_ok
from infra.local.supervisor import Supervisor
from master.settings import MasterSettings
from puller.settings import PullerSettings
from service.settings import Settings
from tests.support.stack import NatsServer, eventually

SETTINGS: dict[str, type[Settings]] = {
    "puller": PullerSettings,
    "configurator": ConfiguratorSettings,
    "master": MasterSettings,
}
PASSWORD, COMMAND, SEED, GUESS, IN_ADDRESS, IN_PROXY = (
    f"{name}-7Ksecret" for name in ("pw", "cmd", "SUAseed", "guess", "addr", "proxy")
)
TOKEN = "token-7Ksecret"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
SECRETS = (PASSWORD, COMMAND, SEED, GUESS, IN_ADDRESS, IN_PROXY, TOKEN, DIGEST)
PAGES = (
    "/status",
    "/metrics",
    "/livez",
    "/readyz",
    "/v1/overview",
    "/v1/session",
    "/v1/history",
    "/openapi.json",
    "/nope",
)


@dataclass(frozen=True, slots=True)
class Leaky:
    """A service with a secret in every setting that takes one, and nothing around it that works."""

    child: Child
    port: int

    def ask(self, method: str, path: str, token: str) -> str:
        """Make a request; the whole answer, head and body."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {token}", "Cookie": f"mm_session={token}"}
            connection.request(method, path, body=f'{{"token": "{token}", "oops": 1}}', headers=headers)
            answer = connection.getresponse()
            return f"{answer.status} {answer.headers} {answer.read().decode()}"
        finally:
            connection.close()


def environment(service: str, folder: Path, *, way: str, port: int, nats: str) -> dict[str, str]:
    """Settings full of secrets: by the ways that a password, a key file or an address can carry them."""
    (folder / "seed.nk").write_text(SEED)
    (folder / "tokens").write_text(f"ci:operator:{DIGEST}\n")
    closed = "127.0.0.1:9"
    given = {
        "MM_NODE": "n1",
        "MM_HTTP_PORT": str(port),
        "MM_LOG_LEVEL": "debug",
        "MM_COMMAND_TOKEN": COMMAND,
        "MM_NATS_URL": {"address": f"nats://me:{IN_ADDRESS}@{closed}", "connected": nats}.get(way, f"nats://{closed}"),
        "MM_NATS_USER": "me",
        "MM_NATS_PASSWORD": PASSWORD,
    }
    if way == "seed":
        given |= {"MM_NATS_NKEY_FILE": str(folder / "seed.nk"), "MM_NATS_URL": nats}
    if service == "puller":
        given |= {"MM_BUCKET": "models", "MM_PROJECT": "p", "MM_TOPIC": "topic"}
        given |= {"MM_PROXY": f"http://me:{IN_PROXY}@{closed}"}
        given |= {"STORAGE_EMULATOR_HOST": f"http://{closed}", "PUBSUB_EMULATOR_HOST": closed}
    if service == "configurator":
        given |= {"MM_SERVING_ADDRESS": closed}
    if service == "master":
        given |= {"MM_TOKENS": f"eve:viewer:{'0' * 64}", "MM_TOKENS_FILE": str(folder / "tokens")}
    else:
        given |= {"MM_MODELS_DIR": str(folder / "models")}
    return given


@pytest.fixture(
    params=[("puller", "address"), ("configurator", "seed"), ("master", "address"), ("master", "connected")]
)
def leaky(
    request: pytest.FixtureRequest, supervisor: Supervisor, nats_server: NatsServer, tmp_path: Path
) -> Iterator[Leaky]:
    service, way = request.param
    (tmp_path / "models").mkdir()
    port = supervisor.ports.reserve()
    given = environment(service, tmp_path, way=way, port=port, nats=nats_server.url)
    argv = (str(programs.python()), "-m", service)
    child = supervisor.launch(Command(service, argv, ready=http_ok(port, "/metrics"), environment=given))
    supervisor.wait_ready(child)
    yield Leaky(child, port)
    supervisor.stop(child)


async def test_nothing_secret_is_shown_by_a_service_in_trouble(leaky: Leaky) -> None:
    """Wrong tokens, bad requests, a NATS, a bucket and a server that are away: no word of it has a secret in it."""
    told = [leaky.ask("GET", path, token) for path in PAGES for token in (GUESS, TOKEN, COMMAND)]
    for path in ("/commands/sync", "/commands/reload", "/v1/commands/sync", "/v1/session", "/v1/models/m/changes"):
        told += [leaky.ask("POST", path, token) for token in (GUESS, TOKEN, COMMAND)]
    await eventually(lambda: "nats" in leaky.child.log.read_text().lower(), seconds=60)
    told += [leaky.ask("GET", path, GUESS) for path in PAGES[:4]]
    shown = "\n".join([*told, leaky.child.log.read_text()])
    assert [secret for secret in SECRETS if secret in shown] == []
    assert "401" in shown


def test_every_setting_that_is_secret_is_tried() -> None:
    """A secret that is added later has to be added here."""
    fields = {
        name for kind in SETTINGS.values() for name, field in kind.model_fields.items() if is_secret(field.annotation)
    }
    assert fields == {"nats_password", "command_token", "tokens", "proxy"}


def is_secret(annotation: object) -> bool:
    return annotation is SecretStr
