"""The application around the answers: paths beside the API, limits, foreign pages."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from infra.tfserving.rest import create_app
from infra.tfserving.servable import Code
from tests.support.tfserving_rest import FakeCore, FakeServable, Gate

PREDICT = "/v1/models/m:predict"


@asynccontextmanager
async def client(
    core: FakeCore, *, timeout_seconds: float = 30.0, cors: bool = False
) -> AsyncIterator[httpx.AsyncClient]:
    """Connect a client to the application, without a socket."""
    app = create_app(core, timeout_seconds=timeout_seconds, cors=cors)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://server") as connected:
        yield connected


async def test_answers_are_json_whatever_the_method() -> None:
    """Every path under /v1/ is answered with JSON, be it a failure."""
    async with client(FakeCore()) as http:
        good = await http.post(PREDICT, json={"instances": [1, 2]})
        bad = await http.delete("/v1/models/m")
    assert (good.status_code, good.json()) == (200, {"predictions": [2.0, 4.0]})
    assert (bad.status_code, bad.json()) == (400, {"error": "Malformed request: DELETE /v1/models/m"})
    assert good.headers["content-type"] == bad.headers["content-type"] == "application/json"


async def test_other_paths_are_not_found() -> None:
    """The page is HTML, as it comes from the HTTP server and not from the API."""
    async with client(FakeCore()) as http:
        reply = await http.get("/models/m")
    assert reply.status_code == 404
    assert "404 Not Found" in reply.text
    assert reply.headers["content-type"].startswith("text/html")


async def test_the_query_belongs_to_the_path() -> None:
    """A query makes another name of a model, as in the official server."""
    async with client(FakeCore()) as http:
        reply = await http.get("/v1/models/m?x=1")
    assert reply.json() == {"error": "Could not find any versions of model m?x=1"}


async def test_a_body_may_be_gzipped() -> None:
    """A packed body is unpacked; one that is damaged counts as empty."""
    packed = gzip.compress(b'{"instances": [1]}')
    headers = {"content-encoding": "gzip"}
    async with client(FakeCore()) as http:
        good = await http.post(PREDICT, content=packed, headers=headers)
        damaged = [await http.post(PREDICT, content=body, headers=headers) for body in (packed[:-9], b"noise")]
    assert good.json() == {"predictions": [2.0]}
    assert [bad.json() for bad in damaged] == [{"error": "JSON Parse error: The document is empty"}] * 2


async def test_a_request_that_takes_too_long_is_given_up() -> None:
    """The client is told after the limit, though the model still works on it."""
    gate = Gate()
    core = FakeCore(FakeServable(gate.run))
    async with client(core, timeout_seconds=0.01) as http:
        reply = await http.post(PREDICT, json={"instances": [1]})
        gate.opened.set()
    assert (reply.status_code, reply.json()) == (504, {"error": "Timed out waiting for notification"})


async def test_a_limit_of_zero_is_no_limit() -> None:
    """`--rest_api_timeout_in_ms=0` waits for as long as it takes."""
    gate = Gate()
    async with client(FakeCore(FakeServable(gate.run)), timeout_seconds=0) as http, asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(http.post(PREDICT, json={"instances": [1]}))
        status = await http.get("/v1/models/m")
        assert status.status_code == 200
        assert not waiting.done()
        gate.opened.set()
    assert waiting.result().json() == {"predictions": [2.0]}


async def test_foreign_pages_are_let_in_only_if_asked_for() -> None:
    """CORS headers come with the flag, and a preflight needs an origin."""
    async with client(FakeCore(), cors=True) as http:
        allowed = await http.options(PREDICT, headers={"origin": "https://page"})
        refused = await http.options(PREDICT)
    async with client(FakeCore()) as http:
        plain = await http.get("/v1/models/m")
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "*")
    assert refused.status_code == 400
    assert "access-control-allow-origin" not in plain.headers


async def test_a_body_nested_without_end_is_refused_and_counted() -> None:
    """A hostile body costs one request, not the server."""
    core, statuses = FakeCore(), list[int]()
    async with client(core) as http:
        for depth in (100, 900, 940, 970, 990, 1_000, 100_000):
            reply = await http.post(PREDICT, content=b'{"instances": ' + b"[" * depth + b"1" + b"]" * depth + b"}")
            statuses.append(reply.status_code)
    assert (statuses[0], statuses[-1]) == (200, 400)
    assert set(statuses) == {200, 400}
    assert [code for *_, code in core.recorded] == [
        Code.OK if status == 200 else Code.INVALID_ARGUMENT for status in statuses
    ]
