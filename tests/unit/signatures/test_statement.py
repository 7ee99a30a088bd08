"""The signed statement: written and read back; whatever contradicts the format is refused in words."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.names import FileName, ModelName, Version
from service.signatures import statement
from service.signatures.statement import BadStatement, Statement

A, B = "aa" * 32, "bb" * 32
FILES = {FileName("saved_model.pb"): A, FileName("variables/variables.index"): B}
WHOLE = Statement("ranker/7", FILES)
Edit = Callable[[dict[str, Any]], object]


def edited(edit: Edit) -> bytes:
    document = json.loads(statement.render(WHOLE))
    edit(document)
    return json.dumps(document).encode()


def test_it_is_read_as_it_was_written() -> None:
    """A statement names its version and the digest of every file."""
    assert statement.parse(statement.render(WHOLE)) == WHOLE
    assert statement.subject_of(ModelName("ranker"), Version(7)) == "ranker/7"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda d: d.update(_type="https://in-toto.io/Statement/v0.1"), "_type"),
        (lambda d: d.update(predicateType="https://slsa.dev/provenance/v1"), "predicateType"),
        (lambda d: d["subject"].append(d["subject"][0]), "subject"),
        (lambda d: d.update(subject=[]), "subject"),
        (lambda d: d["predicate"].update(resources=[]), "resources"),
        (lambda d: d["predicate"]["resources"].append(d["predicate"]["resources"][0]), "names a file twice"),
        (lambda d: d["predicate"]["resources"][0].update(name="../7/saved_model.pb"), "'..'"),
        (lambda d: d["predicate"]["resources"][0].update(name="/etc/passwd"), "segment"),
        (lambda d: d["predicate"]["resources"][0].update(name="a\u202eb"), "cannot be seen"),
        (lambda d: d["predicate"]["resources"][0].update(name="manifest.json"), "no file of a version"),
        (lambda d: d["predicate"]["resources"][0].update(algorithm="blake2b"), "algorithm"),
        (lambda d: d["predicate"]["resources"][0].update(digest=A.upper()), "digest"),
        (lambda d: d["predicate"]["resources"][0].update(digest=B), "contradicts itself"),
        (lambda d: d["predicate"]["resources"].reverse(), "contradicts itself"),
        (lambda d: d["predicate"]["serialization"].update(method="shards"), "method"),
        (lambda d: d["predicate"]["serialization"].update(hash_type="blake3"), "hash_type"),
    ],
)
def test_what_is_not_of_the_format_is_refused(edit: Edit, words: str) -> None:
    """The sentence names the place."""
    with pytest.raises(BadStatement, match=words):
        statement.parse(edited(edit))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"_type": NaN}',
        b'{"_type": ' + b"9" * 5000 + b"}",
        b'{"_type": "a", "_type": "b"}',
        b"{}" * 300_000,
    ],
)
def test_hostile_documents_are_refused(data: bytes) -> None:
    """Deep, doubled, huge or broken: one sentence, no other error."""
    with pytest.raises(BadStatement):
        statement.parse(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing else is raised."""
    with pytest.raises(BadStatement):
        statement.parse(data)
