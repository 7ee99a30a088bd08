"""Chains of certificates on a signature: whether they lead to an authority of ours, and whom the first one names.

As the format's own tool does it, a chain is looked at as of the moment when its first certificate became valid: a
signature stays good when the certificate ends. What shall no longer count is revoked by its fingerprint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from events import wording
from service.errors import Invalid
from service.signatures.keys import BadKey, PublicKey, public, read

MAX_DEPTH = 5  # of a chain


# What the library raises for a chain that leads nowhere, and for certificates that it cannot read.
_UNREADABLE = (
    VerificationError,
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


class BadChain(Invalid):
    """A chain of certificates that does not lead to an authority of ours, or may not sign."""


@dataclass(frozen=True, slots=True)
class Certified:
    """What a chain says: a key, whom it belongs to, and the fingerprints of its certificates, the signer's first."""

    key: PublicKey
    identities: tuple[str, ...]
    fingerprints: tuple[str, ...]


def load_all(path: Path) -> tuple[x509.Certificate, ...]:
    """Read the certificates of a PEM file; raises `BadKey`."""
    try:
        return tuple(x509.load_pem_x509_certificates(read(path)))
    except ValueError as error:
        raise BadKey(f"{path} holds no certificates in PEM form") from error


def to_der(certificate: x509.Certificate) -> bytes:
    """Write a certificate as bundles carry it."""
    return certificate.public_bytes(serialization.Encoding.DER)


def fingerprint_of(certificate: x509.Certificate) -> str:
    """The SHA-256 of a certificate."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def verify(chain: Sequence[bytes], authorities: Sequence[x509.Certificate]) -> Certified:
    """Follow a chain (DER, the signer's first) to an authority; what the first one certifies. Raises `BadChain`."""
    if not authorities:
        raise BadChain("it is signed with a certificate, and this node knows no authority")
    try:
        first, *others = (x509.load_der_x509_certificate(one) for one in chain)
        verifier = (
            PolicyBuilder()
            .store(Store(list(authorities)))
            .time(first.not_valid_before_utc)
            .max_chain_depth(MAX_DEPTH)
            .extension_policies(ca_policy=_AUTHORITY, ee_policy=ExtensionPolicy.permit_all())
            .build_client_verifier()
        )
        verified = tuple(verifier.verify(first, others).chain)
        if not _may_sign(first):
            raise BadChain("its certificate may not sign: it has neither digitalSignature nor codeSigning")
        fingerprints = tuple(fingerprint_of(one) for one in verified)
        return Certified(public(first.public_key(), source="its certificate"), _identities(first), fingerprints)
    except _UNREADABLE as error:
        raise BadChain(f"its certificate leads to no authority of this node: {wording.of_library(error)}") from error
    except BadKey as error:
        raise BadChain(str(error)) from error


def _signs_others(_policy: verification.Policy, _certificate: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    """An authority whose certificate says what its key is for must say that it signs certificates."""
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the certificate of an authority may not sign certificates")


_AUTHORITY = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_others)
)


def _may_sign(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate says that its key signs: the rule of the format's own tool."""
    extensions = certificate.extensions
    try:
        if extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            return True
    except x509.ExtensionNotFound:
        pass
    try:
        return ExtendedKeyUsageOID.CODE_SIGNING in extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False


def _identities(certificate: x509.Certificate) -> tuple[str, ...]:
    """Whom a certificate names: the mail addresses, URIs and DNS names of its alternative names."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    kinds: tuple[type[x509.RFC822Name] | type[x509.UniformResourceIdentifier] | type[x509.DNSName], ...] = (
        x509.RFC822Name,
        x509.UniformResourceIdentifier,
        x509.DNSName,
    )
    return tuple(name for kind in kinds for name in names.get_values_for_type(kind))
