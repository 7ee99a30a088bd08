"""The HTTP port: pages that read, commands that need a right."""

from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr

from events.commands import Command, Sync
from events.names import NodeName
from events.status import Connection, Pass, Report
from service import http
from service.commands import Commands
from service.health import Health

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
REPORT = Report(
    node=NodeName("n1"),
    service="puller",
    software="1",
    started=MOMENT,
    reported=MOMENT,
    is_ready=True,
    last_pass=Pass(),
    nats=Connection(is_connected=False, since=MOMENT),
)


async def sync(_request: Command) -> tuple[str, ...]:
    return ("looked",)


def client(health: Health, *, token: str = "", host: str = "127.0.0.1") -> httpx.AsyncClient:
    commands = Commands(NodeName("n1"), "puller", {Sync: sync})
    app = http.create_app(health, report=lambda: REPORT, commands=commands, token=SecretStr(token))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(host, 50000)), base_url="http://service")


async def test_ready_after_the_first_pass_and_not_before() -> None:
    """Readiness says why it is missing."""
    health = Health()
    pages = client(health)
    assert (await pages.get("/readyz")).status_code == 503
    health.begin()
    health.fail("bucket away")
    assert "bucket away" in (await pages.get("/readyz")).text
    health.begin()
    health.succeed()
    assert (await pages.get("/readyz")).status_code == 200


async def test_not_ready_while_something_needed_is_missing() -> None:
    """A pass has succeeded once, and what the service needs has gone since: the answer names it until it is back."""
    health = Health()
    pages = client(health)
    health.begin()
    health.succeed()
    health.missing = "TensorFlow Serving at 127.0.0.1:8500 does not answer"
    answer = await pages.get("/readyz")
    assert (answer.status_code, answer.text) == (503, f"not ready: {health.missing}")
    health.missing = ""
    assert (await pages.get("/readyz")).status_code == 200


async def test_status_is_the_whole_report() -> None:
    """What the service knows of itself is there as JSON."""
    assert Report.model_validate_json((await client(Health()).get("/status")).content) == REPORT


async def test_metrics_are_prometheus_text() -> None:
    """The scrape endpoint names our metrics."""
    assert "mm_passes_total" in (await client(Health()).get("/metrics")).text


async def test_command_over_http_is_followed_for_this_host() -> None:
    """Without a token configured, loopback is trusted."""
    answer = await client(Health()).post("/commands/sync", json={"id": "x"})
    assert (answer.status_code, answer.json()["sentences"]) == (200, ["looked"])


async def test_command_from_elsewhere_needs_the_token() -> None:
    """Closed unless opened: another host without the token is refused."""
    assert (await client(Health(), host="10.0.0.9").post("/commands/sync", json={})).status_code == 401
    guarded = client(Health(), token="secret", host="10.0.0.9")
    assert (await guarded.post("/commands/sync", json={}, headers={"Authorization": "Bearer wrong"})).status_code == 401
    assert (
        await guarded.post("/commands/sync", json={}, headers={"Authorization": "Bearer secret"})
    ).status_code == 200


async def test_wrong_and_oversized_commands_are_told_apart() -> None:
    """A client learns what to mend."""
    pages = client(Health())
    assert (await pages.post("/commands/sync", json={"nonsense": 1})).status_code == 400
    assert (await pages.post("/commands/sync", content=b"x" * 70000)).status_code == 413


async def test_a_browsers_page_sends_no_commands_by_this_hosts_rights() -> None:
    """Whoever is made to open a page on a node does not reload its models by that; with the token it is a program."""
    elsewhere = {"Origin": "http://evil.example", "Content-Type": "text/plain"}
    assert (await client(Health()).post("/commands/sync", content=b"{}", headers=elsewhere)).status_code == 401
    signed = {**elsewhere, "Authorization": "Bearer secret"}
    guarded = client(Health(), token="secret")
    assert (await guarded.post("/commands/sync", content=b"{}", headers=signed)).status_code == 200


@pytest.mark.parametrize(
    "body", [b"[" * 60_000, b'{"a":' * 12_000, b'{"id": ' + b"9" * 60_000 + b"}", b"\xff", b"{" * 9]
)
async def test_hostile_json_is_a_bad_request(body: bytes) -> None:
    """However deep, long or broken: it is told so, and the port goes on."""
    pages = client(Health())
    assert (await pages.post("/commands/sync", content=body)).status_code == 400
    assert (await pages.post("/commands/sync", json={})).status_code == 200


@pytest.mark.parametrize("length", ["-1", "x", "1e3", "99999999999999999999"])
async def test_a_length_that_is_none_is_refused(length: str) -> None:
    """It is read before the body is."""
    answer = await client(Health()).post("/commands/sync", content=b"{}", headers={"Content-Length": length})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer secre", "Bearer secret2", "Basic secret", "Bearer \xff"]
)
async def test_only_the_token_itself_is_the_token(given: str) -> None:
    """Missing, empty, shortened, lengthened, of another kind, not even text: all are refused, from this host too."""
    headers = {b"Authorization": given.encode("latin-1")} if given else {}
    answer = await client(Health(), token="secret").post("/commands/sync", json={}, headers=headers)
    assert answer.status_code == 401


async def test_a_command_for_another_node_is_not_followed() -> None:
    """A master's address of a node that is gone may be this one's now."""
    pages = client(Health())
    meant = await pages.post("/commands/sync", content=b"{}", headers={"mm-node": "n1"})
    assert meant.json()["sentences"] == ["looked"]
    other = await pages.post("/commands/sync", content=b"{}", headers={"mm-node": "n2"})
    assert (other.status_code, other.text) == (421, "the command is for n2, and this is n1; nothing was done")
