"""A browser's session: who gets one, what it allows, and that no page from elsewhere can use it."""

import hashlib

import httpx
import pytest

from master.api.session import COOKIE, MAX_SECONDS, PREFIX, SECURE_COOKIE
from tests.support.master_api import ELSEWHERE, a_master, client

GUARDED = {
    "MM_TOKENS": ",".join(
        f"{role}-1:{role}:{hashlib.sha256(role.encode()).hexdigest()}" for role in ("viewer", "admin")
    )
}
OWN = {"Sec-Fetch-Site": "same-origin"}
OLDER_BROWSER = {"Origin": "http://127.0.0.1:8000"}
PAUSE = {"change": {"kind": "pause"}}


def browser(token: str = "") -> httpx.AsyncClient:
    """A browser somewhere, with a session if a token is given."""
    api = client(a_master(GUARDED), host=ELSEWHERE)
    if token:
        api.cookies.set(COOKIE, token)
    return api


@pytest.mark.parametrize("headers", [OWN, OLDER_BROWSER])
async def test_a_known_token_becomes_a_cookie_that_scripts_cannot_read(headers: dict[str, str]) -> None:
    """It comes back with requests of the API alone, never from another site, and not for ever."""
    answer = await browser().post("/v1/session", json={"token": " admin "}, headers=headers)
    assert answer.json() == {"name": "admin-1", "role": "admin", "is_open": False}
    cookie = answer.headers["set-cookie"]
    assert cookie == f"{COOKIE}=admin; HttpOnly; Max-Age={MAX_SECONDS}; Path=/dashboard; SameSite=strict"


async def test_over_https_the_cookie_is_for_https_alone() -> None:
    """A later request in the clear does not carry it."""
    api = browser()
    api.base_url = httpx.URL("https://127.0.0.1:8000")
    answer = await api.post("/v1/session", json={"token": "admin"}, headers=OWN)
    cookie = answer.headers["set-cookie"]
    assert cookie == f"{SECURE_COOKIE}=admin; HttpOnly; Max-Age={MAX_SECONDS}; Path=/; SameSite=strict; Secure"
    assert SECURE_COOKIE.startswith("__Host-")


@pytest.mark.parametrize("cookie", [COOKIE, SECURE_COOKIE])
async def test_a_session_counts_where_the_dashboard_asks_and_nowhere_else(cookie: str) -> None:
    """TensorFlow Serving, on another port of the same host, shares the paths of the API but not the dashboard's."""
    api = browser()
    api.cookies.set(cookie, "viewer")
    assert (await api.get(f"{PREFIX}/v1/overview")).status_code == 200
    assert (await api.get("/v1/overview")).status_code == 401


@pytest.mark.parametrize(
    ("token", "headers", "status"),
    [
        ("wrong", OWN, 401),
        ("admin", {}, 403),
        ("admin", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("admin", {"Sec-Fetch-Site": "same-site"}, 403),
        ("admin", {"Origin": "http://elsewhere.example"}, 403),
    ],
)
async def test_nobody_else_is_signed_in(token: str, headers: dict[str, str], status: int) -> None:
    """Neither with an unknown token, nor by a page from elsewhere that wants the viewer in its own session."""
    answer = await browser().post("/v1/session", json={"token": token}, headers=headers)
    assert answer.status_code == status
    assert "set-cookie" not in answer.headers


async def test_guesses_have_a_bound() -> None:
    """Signing in is not a way round the rate that one address has."""
    api = client(a_master({**GUARDED, "MM_REQUESTS_PER_SECOND": "1"}), host=ELSEWHERE)
    statuses = [(await api.post("/v1/session", json={"token": "wrong"}, headers=OWN)).status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]


async def test_a_session_says_whose_it_is() -> None:
    """So that the page offers what the role allows."""
    answer = await browser("viewer").get(f"{PREFIX}/v1/session")
    assert answer.json() == {"name": "viewer-1", "role": "viewer", "is_open": False}


async def test_without_tokens_this_host_needs_no_session() -> None:
    """Whoever is on it is admin, as for programs."""
    answer = await client(a_master()).get("/v1/session")
    assert answer.json() == {"name": "local", "role": "admin", "is_open": True}


@pytest.mark.parametrize("token", ["", "taken-away"])
async def test_an_unknown_session_is_none(token: str) -> None:
    """A token that was taken away ends its sessions."""
    assert (await browser(token).get(f"{PREFIX}/v1/session")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OWN, 200),
        (OLDER_BROWSER, 200),
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site", **OLDER_BROWSER}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://127.0.0.1:9999"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_page_from_elsewhere_cannot_use_a_session(headers: dict[str, str], status: int) -> None:
    """The browser sends the cookie with it; what says not that it comes from the dashboard is refused."""
    answer = await browser("admin").post(f"{PREFIX}/v1/models/m/changes", json=PAUSE, headers=headers)
    assert answer.status_code == status


async def test_a_session_has_the_rights_of_its_token_and_no_more() -> None:
    """A viewer's page cannot change anything, whatever it shows."""
    answer = await browser("viewer").post(f"{PREFIX}/v1/models/m/changes", json=PAUSE, headers=OWN)
    assert (answer.status_code, answer.json()["needs"]) == (403, "operator")


async def test_a_bearer_token_goes_before_a_session() -> None:
    """A program that happens to have the cookie is who its token says."""
    answer = await browser("admin").get(f"{PREFIX}/v1/session", headers={"Authorization": "Bearer viewer"})
    assert answer.json()["name"] == "viewer-1"


async def test_signing_out_takes_the_cookie_away() -> None:
    """Also where the token is not known any more."""
    answer = await browser("taken-away").delete(f"{PREFIX}/v1/session", headers=OWN)
    assert answer.status_code == 204
    plain, secure = answer.headers.get_list("set-cookie")
    assert plain.startswith(f'{COOKIE}="";')
    assert "Max-Age=0; Path=/dashboard" in plain
    assert secure.startswith(f'{SECURE_COOKIE}="";')
    assert "Max-Age=0; Path=/;" in secure
