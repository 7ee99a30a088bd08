"""Keys, certificates and signed folders for tests of signatures."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from service.signatures.keys import PrivateKey, generate

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its key."""

    key: PrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """The certificate as a file."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def issue(
    name: str, *, by: Identity | None = None, is_authority: bool = False, uri: str = "", signs: bool = True
) -> Identity:
    """Make a certificate, of itself or by another."""
    key = generate()
    issuer = by.certificate.subject if by else name_of(name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(name))
        .issuer_name(issuer)
        .public_key(key.public.key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGIN)
        .not_valid_after(BEGIN + DAYS)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage(signs=signs and not is_authority, certifies=signs and is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public.key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key((by.key if by else key).public.key), critical=False
        )
    )
    if uri:
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
        builder = builder.add_extension(names, critical=False)
    return Identity(key, builder.sign((by.key if by else key).key, hashes.SHA256()))


def write(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def other_kind_of_key() -> bytes:
    """A public key that the format does not know, as a PEM text."""
    key = ec.generate_private_key(ec.SECP256K1()).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def name_of(text: str) -> x509.Name:
    """A name as certificates have them."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def usage(*, signs: bool, certifies: bool) -> x509.KeyUsage:
    """What a certificate's key is for."""
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
