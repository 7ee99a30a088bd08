"""Who may sign what: keys, chains, revocations, subjects; and a version that is not the signed one."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.names import FileName, ModelName, Version
from service.signatures import bundle, certificates
from service.signatures.assess import Trusted, Untrusted, assess, contents, files
from service.signatures.bundle import Bundle
from service.signatures.keys import BadKey, PrivateKey, generate
from service.signatures.policy import Policy, Rule
from service.signatures.sign import digests_of, sign
from tests.support.signing import Identity, issue, write

MODEL, VERSION = ModelName("ranker"), Version(7)
DIGESTS = {FileName("saved_model.pb"): "aa" * 32}
KEY, OTHER = generate(), generate()
POLICY = Policy(keys={"release": KEY.public, "old": OTHER.public})
ROOT = issue("root", is_authority=True)
MIDDLE = issue("middle", by=ROOT, is_authority=True)
URI = "https://ci.example.com/release"
BUILDER = issue("builder", by=MIDDLE, uri=URI)


def signed(key: PrivateKey = KEY, *, subject: str = "ranker/7") -> bytes:
    return sign(subject, DIGESTS, key)


def certified(*chain: Identity) -> bytes:
    return sign("ranker/7", DIGESTS, chain[0].key, chain=[one.certificate for one in chain])


def by_authority(*identities: str, revoked: frozenset[str] = frozenset(), root: Identity = ROOT) -> Policy:
    rule = Rule.model_validate({"identities": identities})
    return Policy(authorities=(root.certificate,), rules=(rule,), revoked=revoked)


def refused(data: bytes | None, policy: Policy = POLICY, *, version: Version = VERSION) -> str:
    with pytest.raises(Untrusted) as caught:
        assess(data, MODEL, version, policy)
    return str(caught.value)


def test_a_version_signed_by_a_known_key_is_trusted() -> None:
    """The verdict names the key, and has the digests to compare with."""
    trusted = assess(signed(), MODEL, VERSION, POLICY)
    assert trusted.signer.name == "release"
    assert trusted.digests == DIGESTS
    assert assess(signed(OTHER), MODEL, VERSION, POLICY).signer.name == "old"


def test_what_is_not_signed_by_a_known_key_is_refused() -> None:
    """No signature, an unknown key, a revoked one, one for other models."""
    assert refused(None) == "it has no signature (model.sig)"
    assert "does not know" in refused(signed(generate()))
    assert "does not know" in refused(signed(), Policy())
    revoked = replace(POLICY, revoked=frozenset({KEY.public.fingerprint}))
    assert refused(signed(), revoked) == "its signature is by key release, which is revoked"
    assert "revoked key" in refused(signed(), Policy(revoked=frozenset({KEY.public.fingerprint})))
    one = replace(POLICY, rules=(Rule.model_validate({"models": "rank*", "keys": ["old"]}),))
    assert refused(signed(), one) == "its signature is by key release, which may not sign this model"


def test_a_signature_counts_for_its_version_alone() -> None:
    """An old version must not come back under a new number, unless a rule takes any subject."""
    assert refused(signed(), version=Version(8)) == "its signature is for 'ranker/7', not for 'ranker/8'"
    plain = signed(subject="export")
    assert "'export'" in refused(plain)
    lenient = replace(POLICY, rules=(Rule.model_validate({"subject": "any"}),))
    assert assess(plain, MODEL, VERSION, lenient).signer.name == "release"


def test_a_changed_signature_is_refused() -> None:
    """Another statement under the same signature, or another signature, is no signature."""
    read = bundle.parse(signed())
    forged = bundle.render(replace(read, payload=read.payload.replace(b"aa", b"bb")))
    assert "changed after it was made" in refused(forged)
    assert "changed after it was made" in refused(bundle.render(replace(read, signature=b"\x30\x00")))
    stolen = replace(read, key_hint=OTHER.public.fingerprint)
    assert "changed after it was made" in refused(bundle.render(stolen))
    assert assess(bundle.render(replace(read, key_hint="")), MODEL, VERSION, POLICY).signer.name == "release"


def test_a_chain_is_followed_to_an_authority() -> None:
    """The certificate names who signed; a rule says who may."""
    data = certified(BUILDER, MIDDLE)
    assert assess(data, MODEL, VERSION, by_authority("https://ci.example.com/*")).signer.name == URI
    assert assess(data, MODEL, VERSION, by_authority("*")).signer.name == URI
    assert refused(data, by_authority("https://other/*")) == f"its signature is by {URI}, who may not sign this model"
    assert "may not sign this model" in refused(data, by_authority())
    assert "knows no authority" in refused(data, POLICY)
    assert "leads to no authority" in refused(data, by_authority("*", root=issue("root", is_authority=True)))
    assert "leads to no authority" in refused(certified(BUILDER), by_authority("*"))


@pytest.mark.parametrize("revoked", [BUILDER, MIDDLE, ROOT])
def test_every_certificate_of_a_chain_can_be_revoked(revoked: Identity) -> None:
    """The signer's, one between, and the authority's own."""
    fingerprint = certificates.fingerprint_of(revoked.certificate)
    sentence = refused(certified(BUILDER, MIDDLE), by_authority("*", revoked=frozenset({fingerprint})))
    assert "revoked" in sentence


@pytest.mark.parametrize(
    "chain",
    [
        (issue("self", uri=URI),),
        (issue("no signer", by=MIDDLE, uri=URI, signs=False), MIDDLE),
        (issue("by a builder", by=BUILDER, uri=URI), BUILDER, MIDDLE),
        (issue("sub", by=(weak := issue("weak", by=ROOT, is_authority=True, signs=False)), uri=URI), weak),
    ],
)
def test_a_chain_that_must_not_count_is_refused(chain: tuple[Identity, ...]) -> None:
    """Signed by itself, not for signing, certified by no authority, by one that may not certify."""
    assert "certificate" in refused(certified(*chain), by_authority("*"))


def test_the_certificate_must_be_the_keys() -> None:
    """Nobody signs with another's certificate: neither here, nor in a bundle made elsewhere."""
    with pytest.raises(BadKey, match="not the one"):
        sign("ranker/7", DIGESTS, KEY, chain=[BUILDER.certificate])
    chain = tuple(certificates.to_der(one.certificate) for one in (BUILDER, MIDDLE))
    own = bundle.parse(signed())
    assert "changed after it was made" in refused(bundle.render(replace(own, certificates=chain)), by_authority("*"))


