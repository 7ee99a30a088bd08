"""What the API changes: desired state with its conditions, and commands."""

import pytest

from events.changes import Pin
from events.commands import ApplyRetention, Reload, Sync
from events.desired import Desired, Latest, Policy
from events.names import Version
from master.errors import Conflict, NotFound, Refused
from master.fleet.stored import Stored
from service.errors import Transient
from tests.support.master_api import N1, N2, M, a_master, client

CHANGES = f"/v1/models/{M}/changes"
DESIRED = f"/v1/models/{M}/desired"
PIN = {"change": {"kind": "pin", "versions": [1]}}


async def test_a_change_is_ordered_as_it_was_asked_for() -> None:
    """Nodes, dry run, revision and key reach the one place where desired state changes; the answer has the new ETag."""
    master = a_master()
    headers = {"If-Match": '"7"', "Idempotency-Key": "night-42"}
    answer = await client(master).post(CHANGES, json={**PIN, "nodes": [N1], "dry_run": False}, headers=headers)
    order = master.changes.taken[0]
    assert (order.model, order.nodes, order.is_dry_run, order.if_revision, order.key) == (
        M,
        (N1,),
        False,
        7,
        "night-42",
    )
    assert order.change == Pin(versions=(Version(1),))
    assert (answer.headers["etag"], answer.json()["revision_after"]) == ('"8"', 8)


