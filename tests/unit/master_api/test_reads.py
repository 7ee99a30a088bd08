"""What the API shows: the declared models, in parts, and stale where it is."""

import base64
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from events.names import ModelName, NodeName
from master.api.app import ROUTERS
from service.errors import Transient
from tests.support.master_api import N1, N2, FakeMaster, M, a_fleet, a_master, client

CHANGE = {"change": {"kind": "rollback"}, "nodes": [N1], "dry_run": True}


def routes() -> Iterator[APIRoute]:
    """The routes that declare a model for their answer; signing in needs tokens, and has tests of its own."""
    for router in ROUTERS:
        found = (route for route in router.routes if isinstance(route, APIRoute) and route.response_model)
        yield from (route for route in found if route.name != "sign_in")


async def ask(api: httpx.AsyncClient, route: APIRoute) -> httpx.Response:
    """Ask a route for something that is there."""
    method = min(route.methods or {"GET"})
    path = route.path.format(model=M, node=N1, version=2)
    body = CHANGE if path.endswith("/changes") else {}
    return await api.request(method, path, json=None if method == "GET" else body, headers={"If-Match": '"7"'})


@pytest.mark.parametrize("route", list(routes()), ids=lambda route: route.name)
async def test_what_is_sent_is_the_model_that_is_declared(route: APIRoute) -> None:
    """Answers are not checked on their way out, so this holds them to the document: no field more, none less."""
    answer = await ask(client(a_master()), route)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    declared = TypeAdapter(route.response_model)
    assert declared.dump_json(declared.validate_json(answer.content, strict=False)) == answer.content


@pytest.mark.parametrize("path", ["/v1/nodes", "/v1/models", f"/v1/models/{M}/nodes"])
async def test_lists_come_in_parts_without_gap_or_repeat(path: str) -> None:
    """Following `next` gives everything once, in order; the cursor shows no name and needs no escaping."""
    nodes = [NodeName(f"node-{number:02}") for number in range(7)]
    models = [M, *(ModelName(f"model.{number}") for number in range(4))]
    api = client(FakeMaster(a_master().settings, fleet=a_fleet(nodes, models)))
    whole = (await api.get(path)).json()
    parts = [(await api.get(path, params={"limit": 2})).json()]
    while cursor := parts[-1]["next"]:
        assert cursor.replace("-", "").replace("_", "").isalnum()
        parts.append((await api.get(path, params={"limit": 2, "cursor": cursor})).json())
    assert [len(part["items"]) for part in parts[:-1]] == [2] * (len(parts) - 1)
    assert [row for part in parts for row in part["items"]] == whole["items"]
    assert {part["total"] for part in (whole, *parts)} == {len(whole["items"])}


async def test_lists_are_narrowed_by_state_and_name() -> None:
    """The words of the query are those of the answers."""
    api = client(a_master())
    assert [row["node"] for row in (await api.get("/v1/nodes?search=-2")).json()["items"]] == [N2]
    assert (await api.get("/v1/models?state=failed")).json()["items"] == []
    assert (await api.get(f"/v1/models/{M}/nodes?state=serving&limit=1")).json()["total"] == 2


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=%21",
        "cursor=" + base64.urlsafe_b64encode("\u00e9".encode()).decode().rstrip("="),
        "state=gone",
        "search=" + "x" * 129,
        "colour=red",
    ],
)
async def test_a_query_that_is_not_right_is_refused_by_name(query: str) -> None:
    """A slip of the pen is an error that names the parameter, and not an answer to another question."""
    answer = await client(a_master()).get(f"/v1/nodes?{query}")
    assert answer.status_code == 422
    assert [one["where"] for one in answer.json()["errors"]] == [f"query.{query.partition('=')[0]}"]


async def test_the_matrix_is_a_window() -> None:
    """Named models by named nodes, in the order asked for; the first ones where none are named; never too many."""
    api = client(a_master())
    named = (await api.get("/v1/matrix", params={"models": [M, "other"], "nodes": [N2, "node-9"]})).json()
    assert named["cells"] == [[{"state": "serving", "serving": [2]}, None], [None, None]]
    assert (await api.get("/v1/matrix")).json()["nodes"] == [N1, N2]
    many = {"models": [f"m{number}" for number in range(101)], "nodes": [f"n{number}" for number in range(100)]}
    assert (await api.get("/v1/matrix", params=many)).status_code == 422


@pytest.mark.parametrize(
    "path",
    ["/v1/nodes/other", "/v1/models/other", "/v1/models/other/nodes", f"/v1/models/{M}/nodes/other", "/v1/other"],
)
async def test_what_is_not_there_is_a_problem_in_words(path: str) -> None:
    """The document has the five members of the RFC, and its instance is what was asked for."""
    answer = await client(a_master()).get(path)
    problem = answer.json()
    assert answer.status_code == problem["status"] == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["instance"] == path
    assert problem["type"] == "urn:model-manager:problem:not-found"
    assert problem["title"]
    assert problem["detail"]


async def test_a_wrong_method_says_which_are_right() -> None:
    """405 comes with Allow."""
    answer = await client(a_master()).patch("/v1/overview")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.json()["type"] == "urn:model-manager:problem:wrong-method"


async def test_while_nats_is_away_reads_show_the_last_known_and_say_so() -> None:
    """Nobody mistakes an old view for a fresh one; the desired document is the one last seen."""
    master = a_master()
    fresh = await client(master).get("/v1/nodes")
    assert "mm-stale-since" not in fresh.headers
    master.become_stale()
    master.documents.failure = Transient("NATS is away")
    api = client(master)
    for path in ("/v1/nodes", f"/v1/models/{M}", f"/v1/models/{M}/desired", "/v1/models/other/desired"):
        answer = await api.get(path)
        assert (answer.status_code, answer.headers["mm-stale-since"]) == (200, "2026-03-01T12:00:00+00:00")
    assert (await api.get("/v1/overview")).json()["freshness"]["is_stale"] is True


async def test_a_fault_of_the_master_is_a_problem_too() -> None:
    """The client learns that it is not its fault; the words of the fault stay in the log."""
    master = a_master()
    master.documents.failure = ZeroDivisionError("secret")
    answer = await client(master).get(f"/v1/models/{M}/desired")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:model-manager:problem:bug")
    assert "secret" not in answer.text


async def test_history_is_asked_for_as_the_query_says() -> None:
    """Filters, the place to go on from, and the number of events reach the history."""
    master = a_master()
    answer = await client(master).get(f"/v1/history?model={M}&node={N1}&kind=version.served&version=2&before=2&limit=1")
    assert [entry["sequence"] for entry in answer.json()["entries"]] == [1]
    which, before = master.history.asked[0]
    assert (which.model, which.node, which.kind, which.version, before) == (M, N1, "version.served", 2, 2)
    for wrong in ("kind=*.*", "kind=>", "version=01", "before=-1", "model=../x"):
        assert (await client(master).get(f"/v1/history?{wrong}")).status_code == 422
