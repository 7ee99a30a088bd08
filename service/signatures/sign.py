"""Signing a folder that is to become a version, and the digests of its files."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from cryptography import x509

from events.names import FileName
from service.reading import READ_BYTES, READERS, Read, nobody
from service.signatures import bundle, certificates, statement
from service.signatures.bundle import Bundle
from service.signatures.keys import BadKey, PrivateKey
from service.signatures.provenance import Provenance, render
from service.signatures.statement import OUR_FILES, Statement


def sign(
    subject: str, digests: Mapping[FileName, str], key: PrivateKey, *, chain: Sequence[x509.Certificate] = ()
) -> bytes:
    """Make a `model.sig`. With certificates, the first one must be the key's; raises `BadKey`."""
    return _sealed(statement.render(Statement(subject, digests)), key, chain)


def sign_provenance(
    provenance: Provenance,
    subject: str,
    digests: Mapping[FileName, str],
    key: PrivateKey,
    *,
    chain: Sequence[x509.Certificate] = (),
) -> bytes:
    """Make a `provenance.sig` for the version that `sign` makes a `model.sig` for; raises `BadKey`."""
    root = statement.root(digests[name] for name in sorted(digests))
    return _sealed(render(provenance, subject=subject, root=root), key, chain)


def _sealed(payload: bytes, key: PrivateKey, chain: Sequence[x509.Certificate]) -> bytes:
    if chain and chain[0].public_key() != key.public.key:
        raise BadKey("the first certificate of the chain is not the one of the private key")
    unsigned = Bundle(payload, b"", key.public.fingerprint, tuple(certificates.to_der(one) for one in chain))
    return bundle.render(replace(unsigned, signature=key.sign(unsigned.signed)))


def digests_of(folder: Path, names: Iterable[FileName], *, read: Read = nobody) -> dict[FileName, str]:
    """The SHA-256 of files of a folder, without those of ours; `read` hears of the bytes as they go by."""
    wanted = [name for name in names if name not in OUR_FILES]
    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(wanted, pool.map(lambda name: digest_of(folder / name, read=read), wanted), strict=True))


def digest_of(path: Path, *, read: Read = nobody) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    checksum = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        piece = memoryview(bytearray(READ_BYTES))
        while count := file.readinto(piece):
            checksum.update(piece[:count])
            read(count)
    return checksum.hexdigest()
