"""Signing the folder of a version, and checking a signed one, for the commands `sign`, `verify` and `publish`."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography import x509

from events.names import BadName, FileName, ModelName, Version
from master.publish.folder import BadFolder, files_of
from service.reading import READERS, Read, nobody
from service.signatures import assess, bundle, statement
from service.signatures.assess import Trusted, Untrusted
from service.signatures.keys import PrivateKey
from service.signatures.policy import Policy
from service.signatures.sign import digests_of, sign
from service.signatures.statement import SIGNATURE_NAME


def sign_folder(
    folder: Path,
    model: ModelName,
    version: Version,
    *,
    key: PrivateKey,
    chain: Sequence[x509.Certificate] = (),
    read: Read = nobody,
) -> bool:
    """Write `model.sig` into a folder; False where the one that is there says the same, signed by this key.

    It is left then, because no two signatures are equal and a broken upload goes on with the one it began with.
    """
    path = folder / SIGNATURE_NAME
    digests = digests_of(folder, files_of(folder), read=read)
    if _is_signed(path, model, version, digests=digests, key=key):
        return False
    try:
        path.write_bytes(sign(statement.subject_of(model, version), digests, key, chain=chain))
    except OSError as error:
        raise BadFolder(f"{path} cannot be written: {error.strerror}") from error
    return True


def verify_folder(folder: Path, model: ModelName, version: Version, *, policy: Policy, read: Read = nobody) -> Trusted:
    """Check that a folder is the version that somebody whom we believe has signed; raises `Untrusted`."""
    names = frozenset(files_of(folder))
    trusted = assess.assess(signature_in(folder / SIGNATURE_NAME), model, version, policy)
    assess.files(trusted, names)
    assess.contents(trusted, digests_of(folder, sorted(names), read=read))
    return trusted


class Bucket(Protocol):
    """What checking a version in a bucket needs of it."""

    def read(self, name: str, write: Callable[[bytes], object]) -> None:
        """Give an object's bytes to `write`, piece by piece."""


@dataclass(frozen=True, slots=True)
class Objects:
    """A version in a bucket: what its objects' names start with, and the rest of each name."""

    bucket: Bucket
    base: str
    names: frozenset[str]


def verify_objects(
    objects: Objects, model: ModelName, version: Version, *, policy: Policy, read: Read = nobody
) -> Trusted:
    """Do as `verify_folder`, with a version that is in a bucket; every byte of it is fetched."""
    try:
        names = frozenset(FileName.parse(name) for name in objects.names if not name.endswith("/"))
    except BadName as error:
        raise Untrusted(str(error)) from error
    trusted = assess.assess(_signature_at(objects), model, version, policy)
    assess.files(trusted, names)
    with ThreadPoolExecutor(READERS) as pool:
        wanted = sorted(names - statement.OUR_FILES)
        digests = pool.map(lambda name: _digest_at(objects, name, read=read), wanted)
        assess.contents(trusted, dict(zip(wanted, digests, strict=True)))
    return trusted


def _signature_at(objects: Objects) -> bytes | None:
    if SIGNATURE_NAME not in objects.names:
        return None
    pieces: list[bytes] = []
    most = bundle.BOUNDS.max_bytes

    def keep(piece: bytes) -> None:
        pieces.append(piece)
        if sum(map(len, pieces)) > most:
            raise Untrusted(f"{SIGNATURE_NAME} has more than {most:,} bytes")

    objects.bucket.read(objects.base + SIGNATURE_NAME, keep)
    return b"".join(pieces)


def _digest_at(objects: Objects, name: FileName, *, read: Read) -> str:
    checksum = hashlib.sha256()

    def take(piece: bytes) -> None:
        checksum.update(piece)
        read(len(piece))

    objects.bucket.read(objects.base + name, take)
    return checksum.hexdigest()


def signature_in(path: Path) -> bytes | None:
    """Read a signature's file; None where there is none."""
    try:
        with path.open("rb") as file:
            return file.read(bundle.BOUNDS.max_bytes + 1)
    except FileNotFoundError:
        return None


def _is_signed(
    path: Path, model: ModelName, version: Version, *, digests: Mapping[FileName, str], key: PrivateKey
) -> bool:
    try:
        own = Policy(keys={"own": key.public})
        return assess.assess(signature_in(path), model, version, own).digests == digests
    except Untrusted:
        return False
