"""Almost right signatures: whatever is changed in one, only the signer is believed, and only for what it signed."""

import base64
import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from events.bounds import MAX_FILES
from events.names import BadName, FileName, ModelName, Version
from service.signatures import bundle, statement
from service.signatures.assess import Untrusted, assess
from service.signatures.bundle import PAYLOAD_TYPE, Bundle
from service.signatures.keys import BadKey, PrivateKey, generate, public
from service.signatures.policy import Policy, Rule
from service.signatures.provenance import Provenance
from service.signatures.sign import sign, sign_provenance
from service.signatures.statement import OUR_FILES, BadStatement, Statement
from tests.support.mutations import damaged, mutated

MODEL, VERSION = ModelName("ranker"), Version(7)
DIGESTS = {FileName("saved_model.pb"): "aa" * 32, FileName("variables/variables.index"): "bb" * 32}
KEY, OTHER = generate(), generate()
POLICY = Policy(keys={"release": KEY.public})
SIGNED = sign("ranker/7", DIGESTS, KEY)
STATEMENT = json.loads(statement.render(Statement("ranker/7", DIGESTS)))
SEGMENTS = st.sampled_from(
    ["..", ".", "", "a", "~", "con", "a\\b", "\0", "\n", "\u202e", "%2e%2e", "a b", "é", "\ud800"]
)


def sealed(payload: bytes, key: PrivateKey = KEY) -> bytes:
    unsigned = Bundle(payload, b"", key.public.fingerprint)
    return bundle.render(replace(unsigned, signature=key.sign(unsigned.signed)))


def refused(data: bytes, policy: Policy = POLICY) -> str:
    with pytest.raises(Untrusted) as caught:
        assess(data, MODEL, VERSION, policy)
    return str(caught.value)


def harmless(data: bytes) -> None:
    """Refused in words, or believed for what was signed."""
    try:
        trusted = assess(data, MODEL, VERSION, POLICY)
    except Untrusted as error:
        words = str(error)
    else:
        words = trusted.signer.name
        assert (words, trusted.digests) == ("release", DIGESTS)
    assert 0 < len(words) < 3000


@given(mutated(json.loads(SIGNED)))
def test_a_changed_bundle_is_refused_or_says_the_same(document: Any) -> None:
    """Only what the format tells a verifier to pass over may be changed."""
    harmless(json.dumps(document).encode())


@given(damaged(SIGNED))
def test_a_damaged_bundle_is_refused_or_says_the_same(data: bytes) -> None:
    """Bytes changed, dropped, doubled, added."""
    harmless(data)


@given(damaged(bundle.parse(SIGNED).payload))
def test_a_changed_statement_is_never_believed(payload: bytes) -> None:
    """Not one byte of what was signed may differ."""
    own = bundle.parse(SIGNED)
    data = bundle.render(replace(own, payload=payload))
    if payload != own.payload:
        assert "changed after it was made" in refused(data)


@given(mutated(STATEMENT))
def test_a_signed_statement_is_sound_or_refused(document: Any) -> None:
    """Even the signer cannot name files of ours, a file twice, or one outside the folder."""
    try:
        read = statement.parse(json.dumps(document).encode())
    except BadStatement:
        return
    for name, digest in read.digests.items():
        assert FileName.parse(name) == name
        assert len(bytes.fromhex(digest)) == 32
    assert not OUR_FILES & read.digests.keys()


@given(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join))
def test_a_path_that_leads_elsewhere_is_refused(name: str) -> None:
    """By the one rule for names of files, whatever the trick."""
    document = json.loads(statement.render(Statement("ranker/7", {FileName("x"): "aa" * 32})))
    document["predicate"]["resources"][0]["name"] = name
    try:
        FileName.parse(name)
    except BadName:
        with pytest.raises(BadStatement):
            statement.parse(json.dumps(document).encode())
    else:
        assert list(statement.parse(json.dumps(document).encode()).digests) == [name]


@pytest.mark.parametrize(
    "place",
    ["mediaType", "verificationMaterial", "dsseEnvelope", "payload", "payloadType", "signatures", "sig", "publicKey"],
)
def test_a_name_that_stands_twice_is_refused(place: str) -> None:
    """In any object of the bundle: readers differ in which one counts."""
    data = SIGNED.decode()
    assert f'"{place}":' in data
    for doubled in (f'"{place}":null,"{place}":', f'"{place}":{{}},"\\u{ord(place[0]):04x}{place[1:]}":'):
        assert "twice" in refused(data.replace(f'"{place}":', doubled, 1).encode())


@pytest.mark.parametrize("place", ["_type", "subject", "digest", "resources", "algorithm", "predicateType"])
def test_a_name_that_stands_twice_in_a_statement_is_refused(place: str) -> None:
    """Also where it was signed so."""
    text = json.dumps(STATEMENT)
    assert "twice" in refused(sealed(text.replace(f'"{place}":', f'"{place}": 1, "{place}":', 1).encode()))


