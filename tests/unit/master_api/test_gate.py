"""What every request passes: tokens, roles, bounds, headers."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator

import pytest

from master.api import openapi
from master.api.auth import Tokens
from master.api.gate import BODY_SECONDS, HEADERS, Gate
from master.api.limits import MAX_REMEMBERED, Rate, StreamSlots
from master.api.problems import Problem
from tests.support import virtual_time
from tests.support.master_api import ELSEWHERE, a_master, client

TOKENS = ",".join(
    f"{role}-1:{role}:{hashlib.sha256(role.encode()).hexdigest()}" for role in ("viewer", "operator", "admin")
)
GUARDED = {"MM_TOKENS": TOKENS}
PIN = {"change": {"kind": "pin", "versions": [1]}}


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic dmlld2Vy", "Bearer", "viewer", "Bearer \xff"])
@pytest.mark.parametrize("path", ["/v1/overview", "/v1/nothing", "/elsewhere"])
async def test_without_a_known_token_nothing_is_told(authorization: str | None, path: str) -> None:
    """Not even which paths there are; and the answer says how to sign in, from this host as from others."""
    headers = {b"Authorization": authorization.encode("latin-1")} if authorization else {}
    answer = await client(a_master(GUARDED)).get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="model.manager"')
    assert answer.json()["type"] == "urn:model-manager:problem:not-signed-in"


async def test_pages_about_the_master_need_no_token() -> None:
    """Probes and scrapers have none."""
    api = client(a_master(GUARDED), host=ELSEWHERE)
    statuses = {
        path: (await api.get(path)).status_code
        for path in ("/livez", "/readyz", "/status", "/metrics", "/openapi.json")
    }
    assert statuses == {"/livez": 200, "/readyz": 503, "/status": 200, "/metrics": 200, "/openapi.json": 200}


async def test_each_role_may_do_what_it_should() -> None:
    """Viewers read, operators change, admins forget; a refusal names the role that is needed."""
    statuses = {}
    for role in ("viewer", "operator", "admin"):
        api = client(a_master(GUARDED), host=ELSEWHERE, token=role)
        statuses[role] = [
            (await api.get("/v1/overview")).status_code,
            (await api.post("/v1/models/m/changes", json=PIN)).status_code,
            (await api.post("/v1/commands/sync")).status_code,
            (await api.put("/v1/models/m/desired", json={}, headers={"If-Match": "*"})).status_code,
            (await api.delete("/v1/nodes/node-1")).status_code,
        ]
    assert statuses == {
        "viewer": [200, 403, 403, 403, 403],
        "operator": [200, 200, 200, 200, 403],
        "admin": [200, 200, 200, 200, 200],
    }
    refusal = (await client(a_master(GUARDED), token="operator").delete("/v1/nodes/node-1")).json()
    assert refusal["needs"] == "admin"
    assert "operator-1" in refusal["detail"]


async def test_who_may_only_look_may_have_a_dry_run() -> None:
    """It changes nothing: a viewer, and an operator of other models, see what a change would do."""
    digest = hashlib.sha256(b"bounded").hexdigest()
    master = a_master({"MM_TOKENS": f"{GUARDED['MM_TOKENS']},ci:operator:{digest}:team-a-*"})
    for token in ("viewer", "bounded"):
        api = client(master, host=ELSEWHERE, token=token)
        tied = {"If-Match": "*"}
        answers = [
            await api.post("/v1/models/m/changes", json={**PIN, "dry_run": True}),
            await api.put("/v1/models/m/desired?dry_run=true", json={}, headers=tied),
            await api.post("/v1/models/m/changes", json={**PIN, "dry_run": False}),
            await api.put("/v1/models/m/desired?dry_run=false", json={}, headers=tied),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 403, 403]
    assert all(order.is_dry_run for order in master.changes.taken)


async def test_a_bounded_operator_changes_its_own_models_alone() -> None:
    """On every route that changes anything; it reads all, and a refusal names the bound."""
    digest = hashlib.sha256(b"bounded").hexdigest()
    master = a_master({"MM_TOKENS": f"ci:operator:{digest}:team-a-*"})
    api = client(master, host=ELSEWHERE, token="bounded")
    tied = {"If-Match": "*"}
    statuses = [
        (await api.get("/v1/overview")).status_code,
        (await api.post("/v1/models/team-a-m/changes", json=PIN)).status_code,
        (await api.put("/v1/models/team-a-m/desired", json={}, headers=tied)).status_code,
        (await api.post("/v1/commands/sync", json={"model": "team-a-m"})).status_code,
        (await api.post("/v1/models/m/changes", json=PIN)).status_code,
        (await api.put("/v1/models/m/desired", json={}, headers=tied)).status_code,
        (await api.post("/v1/commands/sync", json={"model": "m"})).status_code,
        (await api.post("/v1/commands/sync")).status_code,
        (await api.post("/v1/commands/retention")).status_code,
        (await api.post("/v1/commands/reload")).status_code,
        (await api.delete("/v1/nodes/node-1")).status_code,
    ]
    assert statuses == [200, 200, 200, 200, 403, 403, 403, 403, 403, 403, 403]
    assert [order.model for order in master.changes.taken] == ["team-a-m", "team-a-m"]
    refusal = (await api.post("/v1/models/m/changes", json=PIN)).json()["detail"]
    assert refusal == "the token ci may change models called team-a-*: model m is none"


async def test_every_route_that_changes_a_model_is_bounded() -> None:
    """A route that is added later is bounded by its path, or stands in this list with its reason."""
    document = json.loads(openapi.render())
    by_body = {"/v1/commands/sync", "/v1/commands/retention", "/v1/commands/reload"}
    of_no_model = {"/v1/session", "/v1/nodes/{node}"}
    for path, methods in document["paths"].items():
        if path.startswith("/v1/") and {"post", "put", "delete", "patch"} & set(methods):
            assert "{model}" in path or path in by_body | of_no_model, path


async def test_without_tokens_only_this_host_is_answered() -> None:
    """Closed unless opened: neither another host, nor another name of this one, nor another site's page."""
    master = a_master()
    assert (await client(master).get("/v1/overview")).status_code == 200
    assert (await client(master, host=ELSEWHERE).get("/v1/overview")).status_code == 401
    assert (await client(master).get("/v1/overview", headers={"Host": "evil.example"})).status_code == 401
    from_page = await client(master).post("/v1/commands/reload", headers={"Origin": "http://evil.example"})
    assert from_page.status_code == 403
    assert master.asked == []
    same = await client(master).post("/v1/commands/reload", headers={"Origin": "http://127.0.0.1:8000"})
    assert same.status_code == 200


