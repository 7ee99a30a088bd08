"""The page on limits gives the bounds that the code has."""

import re
from pathlib import Path

import pytest

from events import bounds, commands, messages, status
from events.bounds import MIB, Bounds
from events.wording import MAX_WORDS
from master.api import limits
from master.api.gate import BODY_SECONDS
from master.commands import gathering
from master.history import event_stream, look_back
from master.settings import MasterSettings
from puller.bucket import completeness
from puller.notifications import hints
from service import connections, sample, saved_model, sending, streams, values, warmup

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "limits.md").read_text()
CONSUMERS = re.search(r"default_max_consumers: (\d+)", (ROOT / "infra/nats/production.conf").read_text())
PER_SECOND = MasterSettings.model_fields["requests_per_second"].default


def of(bound: Bounds) -> str:
    """How the page writes a bound."""
    size = bound.max_bytes
    words = f"{size // MIB} MiB" if size >= MIB else f"{size // 1024} KiB"
    return f"{words}, {bound.max_values:,} values"


ROWS = {
    "`manifest.json`": f"{of(bounds.MANIFEST)}, {bounds.MAX_FILES:,} files",
    "`saved_model.pb`": f"{completeness.MAX_GRAPH_BYTES // 1024**3} GiB, {saved_model.MAX_FIELDS:,} fields",
    "`assets.extra/smoke.json`": (
        f"{of(sample.BOUNDS)}, {sample.MAX_NAMES:,} inputs and as many outputs, {values.MAX_RANK} dimensions"
    ),
    "`assets.extra/tf_serving_warmup_requests`": f"{warmup.MAX_RECORDS:,} records, {warmup.MAX_FIELDS:,} fields",
    "a model's desired state": (
        f", {bounds.DESIRED.max_values:,} values, {bounds.MAX_NODES:,} nodes, {bounds.MAX_VERSIONS:,} versions in a"
        f" list, {bounds.MAX_LABELS:,} labels, 16 pinned"
    ),
    "a node's copy of all of it": of(bounds.COPY),
    "a report": (
        f"{of(Bounds(status.MAX_REPORT_BYTES, status.MAX_REPORT_VALUES))}, {status.MAX_MODELS:,} models,"
        f" {bounds.MAX_VERSIONS:,} versions of each"
    ),
    "a sign of life": f"{status.MAX_PRESENCE_BYTES // 1024} KiB",
    "an event": of(bounds.EVENT),
    "a record of who did what": (
        f"{messages.MOST_NAMED_BYTES // 1024} KiB of nodes' names, {messages.MOST_SUMMARY:,} characters of summary"
    ),
    "a request, over HTTP or NATS": f"{of(bounds.REQUEST)}, whole within {BODY_SECONDS:g} s",
    "a hint": of(bounds.HINT),
    "an answer to a command": (
        f"{of(Bounds(commands.MAX_ANSWER_BYTES, commands.MAX_ANSWER_VALUES))}, {bounds.MAX_SENTENCES:,} sentences;"
        f" all answers together {gathering.MAX_BYTES // MIB} MiB"
    ),
    "a receipt or a quarantine record": of(bounds.RECORD),
    "a text from a node or the bucket": f"{MAX_WORDS:,} characters",
    "names that made-up hints have listed": (
        f"{hints.PER_SECOND:g} a second, after {hints.BURST} at once | they wait; more than {hints.MAX_WAITING:,}"
        f" waiting become one look at the whole bucket, at most every {hints.OVERFLOW_SECONDS:g} s"
    ),
    "a name that the bucket lacked": f"one look in {hints.LACKING_SECONDS:g} s",
    "requests of a token, or of an address without one": f"{PER_SECOND:g} a second",
    "event streams": f"{limits.MAX_STREAMS_EACH} of a token, {limits.MAX_STREAMS} in all",
    "looks into the history": (
        f"{look_back.MOST_MESSAGES:,} events and {look_back.MOST_BYTES // MIB} MiB each"
        f" ({event_stream.LIFE_MESSAGES:,} events for a life); {limits.MAX_LOOKS_EACH} at once of a token,"
        f" {limits.MAX_LOOKS} in all,"
        f" {limits.MAX_LOOKS_WAITING} waiting"
    ),
    "connections to a service": (
        f"{connections.MAX_CONNECTIONS_EACH} of an address, {connections.MAX_CONNECTIONS:,} in all;"
        f" {connections.RESERVED_FILES} files are kept"
    ),
    "a request's head; bytes that a client does not take": (
        f"{connections.HEAD_SECONDS:g} s; {connections.TAKE_SECONDS:g} s"
    ),
    "events of a service that wait for NATS": f"{sending.OUTBOX_EVENTS:,}",
    "a message": f"{streams.MOST_BYTES // MIB} MiB",
    "`MM_EVENTS`": f"{streams.EVENT_DAYS} days, {streams.EVENT_BYTES // MIB} MiB",
    "`MM_AUDIT`": f"{streams.AUDIT_DAYS} days, {streams.AUDIT_BYTES // MIB} MiB",
    "revisions of a model's desired state": f"{streams.DESIRED_HISTORY}",
    "a remembered request, and its answer": (
        f"{streams.DAY_SECONDS / 3600:g} hours, {streams.REQUEST_BYTES // MIB} MiB"
    ),
    "consumers of a stream": f"{int(CONSUMERS[1]) if CONSUMERS else 0:,}",
}


@pytest.mark.parametrize("what", ROWS)
def test_a_bound_is_given_as_the_code_has_it(what: str) -> None:
    """In the row of what is bounded."""
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {what} |")]
    assert ROWS[what] in row


def test_every_row_is_compared() -> None:
    """A bound that is written down is held to the code."""
    rows = re.findall(r"^\| ([^|]+) \|", PAGE.partition("\n## Bounds\n")[2], re.MULTILINE)
    assert [row for row in rows if row not in ROWS and not row.startswith(("of ", "kept in", "---"))] == []
