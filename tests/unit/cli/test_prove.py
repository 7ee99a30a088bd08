"""`prove`: what was served where at a moment, out of history, and checked anywhere by the nodes' public keys."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from events.attested import Attested, AttestedVersion, Occasion
from events.messages import ModelAttested
from events.names import ModelName, NodeName, Version
from master.answers import Entry, HistoryPage
from master.cli.exits import Exit
from service.signatures import attestation
from service.signatures.keys import PrivateKey, generate
from tests.fakes.master import FakeTransport, ok, run
from tests.support.signing import write

RANKER, NODE_1, NODE_2 = ModelName("ranker"), NodeName("node-1"), NodeName("node-2")
KEYS = {NODE_1: generate(), NODE_2: generate()}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
AT = "2026-01-01T12:30"


def said(
    node: NodeName, minutes: float, *versions: int, occasion: Occasion = "change", since: float | None = None
) -> ModelAttested:
    """A statement of a node, so many minutes after noon."""
    at = NOON + timedelta(minutes=minutes)
    served = tuple(
        AttestedVersion(version=Version(number), digest="ab" * 32, signed_by="release (aa)", provenance="built by ci")
        for number in versions
    )
    began = at if since is None else NOON + timedelta(minutes=since)
    attested = Attested(node=node, model=RANKER, since=began, at=at, occasion=occasion, served=served)
    return attestation.sign(attested, KEYS[node])


def entry(event: ModelAttested, *, node: NodeName | None = None) -> Entry:
    return Entry(
        sequence=1,
        id="1",
        time=event.at,
        node=node or event.node,
        service="configurator",
        kind=event.type,
        model=event.model,
        sentence="",
        data=event.model_dump(mode="json"),
    )


def history(*events: ModelAttested) -> FakeTransport:
    entries = tuple(entry(event) for event in sorted(events, key=lambda event: event.at, reverse=True))
    return FakeTransport({"GET /v1/history": ok(HistoryPage(entries=entries))})


HISTORY = (
    *(said(NODE_1, 0, 7, occasion="start"), said(NODE_1, 20, 8), said(NODE_1, 40, 9)),
    *(said(NODE_2, 10, 7), said(NODE_2, 50, occasion="return")),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "keys", {f"{node}.pem": key.public.pem for node, key in KEYS.items()})


def test_what_was_served_at_a_moment_is_told() -> None:
    """Of each node the last it said before, who had signed the version, and what it said next."""
    outcome = run(history(*HISTORY), "prove", "ranker", "--at", AT)
    assert outcome.out.splitlines() == [
        "ranker at 2026-01-01 12:30:00 UTC, as nodes have signed it, not checked (--key):",
        "node-1 served since 2026-01-01 12:20:00 UTC (said at 2026-01-01 12:20:00 UTC)",
        "  version 8, SHA-256 abababababab, signed by release (aa), built by ci",
        "  the next it said was at 2026-01-01 12:40:00 UTC (change)",
        "node-2 served since 2026-01-01 12:10:00 UTC (said at 2026-01-01 12:10:00 UTC)",
        "  version 7, SHA-256 abababababab, signed by release (aa), built by ci",
        "  the next it said was at 2026-01-01 12:50:00 UTC (return, after a time in which nobody watched)",
    ]


def test_it_is_checked_by_the_nodes_keys_without_a_master(folder: Path, tmp_path: Path) -> None:
    """The file that was written holds all there is to check."""
    file = tmp_path / "ranker.proof"
    told = run(history(*HISTORY), "prove", "ranker", "--at", AT, "--out", str(file), "--key", str(folder))
    assert "checked:" in told.out
    checked = run(FakeTransport(), "prove", "--verify", str(file), "--key", str(folder))
    assert (checked.code, checked.out) == (Exit.DONE, told.out)
    assert "signed by node-1" in checked.out
    fields = json.loads(run(FakeTransport(), "prove", "--verify", str(file), "--key", str(folder), "--json").out)
    assert [(one["node"], one["served"][0]["version"]) for one in fields["nodes"]] == [("node-1", 8), ("node-2", 7)]
    again = run(history(*HISTORY), "prove", "ranker", "--at", AT, "--out", str(file))
    assert again.code == Exit.FAILED


def edited(file: Path, before: str, after: str) -> Path:
    text = file.read_text()
    assert before in text
    other = file.with_suffix(".edited")
    other.write_text(text.replace(before, after))
    return other


def test_a_changed_proof_is_refused(folder: Path, tmp_path: Path) -> None:
    """By a byte, by another model's name, at a moment of which it says nothing, by other keys."""
    file = tmp_path / "proof"
    run(history(*HISTORY), "prove", "ranker", "--at", AT, "--out", str(file))
    payload = json.loads(file.read_text())["statements"][0]["dsseEnvelope"]["payload"]
    swapped = payload[:50] + ("A" if payload[50] != "A" else "B") + payload[51:]
    cases = {
        edited(file, payload, swapped): "proves nothing",
        write(tmp_path, {"other": file.read_bytes().replace(b'"ranker"', b'"other"')}) / "other": "not about other",
        write(tmp_path, {"early": file.read_bytes().replace(b"T12:30", b"T11:30")}) / "early": "no statement holds",
        write(tmp_path, {"rubbish": b"{"}) / "rubbish": "is no proof",
        write(tmp_path, {"empty": b'{"format": "model-manager.proof/1"}'}) / "empty": "is no proof",
        tmp_path / "gone": "cannot be read",
    }
    for path, words in cases.items():
        outcome = run(FakeTransport(), "prove", "--verify", str(path), "--key", str(folder))
        assert outcome.code == Exit.FAILED, path
        assert words in outcome.errors