async def test_a_dry_run_changes_nothing() -> None:
    """The ETag stays what it was."""
    master = a_master()
    answer = await client(master).post(CHANGES, json={**PIN, "dry_run": True})
    assert master.changes.taken[0].is_dry_run
    assert answer.headers["etag"] == '"7"'
    put = await client(master).put(f"{DESIRED}?dry_run=true", json={}, headers={"If-Match": '"7"'})
    assert (master.changes.taken[1].is_dry_run, put.headers["etag"]) == (True, '"7"')


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body.change"),
        ({"change": {"kind": "explode"}}, "body.change"),
        ({"change": {"kind": "pin", "versions": []}}, "body.change.pin.versions"),
        ({"change": {"kind": "pin", "versions": ["1"]}}, "body.change.pin.versions.0"),
        ({"change": {"kind": "pin", "versions": [2**63]}}, "body.change.pin.versions.0"),
        ({"change": {"kind": "pause", "really": True}}, "body.change.pause.really"),
        ({**PIN, "nodes": []}, "body.nodes"),
        ({**PIN, "nodes": ["../x"]}, "body.nodes.0"),
        ({**PIN, "dryrun": True}, "body.dryrun"),
    ],
)
async def test_a_body_that_is_not_right_changes_nothing(body: object, where: str) -> None:
    """The problem names the field. No nodes at all is no way to say all of them."""
    master = a_master()
    answer = await client(master).post(CHANGES, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, where)
    assert master.changes.taken == []


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"change": NaN}',
        b"[" * 5000,
        b'{"\\ud800": 1}',
        b"\xff",
        b'{"change": {"kind": "pin", "\\ud800": 1}}',
        b"null",
    ],
)
async def test_no_body_brings_the_api_down(body: bytes) -> None:
    """What is no JSON, or JSON that is no text, is refused in words."""
    answer = await client(a_master()).post(CHANGES, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"]


async def test_a_body_has_to_say_that_it_is_json() -> None:
    """A form on another site cannot send that without the browser asking first."""
    answer = await client(a_master()).post(CHANGES, content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


async def test_a_document_goes_out_and_in_the_same() -> None:
    """What GET shows, PUT takes, with versions as keys and all; its ETag is the condition."""
    master = a_master()
    policy = Policy(want=Latest(count=2), retry={Version(3): "r"}, labels={"stable": Version(1)}, held=(Version(1),))
    document = Desired(policy=policy, nodes={N2: Policy(paused=True)})
    master.documents.stored[M] = Stored(document=document, revision=7)
    api = client(master)
    seen = await api.get(DESIRED)
    assert seen.headers["etag"] == '"7"'
    answer = await api.put(DESIRED, json=seen.json()["document"], headers={"If-Match": seen.headers["etag"]})
    assert answer.status_code == 200
    assert (master.changes.taken[0].change, master.changes.taken[0].if_revision) == (
        document,
        7,
    )


async def test_a_document_is_not_overwritten_unseen() -> None:
    """Without If-Match it is refused; `*` says that whatever is there may go."""
    master = a_master()
    api = client(master)
    missing = await api.put(DESIRED, json={})
    assert (missing.status_code, missing.json()["type"]) == (428, "urn:model-manager:problem:no-precondition")
    assert (await api.put(DESIRED, json={}, headers={"If-Match": "*"})).status_code == 200
    assert [order.if_revision for order in master.changes.taken] == [None]


@pytest.mark.parametrize("etag", ["7", 'W/"7"', '"7", "8"', '"x"', '""', '"' + "9" * 30 + '"'])
async def test_an_etag_that_is_none_of_ours_is_refused(etag: str) -> None:
    """It is not taken for no condition at all."""
    master = a_master()
    answer = await client(master).post(CHANGES, json=PIN, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "header.If-Match")
    assert master.changes.taken == []


async def test_an_idempotency_key_is_short_and_plain() -> None:
    """It is kept for a day, so it has a bound."""
    answer = await client(a_master()).post(CHANGES, json=PIN, headers={"Idempotency-Key": "x" * 129})
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "header.Idempotency-Key")


@pytest.mark.parametrize(
    ("failure", "headers", "status", "slug"),
    [
        (Conflict("changed", revision=9), {"If-Match": '"7"'}, 412, "changed"),
        (Conflict("changed", revision=9), {}, 409, "conflict"),
        (Refused("no"), {}, 422, "refused"),
        (NotFound("no"), {}, 404, "not-found"),
        (Transient("NATS is away"), {}, 503, "away"),
    ],
)
async def test_what_stands_against_a_change_has_a_status_of_its_own(
    failure: Exception, headers: dict[str, str], status: int, slug: str
) -> None:
    """A script can tell what to do next: look again, give up, or come again later."""
    master = a_master()
    master.changes.failure = failure
    answer = await client(master).post(CHANGES, json=PIN, headers=headers)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"urn:model-manager:problem:{slug}")
    assert problem["detail"] == str(failure)
    assert problem.get("revision") == (9 if isinstance(failure, Conflict) else None)
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_commands_go_to_the_service_that_follows_them() -> None:
    """To all nodes or to the named ones, with model and dry run as asked; an empty body means everything everywhere."""
    master = a_master()
    api = client(master)
    await api.post("/v1/commands/sync", json={"model": M, "nodes": [N1], "dry_run": True})
    await api.post("/v1/commands/reload")
    await api.post("/v1/commands/retention", json={"model": M})
    assert master.asked == [
        ("puller", Sync(model=M, dry_run=True, actor="local"), (N1,)),
        ("configurator", Reload(actor="local"), None),
        ("configurator", ApplyRetention(model=M, actor="local"), None),
    ]
    assert (await api.post("/v1/commands/reload", json={"model": M})).status_code == 422
    assert (await api.post("/v1/commands/reload", json={"nodes": ["other"]})).status_code == 404


async def test_a_repeated_command_has_the_same_id_and_another_one_has_not() -> None:
    """Nodes follow an id once; the same key for something else must not be taken for a repeat."""
    master = a_master()
    api = client(master)
    for body in ({}, {}, {"model": M}):
        await api.post("/v1/commands/sync", json=body, headers={"Idempotency-Key": "k"})
    first, again, other = (request.id for _, request, _ in master.asked)
    assert first == again != other


async def test_a_command_that_reaches_nobody_while_nats_is_away_fails() -> None:
    """It names the nodes; while NATS is there, silent nodes are named in an answer like any other."""
    master = a_master()
    master.is_silent = True
    silent = await client(master).post("/v1/commands/reload")
    assert (silent.status_code, silent.json()["unanswered"]) == (200, [N1, N2])
    master.become_stale()
    away = await client(master).post("/v1/commands/reload")
    assert (away.status_code, away.json()["unanswered"]) == (503, [N1, N2])
    assert "connection lost" in away.json()["detail"]
