"""Whatever bytes come over NATS, HTTP or out of the bucket: each reader takes them or says why not, and nothing else.

One that raised anything else, or ran out of stack, would end what reads: a watch, a subscription, a pass.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import cloudevents, commands, desired, hint, manifest
from events.cloudevents import BadMessage
from events.commands import MAX_REQUEST_BYTES, BadRequest, Sync
from events.desired import BadDesired
from events.hint import BadHint
from events.manifest import BadManifest, Content, differences
from events.names import FileName, NodeName
from master.fleet.reports import BadReport
from master.fleet.state import FleetState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Read = Callable[[bytes], object]
READERS: dict[str, tuple[Read, type[Exception]]] = {
    "manifest": (manifest.parse, BadManifest),
    "desired": (desired.parse, BadDesired),
    "command": (lambda data: commands.parse(Sync, data, now=NOW), BadRequest),
    "event": (cloudevents.parse, BadMessage),
    "hint": (hint.parse, BadHint),
    "answer": (commands.Answer.model_validate_json, ValueError),
    "report": (lambda data: FleetState().report(NodeName("n"), "puller", data), BadReport),
}
DEEP = 100_000
HUGE = b"9" * 10_000
HOSTILE = {
    "deep lists": b"[" * DEEP,
    "deep lists, closed": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep in a known field": b'{"policy":' + b'{"want":' * DEEP + b"}" * DEEP + b"}",
    "deep in models": b'{"models":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "a number without end": b'{"format": "model-manager.manifest/1", "files": [{"name": "a", "size": ' + HUGE + b"}]}",
    "a fraction without end": b'{"policy": {"retention": 1e' + HUGE + b"}}",
    "no number": b'{"policy": {"retention": NaN}}',
    "half a character": b'{"id": "\\ud800"}',
    "no text": b'{"id": "\xff\xfe"}',
    "a null byte": b'{"id": "\x00"}',
    "twice the same": b'{"v": 1, "v": 1, "v": 2}',
    "nothing": b"",
    "another thing": b"[]",
    "long": b'{"id": "' + b"x" * (MAX_REQUEST_BYTES + 1) + b'"}',
}
KNOWN = (
    "policy want kind versions labels nodes files name size crc32c format models v id deadline model node data type"
    " source specversion time subject reported"
)
FIELDS = st.sampled_from(KNOWN.split()) | st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner, max_size=6),
    max_leaves=20,
)


def refusal(reader: str, data: bytes) -> str | None:
    """Have something read: why not, or None where it is taken; any other error is raised."""
    read, expected = READERS[reader]
    try:
        read(data)
    except expected as error:
        return str(error)
    return None


@pytest.mark.parametrize("what", HOSTILE)
@pytest.mark.parametrize("reader", READERS)
def test_hostile_documents_are_refused_in_words(reader: str, what: str) -> None:
    """Too deep, too long, too large, of another kind: one kind of error, with a sentence of a bounded length."""
    words = refusal(reader, HOSTILE[what])
    assert words is None or 0 < len(words) < 5000


@pytest.mark.parametrize("reader", READERS)
@given(data=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_document_is_taken_or_refused(reader: str, data: bytes) -> None:
    """Whatever its fields hold."""
    assert refusal(reader, data) != ""


@given(st.integers(0, 10**40))
def test_sizes_of_any_length_can_be_said(size: int) -> None:
    """A manifest may claim what no disk holds; the comparison with the bucket is a sentence all the same."""
    name = FileName("saved_model.pb")
    document = {"format": manifest.FORMAT, "files": [{"name": name, "size": size, "crc32c": "AAAAAA=="}]}
    claimed = manifest.parse(json.dumps(document).encode())
    assert bool(differences(claimed, {name: Content(1, 0)})) is (size != 1)