def test_a_node_speaks_for_itself_alone(tmp_path: Path, folder: Path) -> None:
    """In a folder of keys each is its node's; one that is given alone counts for all."""
    forged = attestation.sign(said(NODE_1, 0, 9), KEYS[NODE_2])
    file = tmp_path / "proof"
    run(history(forged), "prove", "ranker", "--at", AT, "--out", str(file))
    outcome = run(FakeTransport(), "prove", "--verify", str(file), "--key", str(folder))
    assert "speaks for node-1, and is signed by the key of node-2" in outcome.errors
    shared = run(FakeTransport(), "prove", "--verify", str(file), "--key", str(folder / "node-2.pem"))
    assert "checked" in shared.out


def test_a_renewed_statement_stands_for_one_that_history_forgot() -> None:
    """It says since when nothing has changed."""
    out = run(history(said(NODE_1, 9000, 7, occasion="renewal", since=0)), "prove", "ranker", "--at", AT).out
    assert "node-1 served since 2026-01-01 12:00:00 UTC (said at 2026-01-07 18:00:00 UTC)" in out


def test_nothing_served_is_told_too() -> None:
    """A node that ended the model says so."""
    out = run(history(said(NODE_1, 0)), "prove", "ranker", "--at", AT).out
    assert "node-1 served nothing since" in out
    assert "it has said nothing later" in out


def test_an_event_of_another_node_says_nothing() -> None:
    """Whoever may write events of one node cannot tell of another, whose statement was kept."""
    copied = entry(said(NODE_1, 0, 7), node=NODE_2)
    transport = FakeTransport({"GET /v1/history": ok(HistoryPage(entries=(copied,)))})
    outcome = run(transport, "prove", "ranker", "--at", AT)
    assert outcome.code == Exit.FAILED
    assert "no node has signed what it served" in outcome.errors
    assert "MM_ATTEST_KEY" in outcome.errors


def test_history_is_read_as_far_back_as_needed() -> None:
    """Page by page, until no earlier statement can hold."""
    first = HistoryPage(entries=(entry(said(NODE_1, 20, 8)),), before=5)
    last = HistoryPage(entries=(entry(said(NODE_2, 0, 7)),))
    transport = FakeTransport({"GET /v1/history": [ok(first), ok(last)]})
    out = run(transport, "prove", "ranker", "--at", AT).out
    assert {"node-1", "node-2"} <= set(out.split())
    assert {request.query["kind"] for request in transport.requests} == {"model.attested"}


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("ranker",),
        ("ranker", "--at", "noon"),
        ("--verify", "x"),
        ("ranker", "--verify", "x", "--key", "y"),
        ("--verify", "x", "--key", "/nowhere/key.pem"),
    ],
)
def test_what_is_asked_has_to_be_said(arguments: Sequence[str], tmp_path: Path) -> None:
    """In the words of usage."""
    (tmp_path / "x").write_bytes(b"{}")
    outcome = run(FakeTransport(), "prove", *(str(tmp_path / "x") if one == "x" else one for one in arguments))
    assert outcome.code == Exit.USAGE


def test_keys_that_are_not_the_nodes_prove_nothing(tmp_path: Path) -> None:
    """A key that signs versions is none of a node."""
    other: PrivateKey = generate()
    write(tmp_path, {"other.pem": other.public.pem})
    outcome = run(history(*HISTORY), "prove", "ranker", "--at", AT, "--key", str(tmp_path / "other.pem"))
    assert outcome.code == Exit.FAILED
    assert "signed by none of the given keys" in outcome.errors
