"""Keys that sign versions: ECDSA on P-256, P-384 or P-521, as the format has them; in PEM files.

A key is known by its fingerprint: the SHA-256 of its public PEM text, which bundles carry as a hint.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from service.errors import ModelManagerError

HASHES: dict[str, hashes.HashAlgorithm] = {
    "secp256r1": hashes.SHA256(),
    "secp384r1": hashes.SHA384(),
    "secp521r1": hashes.SHA512(),
}
KINDS = "an ECDSA key on P-256, P-384 or P-521"
MAX_BYTES = 64 * 1024  # of a file with a key or with certificates


class BadKey(ModelManagerError):
    """A file that holds no key of a kind that can sign versions."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that signatures are checked by."""

    key: ec.EllipticCurvePublicKey

    @property
    def pem(self) -> bytes:
        """The key as a PEM text."""
        return self.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def fingerprint(self) -> str:
        """How the key is named in bundles."""
        return hashlib.sha256(self.pem).hexdigest()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Tell whether this key made the signature of these bytes."""
        try:
            self.key.verify(signature, data, ec.ECDSA(HASHES[self.key.curve.name]))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs."""

    key: ec.EllipticCurvePrivateKey

    @property
    def public(self) -> PublicKey:
        """The key that checks what this one signs."""
        return PublicKey(self.key.public_key())

    def sign(self, data: bytes) -> bytes:
        """Sign bytes."""
        return self.key.sign(data, ec.ECDSA(HASHES[self.key.curve.name]))

    def pem(self, password: bytes = b"") -> bytes:
        """The key as a PEM text, encrypted where a password is given."""
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def generate() -> PrivateKey:
    """Make a new key, on P-256."""
    return PrivateKey(ec.generate_private_key(ec.SECP256R1()))


def public(key: object, *, source: str) -> PublicKey:
    """Take a public key of cryptography's; `BadKey` where it is of a kind that signs no versions."""
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in HASHES:
        raise BadKey(f"{source} holds no key that can sign a version; it has to be {KINDS}")
    return PublicKey(key)


def load_public(path: Path) -> PublicKey:
    """Read a public key's file; raises `BadKey`."""
    try:
        key = serialization.load_pem_public_key(read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BadKey(f"{path} holds no public key in PEM form") from error
    return public(key, source=str(path))


def load_private(path: Path, *, password: bytes = b"") -> PrivateKey:
    """Read a private key's file; `BadKey` where it is none, or where the password is missing or wrong."""
    try:
        key = serialization.load_pem_private_key(read(path), password or None)
    except TypeError as error:
        what = "is not encrypted, but a password is given" if password else "is encrypted, and no password is given"
        raise BadKey(f"the key in {path} {what}") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        what = "the password is wrong, or it holds" if password else "it holds"
        raise BadKey(f"{path} cannot be read: {what} no private key in PEM form") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in HASHES:
        raise BadKey(f"{path} holds no key that can sign a version; it has to be {KINDS}")
    return PrivateKey(key)


def read(path: Path) -> bytes:
    """Read a small file; raises `BadKey`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadKey(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise BadKey(f"{path} has more than {MAX_BYTES} bytes: it is no file of keys")
    return data