async def test_who_asks_is_put_on_record() -> None:
    """Changes, commands and forgetting carry the token's name."""
    master = a_master(GUARDED)
    api = client(master, token="admin")
    await api.post("/v1/models/m/changes", json=PIN)
    await api.post("/v1/commands/reload")
    await api.delete("/v1/nodes/node-1")
    assert (master.changes.taken[0].actor, master.asked[0][1].actor, master.forgotten[0][1]) == ("admin-1",) * 3


async def parts(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b" " * size


async def test_a_body_has_a_bound_whether_or_not_it_says_its_length() -> None:
    """Too much is refused before any of it is read as JSON; just enough is not."""
    api = client(a_master())
    said = await api.post("/v1/commands/sync", content=b" " * 65537)
    chunked = await api.post("/v1/commands/sync", content=parts(100, 1024))
    lying = await api.post("/v1/commands/sync", content=parts(100, 1024), headers={"Content-Length": "1"})
    assert [answer.status_code for answer in (said, chunked, lying)] == [413] * 3
    fits = await api.post(
        "/v1/commands/sync", content=b"{}" + b" " * 65534, headers={"Content-Type": "application/json"}
    )
    assert fits.status_code == 200


def test_a_body_has_a_time() -> None:
    """A client that sends a byte now and then holds nothing up for long."""

    async def slow() -> dict[str, object]:
        await asyncio.sleep(1)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def never(*_: object) -> None:
        raise AssertionError("the application was reached")

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/commands/sync",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "scheme": "http",
    }

    async def ask() -> float:
        await Gate(never, tokens=Tokens({}), rate=Rate(1))(scope, slow, send)  # type: ignore[arg-type]  # plain dicts
        return virtual_time.now()

    assert virtual_time.run(ask()) == BODY_SECONDS
    assert sent[0]["status"] == 408


async def test_every_answer_has_the_headers_of_a_safe_api() -> None:
    """Nothing is stored, sniffed, framed or run, whether it went well or not; and no other site may read it."""
    api = client(a_master(), host="127.0.0.1")
    for path in ("/v1/overview", "/v1/nothing", "/v1/nodes?limit=0", "/livez"):
        answer = await api.get(path, headers={"Origin": "http://127.0.0.1:8000"})
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
        assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_token_that_asks_too_much_is_told_when_to_come_again() -> None:
    """One client's flood does not take the master from others; guessing tokens has the same bound."""
    master = a_master({**GUARDED, "MM_REQUESTS_PER_SECOND": "0.01"})
    api = client(master, token="viewer")
    first, second = [await api.get("/v1/overview") for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 429)
    assert 1 <= int(second.headers["retry-after"]) <= 100
    other = await api.get("/v1/overview", headers={"Authorization": "Bearer admin"})
    guesses = [(await api.get("/v1/overview", headers={"Authorization": "Bearer x"})).status_code for _ in range(2)]
    assert other.status_code == 200
    assert guesses == [401, 429]


def test_the_rate_allows_a_burst_and_then_so_many_a_second() -> None:
    """Silence fills the bucket, up to twice a second's worth."""
    rate = Rate(10)

    def taken(at: float) -> int:
        count = 0
        try:
            while True:
                rate.take("c", at)
                count += 1
        except Problem:
            return count

    assert [taken(0.0), taken(0.5), taken(0.5), taken(1000.0)] == [20, 5, 0, 20]


def test_only_so_many_clients_are_remembered() -> None:
    """Addresses without end do not fill the memory."""
    rate = Rate(1)
    for number in range(MAX_REMEMBERED + 50):
        rate.take(str(number), 0.0)
    assert len(rate._buckets) == MAX_REMEMBERED


def test_places_for_streams_are_given_back() -> None:
    """Each caller has some, all together have more, and a stream that ends makes room."""
    places = StreamSlots(total=2, each=1)
    with places.one("a"), places.one("b"):
        for caller in ("a", "c"):
            with pytest.raises(Problem), places.one(caller):
                pass
    with places.one("a"), places.one("c"):
        pass


def test_wrong_tokens_stop_the_start() -> None:
    """An API with a misread token list never opens."""
    with pytest.raises(Exception, match="MM_TOKENS, entry 1"):
        client(a_master({"MM_TOKENS": "x"}))
