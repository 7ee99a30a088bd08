"""Certificates for tests of TLS: authorities, and what they sign; files in PEM form."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, in files."""

    cert: Path
    key: Path


class Authority:
    """Signs certificates that who believes `ca` believes."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder / name
        self._folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        certificate = _builder(self._name, self._key.public_key()).issuer_name(self._name)
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self.ca = self._folder / "ca.pem"
        _write(self.ca, certificate.add_extension(constraints, critical=True).sign(self._key, hashes.SHA256()))

    def sign(self, name: str, *, days: int = 1) -> Pair:
        """Make a certificate for a host name or an address, valid for so many days; none: it ended yesterday."""
        key = ec.generate_private_key(ec.SECP256R1())
        place = x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        builder = _builder(_named(name), key.public_key(), days=days).issuer_name(self._name)
        builder = builder.add_extension(x509.SubjectAlternativeName([place]), critical=False)
        pair = Pair(self._folder / f"{name}-{days}.pem", self._folder / f"{name}-{days}.key")
        _write(pair.cert, builder.sign(self._key, hashes.SHA256()))
        private = serialization.PrivateFormat.PKCS8
        pair.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption()))
        return pair

    def lock(self, pair: Pair) -> Path:
        """Write the key of a pair again, under a password."""
        key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
        locked = pair.key.with_suffix(".locked")
        encryption = serialization.BestAvailableEncryption(b"secret")
        private = serialization.PrivateFormat.PKCS8
        locked.write_bytes(key.private_bytes(serialization.Encoding.PEM, private, encryption))
        return locked


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(name: x509.Name, key: ec.EllipticCurvePublicKey, *, days: int = 1) -> x509.CertificateBuilder:
    end = datetime.now(UTC) + days * DAY if days else datetime.now(UTC) - DAY
    builder = x509.CertificateBuilder().subject_name(name).public_key(key).serial_number(x509.random_serial_number())
    return builder.not_valid_before(end - 3 * DAY).not_valid_after(end)


def _write(path: Path, certificate: x509.Certificate) -> None:
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
