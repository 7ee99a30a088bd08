"""What a node signs of what it serves: the event is enough to write the statement again, and nothing else passes."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.attested import Attested, AttestedVersion
from events.messages import ModelAttested
from events.names import ModelName, NodeName, Version
from service.signatures import attestation, bundle
from service.signatures.attestation import Unproven
from service.signatures.keys import generate
from service.signatures.sign import sign
from tests.support.mutations import damaged, mutated

KEY, OTHER = generate(), generate()
KEYS = {"node-1": KEY.public}
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SAID = Attested(
    node=NodeName("node-1"),
    model=ModelName("ranker"),
    since=NOON,
    at=NOON + timedelta(seconds=1, microseconds=5),
    occasion="change",
    served=(
        AttestedVersion(version=Version(8), content="cc" * 32),
        AttestedVersion(version=Version(7), digest="aa" * 32, content="bb" * 32, signed_by="release (aa)"),
    ),
)
EVENT = attestation.sign(SAID, KEY)


def test_the_event_is_enough_to_check_it() -> None:
    """Also after it went through JSON, with any zone."""
    again = ModelAttested.model_validate_json(EVENT.model_dump_json())
    elsewhere = again.model_copy(update={"since": NOON.astimezone(timezone(timedelta(hours=5)))})
    for event in (EVENT, again, elsewhere):
        names, found = attestation.verify(attestation.bundle_of(event), {**KEYS, "other": OTHER.public})
        assert (names, found) == (frozenset({"node-1"}), SAID)


def test_its_subjects_are_the_signed_versions() -> None:
    """Other tools for in-toto compare them with what they have."""
    document = json.loads(attestation.payload(EVENT))
    assert document["subject"] == [{"name": "ranker/7", "digest": {"sha256": "aa" * 32}}]
    assert document["predicateType"] == "urn:model-manager:serving:v1"


def test_what_was_changed_or_signed_by_others_proves_nothing() -> None:
    """A field of the event, a key that is not asked for, a signature over something else."""
    for field, value in {
        "node": "node-2",
        "model": "m",
        "since": NOON - timedelta(1),
        "served": (),
        "others": 1,
    }.items():
        changed = EVENT.model_copy(update={field: value})
        with pytest.raises(Unproven, match="changed after that"):
            attestation.verify(attestation.bundle_of(changed), KEYS)
    with pytest.raises(Unproven, match="none of the given keys"):
        attestation.verify(attestation.bundle_of(EVENT), {"other": OTHER.public})
    with pytest.raises(Unproven, match="not base64"):
        attestation.bundle_of(EVENT.model_copy(update={"signature": "no base64"}))
    with pytest.raises(Unproven, match="none of what a node serves: predicate_type"):
        attestation.verify(sign("ranker/7", {}, KEY), KEYS)


@given(mutated(json.loads(attestation.bundle_of(EVENT))))
def test_a_changed_bundle_proves_nothing_or_the_same(document: Any) -> None:
    """Whatever is changed in it."""
    try:
        names, found = attestation.verify(json.dumps(document).encode(), KEYS)
    except Unproven:
        return
    assert (names, found) == (frozenset({"node-1"}), SAID)


@given(damaged(attestation.bundle_of(EVENT)))
def test_a_damaged_bundle_proves_nothing_or_the_same(data: bytes) -> None:
    """Bytes changed, dropped, doubled or added."""
    try:
        names, found = attestation.verify(data, KEYS)
    except Unproven:
        return
    assert (names, found) == (frozenset({"node-1"}), SAID)


@given(mutated(json.loads(attestation.payload(SAID))) | st.binary(max_size=100))
def test_any_signed_payload_is_read_or_refused_in_words(document: Any) -> None:
    """A node may sign what no reader knows."""
    payload = document if isinstance(document, bytes) else json.dumps(document).encode()
    own = replace(bundle.parse(attestation.bundle_of(EVENT)), payload=payload)
    data = bundle.render(replace(own, signature=KEY.sign(own.signed)))
    try:
        _, found = attestation.verify(data, KEYS)
    except Unproven:
        return
    assert isinstance(found, Attested)