def test_files_are_those_of_the_statement() -> None:
    """Each is covered, none is missing, all have the signed content; our own files are outside it."""
    trusted = Trusted(assess(signed(), MODEL, VERSION, POLICY).signer, DIGESTS)
    names = {FileName(name) for name in ("saved_model.pb", "manifest.json", "model.sig")}
    files(trusted, names)
    contents(trusted, DIGESTS)
    with pytest.raises(Untrusted, match="does not cover extra"):
        files(trusted, names | {FileName("extra")})
    with pytest.raises(Untrusted, match=r"covers saved_model\.pb, which"):
        files(trusted, set())
    with pytest.raises(Untrusted, match=r"saved_model\.pb differs"):
        contents(trusted, {FileName("saved_model.pb"): "bb" * 32})


def test_digests_are_those_of_the_files(tmp_path: Path) -> None:
    """SHA-256 of every file but ours."""
    write(tmp_path, {"a": b"", "model.sig": b"x", "manifest.json": b"{}"})
    found = digests_of(tmp_path, [FileName(name) for name in ("a", "model.sig", "manifest.json")])
    assert found == {"a": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda d: d.update(mediaType="application/vnd.dev.sigstore.bundle.v0.2+json"), "mediaType"),
        (lambda d: d.pop("dsseEnvelope"), "dsseEnvelope"),
        (lambda d: d["dsseEnvelope"].update(payloadType="text/plain"), "payloadType"),
        (lambda d: d["dsseEnvelope"].update(payload="not base64!"), "base64"),
        (lambda d: d["dsseEnvelope"]["signatures"].append({"sig": "aaaa"}), "signatures"),
        (lambda d: d["dsseEnvelope"].update(signatures=[]), "signatures"),
        (lambda d: d["dsseEnvelope"]["signatures"][0].update(sig=""), "sig"),
        (lambda d: d["verificationMaterial"].update(certificate={"rawBytes": "aaaa"}), "keyless"),
        (lambda d: d["verificationMaterial"].update(x509CertificateChain={"certificates": []}), "certificates"),
        (
            lambda d: d["verificationMaterial"].update(x509CertificateChain={"certificates": [{"rawBytes": "aaaa"}]}),
            "no authority",
        ),
        (
            lambda d: d["verificationMaterial"].update(
                x509CertificateChain={"certificates": [{"rawBytes": "aaaa"}] * 11}
            ),
            "certificates",
        ),
        (lambda d: d["verificationMaterial"]["publicKey"].update(hint="x" * 300), "hint"),
    ],
)
def test_a_bundle_that_is_not_of_the_format_is_refused(edit: Callable[[dict[str, Any]], object], words: str) -> None:
    """Before anything of it is verified."""
    document = json.loads(signed())
    edit(document)
    assert words in refused(json.dumps(document).encode(), by_authority("*"))


@given(st.binary(max_size=300))
def test_any_payload_and_signature_are_refused_in_words(data: bytes) -> None:
    """Rightly signed rubbish, and rubbish as a signature."""
    unsigned = Bundle(data, b"", KEY.public.fingerprint)
    assert "statement" in refused(bundle.render(replace(unsigned, signature=KEY.sign(unsigned.signed))))
    assert refused(data)
    assert refused(bundle.render(replace(unsigned, signature=data or b"x")))
    chain = json.dumps({**json.loads(signed()), "verificationMaterial": _material(data)}).encode()
    assert refused(chain, by_authority("*"))


def _material(data: bytes) -> dict[str, object]:
    return {"x509CertificateChain": {"certificates": [{"rawBytes": base64.b64encode(data).decode()}]}}
