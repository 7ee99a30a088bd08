"""Almost right chains of certificates: whatever is changed in one, nobody but the certified signer is believed."""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtensionOID
from hypothesis import given
from hypothesis import strategies as st

from events.names import FileName, ModelName, Version
from service.signatures import bundle, certificates
from service.signatures.assess import Untrusted, assess
from service.signatures.certificates import BadChain
from service.signatures.keys import generate
from service.signatures.policy import Policy, Rule
from service.signatures.sign import sign
from tests.support.mutations import damaged, mutated
from tests.support.signing import BEGIN, DAYS, Identity, issue, name_of, usage

MODEL, VERSION = ModelName("ranker"), Version(7)
DIGESTS = {FileName("saved_model.pb"): "aa" * 32}
URI = "https://ci.example.com/release"
ROOT = issue("root", is_authority=True)
MIDDLE = issue("middle", by=ROOT, is_authority=True)
BUILDER = issue("builder", by=MIDDLE, uri=URI)
CHAIN = tuple(certificates.to_der(one.certificate) for one in (BUILDER, MIDDLE))
SIGNED = sign("ranker/7", DIGESTS, BUILDER.key, chain=[BUILDER.certificate, MIDDLE.certificate])
POLICY = Policy(authorities=(ROOT.certificate,), rules=(Rule(identities=("*",)),))
SAN = ExtensionOID.SUBJECT_ALTERNATIVE_NAME
KEY = generate()


def certified(chain: Sequence[bytes]) -> None:
    """Refused in words, or the same person as before."""
    try:
        found = certificates.verify(chain, [ROOT.certificate])
    except BadChain as error:
        words = str(error)
    else:
        words = found.identities[0]
        assert (found.identities, found.key) == ((URI,), BUILDER.key.public)
    assert 0 < len(words) < 1000


def leaf(*extensions: x509.ExtensionType, key: Any = None) -> bytes:
    """A certificate by the authority, with extensions that nobody should write."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of("leaf"))
        .issuer_name(ROOT.certificate.subject)
        .public_key(key or KEY.public.key)
        .serial_number(7)
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + DAYS)
        .add_extension(usage(signs=True, certifies=False), critical=True)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(ROOT.key.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@given(st.sampled_from([0, 1]), st.data())
def test_a_damaged_certificate_certifies_nobody_else(which: int, data: st.DataObject) -> None:
    """Bytes changed, dropped, doubled or added anywhere in it."""
    chain = list(CHAIN)
    chain[which] = data.draw(damaged(chain[which]))
    certified(chain)


@given(st.lists(st.sampled_from([*CHAIN, certificates.to_der(ROOT.certificate), b"", b"x"]), max_size=8))
def test_any_order_of_certificates_is_refused_or_says_the_same(chain: list[bytes]) -> None:
    """Some left out, doubled, turned round; the first is the signer's, or nobody's."""
    certified(chain)


@given(mutated(json.loads(SIGNED)["verificationMaterial"]))
def test_changed_material_is_refused_or_says_the_same(material: Any) -> None:
    """With chains in other places, and hints beside them."""
    data = json.dumps({**json.loads(SIGNED), "verificationMaterial": material}).encode()
    try:
        trusted = assess(data, MODEL, VERSION, POLICY)
    except Untrusted:
        return
    assert (trusted.signer.name, trusted.digests) == (URI, DIGESTS)


@given(st.binary(max_size=40))
def test_any_alternative_name_is_read_or_refused(der: bytes) -> None:
    """An authority may certify what no reader can read."""
    try:
        certificates.verify([leaf(x509.UnrecognizedExtension(SAN, der))], [ROOT.certificate])
    except BadChain as error:
        words = str(error)
        assert words.startswith("its certificate")


@pytest.mark.parametrize(
    "extension",
    [
        x509.UnrecognizedExtension(SAN, bytes.fromhex("3002a300")),  # x400Address
        x509.UnrecognizedExtension(SAN, bytes.fromhex("3002a500")),  # ediPartyName
        x509.UnrecognizedExtension(SAN, bytes.fromhex("30038601ff")),  # a URI that is no ASCII
        x509.UnrecognizedExtension(SAN, bytes.fromhex("30048702aabb")),  # an address of two bytes
        x509.UnrecognizedExtension(SAN, b"x"),
        x509.UnrecognizedExtension(ExtensionOID.EXTENDED_KEY_USAGE, b"\x30\x00"),
        x509.UnrecognizedExtension(ExtensionOID.BASIC_CONSTRAINTS, b"x"),
    ],
)
def test_an_extension_that_cannot_be_read_is_refused_in_words(extension: x509.ExtensionType) -> None:
    """Whichever error the library has for it."""
    with pytest.raises(BadChain, match="leads to no authority"):
        certificates.verify([leaf(extension)], [ROOT.certificate])


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key(),
        ed25519.Ed25519PrivateKey.generate().public_key(),
        ec.generate_private_key(ec.SECP256K1()).public_key(),
    ],
)
def test_a_certificate_of_another_kind_of_key_is_refused(key: object) -> None:
    """Only the kinds that the format has sign versions."""
    with pytest.raises(BadChain, match="no key that can sign a version"):
        certificates.verify([leaf(key=key)], [ROOT.certificate])


def test_a_name_that_would_change_a_terminal_is_escaped() -> None:
    """Where it came in, for the log, the report and history."""
    name = "https://ci\n.example\x1b[2J" + "x" * 1000
    der = leaf(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name)]))
    own = bundle.parse(SIGNED)
    unsigned = replace(own, certificates=(der,))
    data = bundle.render(replace(unsigned, signature=KEY.sign(unsigned.signed)))
    signer = assess(data, MODEL, VERSION, POLICY).signer
    assert signer.name.startswith("https://ci\\n.example\\x1b[2Jx")
    assert len(str(signer)) < 300


def test_a_long_chain_is_refused() -> None:
    """More certificates than any pipeline has, each of them right."""
    above = ROOT
    chain: list[Identity] = []
    for number in range(8):
        above = issue(f"authority {number}", by=above, is_authority=True)
        chain.insert(0, above)
    signer = issue("builder", by=above, uri=URI)
    with pytest.raises(BadChain, match="leads to no authority"):
        certificates.verify(_der(signer, *chain), [ROOT.certificate])


def test_an_authority_signs_no_versions() -> None:
    """Its key certifies; a version by it is refused, though the chain is right and short."""
    for chain in (_der(ROOT), _der(MIDDLE, ROOT)):
        with pytest.raises(BadChain):
            certificates.verify(chain, [ROOT.certificate])


def test_base64_of_no_certificate_is_refused() -> None:
    """Whatever it decodes to."""
    for raw in ("", "====", base64.b64encode(b"x").decode(), base64.b64encode(CHAIN[0]).decode() + "\n"):
        document = json.loads(SIGNED)
        document["verificationMaterial"]["x509CertificateChain"]["certificates"][0]["rawBytes"] = raw
        with pytest.raises(Untrusted):
            assess(json.dumps(document).encode(), MODEL, VERSION, POLICY)


def _der(*chain: Identity) -> list[bytes]:
    return [certificates.to_der(one.certificate) for one in chain]