@pytest.mark.parametrize("depth", [100, 10_000, 1_000_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}")])
def test_deep_documents_are_refused(depth: int, start: str, end: str) -> None:
    """In a field that nobody reads, of the bundle or of the statement."""
    deep = start * depth + "1" + end * depth
    harmless(SIGNED.replace(b'"mediaType":', f'"more":{deep},"mediaType":'.encode(), 1))
    harmless(sealed(json.dumps(STATEMENT).replace('"_type":', f'"more": {deep}, "_type":', 1).encode()))


@cache
def too_many_files() -> bytes:
    resources = [{"name": f"f{number}", "algorithm": "sha256", "digest": "aa" * 32} for number in range(MAX_FILES + 1)]
    return json.dumps({**STATEMENT, "predicate": {**STATEMENT["predicate"], "resources": resources}}).encode()


def test_what_is_too_large_is_refused() -> None:
    """Bytes, values, files, and texts."""
    assert "too big" in refused(SIGNED + b" " * bundle.BOUNDS.max_bytes)
    assert "too big" in refused(SIGNED.replace(b'"mediaType":', b'"more":[' + b"1," * 2000 + b'1],"mediaType":', 1))
    assert refused(sealed(too_many_files()))
    assert "too big" in refused(sealed(b" " * (statement.BOUNDS.max_bytes + 1)))
    own = bundle.parse(SIGNED)
    assert "sig" in refused(bundle.render(replace(own, signature=b"x" * 10_000)))


ZERO, ORDER = encode_dss_signature(0, 0), 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(
    "signature",
    [
        *(b"\x00", ZERO, b"\x30\x00", b"0" * 72),
        *(encode_dss_signature(1, 1), encode_dss_signature(ORDER, ORDER), encode_dss_signature(ORDER + 1, 1)),
    ],
)
def test_a_signature_that_is_none_is_refused(signature: bytes) -> None:
    """Empty ones, zeros, and what is outside the curve's order."""
    own = bundle.parse(SIGNED)
    assert refused(bundle.render(replace(own, signature=signature)))
    assert refused(bundle.render(replace(own, signature=signature, key_hint="")))
    assert refused(bundle.render(replace(own, signature=signature, key_hint=OTHER.public.fingerprint)))


def test_an_empty_signature_is_refused() -> None:
    """As a text, as base64 of nothing, as none at all."""
    document = json.loads(SIGNED)
    ways: list[object] = [[{"sig": ""}], [{"sig": "===="}], [{"sig": None}], [{}], [], None, "", [None]]
    for signatures in ways:
        document["dsseEnvelope"]["signatures"] = signatures
        assert refused(json.dumps(document).encode())


@pytest.mark.parametrize("payload_type", ["", "text/plain", "application/vnd.in-toto+json ", PAYLOAD_TYPE.upper()])
def test_what_was_signed_as_something_else_is_no_statement(payload_type: str) -> None:
    """The type is part of what is signed, and there is one; so a signature of other protocols fits nothing here."""
    payload = bundle.parse(SIGNED).payload
    encoded = f"DSSEv1 {len(payload_type)} {payload_type} {len(payload)} ".encode() + payload
    for words in (encoded, payload, base64.b64encode(payload)):
        own = Bundle(payload, KEY.sign(words), KEY.public.fingerprint)
        assert refused(bundle.render(own))
    document = json.loads(SIGNED)
    document["dsseEnvelope"]["payloadType"] = payload_type
    assert "payloadType" in refused(json.dumps(document).encode())


def test_a_key_is_not_taken_for_another() -> None:
    """By its name, its hint, its curve or its kind."""
    both = Policy(keys={"release": KEY.public, "other": OTHER.public}, rules=(Rule(keys=("release",)),))
    assert "key other, which may not sign" in refused(sign("ranker/7", DIGESTS, OTHER), both)
    lying = replace(bundle.parse(sign("ranker/7", DIGESTS, OTHER)), key_hint=KEY.public.fingerprint)
    assert "changed after it was made" in refused(bundle.render(lying))
    assert "changed after it was made" in refused(bundle.render(lying), both)
    revoked = replace(POLICY, revoked=frozenset({KEY.public.fingerprint}))
    for hint in ("", KEY.public.fingerprint, OTHER.public.fingerprint, KEY.public.fingerprint.upper()):
        assert refused(bundle.render(replace(bundle.parse(SIGNED), key_hint=hint)), revoked)
    long = PrivateKey(ec.generate_private_key(ec.SECP384R1()))
    assert refused(bundle.render(replace(bundle.parse(sign("ranker/7", DIGESTS, long)), key_hint="")))
    with pytest.raises(BadKey):
        public(rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key(), source="it")


def test_one_statement_is_not_taken_for_the_other() -> None:
    """A signed provenance is no signature of a version, though the same key made it."""
    built = sign_provenance(Provenance("ci"), "ranker/7", DIGESTS, KEY)
    assert "predicateType" in refused(built)
