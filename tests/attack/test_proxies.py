"""Somebody without a token, behind a proxy, beside it, or as a page in an operator's browser."""

import asyncio
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import httpx
import pytest

from infra.local import parts
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from master.api.proxies import FORWARDING
from tests.attack.cluster import TOKENS, Cluster, master_settings

GUESSES = 60  # more than anybody may make at once
LIMIT = {"MM_REQUESTS_PER_SECOND": "3"}  # what a busy machine can go beyond
PROXY = "127.0.9.1"  # the one proxy whose word the master takes
BESIDE = "127.0.9.2"  # an address that is no proxy's
STRANGER, ALICE = "203.0.113.66", "203.0.113.7"
SESSION = "/dashboard/v1/session"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
REBOUND = {"Host": "models.evil.example"}  # a page's own name, led to this host's address
PAGES = ("/status", "/metrics")


@asynccontextmanager
async def asking(url: str, *, address: str = LOOPBACK, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """Ask from one of this host's addresses."""
    transport = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(base_url=url, transport=transport, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def open_master(cluster: Cluster, supervisor: Supervisor) -> Iterator[str]:
    """A second master, without tokens, as on an operator's own machine."""
    port = supervisor.ports.reserve()
    child = supervisor.start(parts.master(port, cluster.nats.environment("master", "master-2")))
    yield f"http://{LOOPBACK}:{port}"
    supervisor.stop(child)


@pytest.fixture(scope="module")
def behind_proxy(cluster: Cluster, supervisor: Supervisor) -> Iterator[str]:
    """Another master, which knows its proxy."""
    port = supervisor.ports.reserve()
    settings = {**master_settings(cluster.nats, "master-4"), "MM_TRUSTED_PROXIES": PROXY, **LIMIT}
    child = supervisor.start(parts.master(port, settings))
    yield f"http://{LOOPBACK}:{port}"
    supervisor.stop(child)


@pytest.mark.parametrize("name", FORWARDING)
async def test_nothing_that_was_passed_on_is_answered_without_tokens(open_master: str, name: str) -> None:
    """A proxy before such a master would make the whole world its admin; whatever it says of the client."""
    async with asking(open_master) as client:
        assert (await client.get("/v1/overview")).status_code == 200
        for said in (LOOPBACK, "", f"for={LOOPBACK}", "1.1 proxy"):
            passed_on = {name: said}
            assert (await client.get("/v1/overview", headers=passed_on)).status_code == 401
            change = {"change": {"kind": "pause"}}
            assert (await client.post("/v1/models/m/changes", json=change, headers=passed_on)).status_code == 401


async def test_a_page_that_leads_its_name_here_reads_nothing_without_tokens(open_master: str) -> None:
    """Neither the API, as this host's admin, nor what every service tells of itself."""
    async with asking(open_master, **REBOUND, **OWN_PAGE) as page:
        assert [(await page.get(path)).status_code for path in ("/v1/overview", *PAGES)] == [401, 421, 421]


async def test_a_page_that_leads_its_name_here_reads_no_service(cluster: Cluster) -> None:
    """At none of the three ports; under their own names they answer."""
    for port in cluster.ports.values():
        async with asking(f"http://{LOOPBACK}:{port}") as client:
            assert [(await client.get(path)).status_code for path in PAGES] == [200, 200]
            assert [(await client.get(path, headers=REBOUND)).status_code for path in PAGES] == [421, 421]


def test_without_tokens_no_port_is_opened_to_others(cluster: Cluster, supervisor: Supervisor) -> None:
    """The master ends at once, and says which settings are meant for that."""
    command = parts.master(supervisor.ports.reserve(), cluster.nats.environment("master", "master-3"))
    settings = {**command.environment, "MM_HTTP_HOST": "0.0.0.0"}
    ended = subprocess.run(command.argv, env=settings, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "MM_TOKENS" in ended.stderr
    assert "MM_WITHOUT_TOKENS" in ended.stderr


async def guess(client: httpx.AsyncClient, number: int) -> int:
    """Try to sign in as somebody does who has no token."""
    headers = {"X-Forwarded-For": f"10.1.{number % 256}.{number // 256}, {STRANGER}"} | OWN_PAGE
    return (await client.post(SESSION, json={"token": f"mm_{number}"}, headers=headers)).status_code


async def test_guesses_of_one_client_lock_nobody_else_out(behind_proxy: str) -> None:
    """Each client of the proxy has a limit of its own, and what it puts before its address makes it no other one."""
    async with asking(behind_proxy, address=PROXY) as proxy:
        answers = Counter(await asyncio.gather(*(guess(proxy, number) for number in range(GUESSES))))
        assert set(answers) == {401, 429}
        headers = {"X-Forwarded-For": ALICE, "X-Forwarded-Proto": "https"} | OWN_PAGE
        signed_in = await proxy.post(SESSION, json={"token": TOKENS["viewer"]}, headers=headers)
        assert signed_in.status_code == 200, signed_in.text


async def test_a_made_up_address_is_no_way_round_the_limit(behind_proxy: str) -> None:
    """Whoever is no proxy of ours is himself, whatever client he says he has."""

    async def ask(client: httpx.AsyncClient, number: int) -> int:
        headers = {"X-Forwarded-For": f"10.1.{number % 256}.{number // 256}", "Authorization": "Bearer wrong"}
        return (await client.get("/v1/overview", headers=headers)).status_code

    async with asking(behind_proxy, address=BESIDE) as client:
        answers = Counter(await asyncio.gather(*(ask(client, number) for number in range(GUESSES))))
        assert set(answers) == {401, 429}


async def test_a_session_is_for_the_dashboard_alone(behind_proxy: str) -> None:
    """Over HTTP its cookie goes to no path that TensorFlow Serving has; over HTTPS to no other host, nor in clear."""
    async with asking(behind_proxy, address=PROXY) as client:
        plain, secure = [
            (
                await client.post(
                    SESSION, json={"token": TOKENS["operator"]}, headers={"X-Forwarded-Proto": scheme} | OWN_PAGE
                )
            ).headers["set-cookie"]
            for scheme in ("http", "https")
        ]
        assert plain.startswith("mm_session=")
        assert "Path=/dashboard;" in plain
        assert secure.startswith("__Host-mm_session=")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=strict"} <= set(secure.split("; "))
        assert {"HttpOnly", "SameSite=strict"} <= set(plain.split("; "))


async def test_a_page_from_elsewhere_uses_no_session(cluster: Cluster) -> None:
    """Nor does the API itself take a cookie, which a browser would send for anybody."""
    change = {"change": {"kind": "pause", "ahead": True}, "dry_run": True}
    session = {"Cookie": f"mm_session={TOKENS['operator']}"}
    async with asking(cluster.master_url, **session) as client:
        assert (await client.get("/v1/overview")).status_code == 401
        path = "/dashboard/v1/models/m/changes"
        for site in ("cross-site", "same-site", "none"):
            assert (await client.post(path, json=change, headers={"Sec-Fetch-Site": site})).status_code == 403
        assert (await client.post(path, json=change, headers={"Origin": "http://evil.example"})).status_code == 403
        assert (await client.post(path, json=change, headers=OWN_PAGE)).status_code == 200
