"""Proxies before the API: whose word is taken, and what counts for whom."""

import hashlib

import httpx
import pytest

from master.api.proxies import FORWARDING, parse
from service.errors import BadSettings
from tests.support.master_api import LOOPBACK, a_master, client

TOKEN = f"viewer-1:viewer:{hashlib.sha256(b'viewer').hexdigest()}"
PROXY, STRANGER, ALICE = "10.1.0.1", "203.0.113.66", "203.0.113.7"
BEHIND = {"MM_TOKENS": TOKEN, "MM_TRUSTED_PROXIES": "10.1.0.0/16, 2001:db8::1", "MM_REQUESTS_PER_SECOND": "1"}
OWN = {"Sec-Fetch-Site": "same-origin"}


def seen(peer: str, *forwarded: str, proto: str = "") -> tuple[str, str]:
    """Who asks, and how, as the API takes it."""
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    headers += [(b"x-forwarded-proto", proto.encode())] if proto else []
    scope = parse(BEHIND["MM_TRUSTED_PROXIES"]).seen({"client": (peer, 1), "headers": headers, "scheme": "http"})
    return scope["client"][0], scope["scheme"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (ALICE, (STRANGER,), ALICE),
        (LOOPBACK, (STRANGER,), LOOPBACK),
        (PROXY, (), PROXY),
        (PROXY, (ALICE,), ALICE),
        (PROXY, (f"{STRANGER}, {ALICE}",), ALICE),
        (PROXY, (STRANGER, ALICE), ALICE),
        (PROXY, (f"{ALICE}, 10.1.2.3",), ALICE),
        (PROXY, (f"{ALICE}:4711",), ALICE),
        (PROXY, ("[2001:db8::7]:4711",), "2001:db8::7"),
        (f"::ffff:{PROXY}", (ALICE,), ALICE),
        ("2001:db8::1", (ALICE,), ALICE),
        (PROXY, ("nonsense",), PROXY),
        (PROXY, (f"nonsense, {ALICE}",), ALICE),
        (PROXY, (f"{ALICE}, nonsense",), PROXY),
        (PROXY, (", ".join(["10.1.0.2"] * 1000),), "10.1.0.2"),
    ],
)
def test_the_client_is_the_last_in_the_chain_that_is_no_proxy_of_ours(
    peer: str, forwarded: tuple[str, ...], client: str
) -> None:
    """What stands before it in the header, or in a header from anybody else, anybody could have written."""
    assert seen(peer, *forwarded)[0] == client


def test_how_the_client_speaks_is_the_proxys_word() -> None:
    """A session over HTTPS is told from one in the clear."""
    assert seen(PROXY, ALICE, proto="https")[1] == "https"
    assert seen(ALICE, proto="https")[1] == "http"
    assert seen(PROXY, ALICE, proto="gopher")[1] == "http"


async def test_bad_tokens_of_one_lock_nobody_else_out() -> None:
    """Behind a proxy each client has a limit of its own, for signing in, too."""
    api = client(a_master(BEHIND), host=PROXY)

    async def sign_in(token: str, address: str) -> httpx.Response:
        headers = {**OWN, "X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
        return await api.post("/dashboard/v1/session", json={"token": token}, headers=headers)

    guesses = [(await sign_in("wrong", STRANGER)).status_code for _ in range(4)]
    assert guesses == [401, 401, 429, 429]
    assert "Secure" in (await sign_in("viewer", ALICE)).headers["set-cookie"]


async def test_a_made_up_header_is_no_way_round_the_limit() -> None:
    """Neither from this host nor from another one."""
    for host in (LOOPBACK, ALICE):
        api = client(a_master(BEHIND), host=host, token="wrong")
        statuses = [
            (await api.get("/v1/overview", headers={"X-Forwarded-For": f"10.9.0.{number}"})).status_code
            for number in range(4)
        ]
        assert statuses == [401, 401, 429, 429]


@pytest.mark.parametrize("name", FORWARDING)
@pytest.mark.parametrize("trusted", ["", LOOPBACK])
async def test_without_tokens_nothing_that_a_proxy_has_passed_on_is_answered(name: str, trusted: str) -> None:
    """A proxy on this host would make everybody its admin."""
    api = client(a_master({"MM_TRUSTED_PROXIES": trusted}))
    assert (await api.get("/v1/overview")).status_code == 200
    refused = await api.get("/v1/overview", headers={name: LOOPBACK})
    assert refused.status_code == 401
    assert name in refused.json()["detail"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "node-1"])
def test_without_tokens_a_master_opens_no_port_to_others(host: str) -> None:
    """Unless it is told that this is meant."""
    with pytest.raises(BadSettings, match="MM_TOKENS"):
        client(a_master({"MM_HTTP_HOST": host}))
    client(a_master({"MM_HTTP_HOST": host, "MM_WITHOUT_TOKENS": "true"}))
    client(a_master({"MM_HTTP_HOST": host, "MM_TOKENS": TOKEN}))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_on_this_host_alone_no_token_is_needed(host: str) -> None:
    """As on a developer's machine."""
    client(a_master({"MM_HTTP_HOST": host}))


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.0/99", "1.2.3"])
def test_a_proxy_that_is_no_address_stops_the_master(text: str) -> None:
    """A name could lead anywhere."""
    with pytest.raises(BadSettings, match="MM_TRUSTED_PROXIES"):
        parse(f"10.0.0.1,{text}")
