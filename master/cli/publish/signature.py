"""Signing the folder of a version, and checking a signed one, for the commands `sign`, `verify` and `publish`."""

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from cryptography import x509

from events.bounds import Bounds
from events.names import BadName, FileName, ModelName, Version
from master.cli.publish.folder import BadFolder, files_of
from service.reading import READERS, Read, nobody
from service.signatures import assess, bundle, statement
from service.signatures.assess import Signer, Trusted, Untrusted
from service.signatures.keys import PrivateKey
from service.signatures.origin import Given, Origin, origin
from service.signatures.policy import Policy
from service.signatures.provenance import BUNDLE_BOUNDS as PROVENANCE_BOUNDS
from service.signatures.provenance import Provenance
from service.signatures.sign import digests_of, sign, sign_provenance
from service.signatures.statement import PROVENANCE_NAME, SIGNATURE_NAME


@dataclass(frozen=True, slots=True)
class SigningIdentity:
    """With what is signed: a key and, where it has one, its chain of certificates."""

    key: PrivateKey
    chain: Sequence[x509.Certificate] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """A version that somebody whom we believe has signed, and where it comes from."""

    trusted: Trusted
    origin: Origin

    @property
    def fields(self) -> dict[str, object]:
        """The same for programs."""
        signer, origin = self.trusted.signer, self.origin
        built = asdict(origin.provenance) if origin.provenance else None
        files = len(self.trusted.digests)
        named = {"signed_by": signer.name, "fingerprint": signer.fingerprint, "files": files}
        return {**named, "provenance": built, "provenance_doubt": origin.doubt}

    def __str__(self) -> str:
        made = "; ".join(filter(None, (f"signed by {self.trusted.signer}", str(self.origin))))
        return f"{made}; all {len(self.trusted.digests)} files are as signed"


def sign_folder(
    folder: Path,
    model: ModelName,
    version: Version,
    *,
    identity: SigningIdentity,
    provenance: Provenance | None = None,
    read: Read = nobody,
) -> bool:
    """Write `model.sig` into a folder, and `provenance.sig`; False where those that are there say the same.

    They are left then, because no two signatures are equal and a broken upload goes on with the one it began with.
    """
    digests = digests_of(folder, files_of(folder), read=read)
    own, subject = Policy(keys={"own": identity.key.public}), statement.subject_of(model, version)
    before = _signed_before(folder / SIGNATURE_NAME, model, version, own)
    is_new = before is None or before.digests != digests
    if is_new:
        _write(folder / SIGNATURE_NAME, sign(subject, digests, identity.key, chain=identity.chain))
    if provenance is None:
        return is_new
    trusted = Trusted(Signer("own", identity.key.public.fingerprint), {name: digests[name] for name in sorted(digests)})
    there = origin(signature_in(folder / PROVENANCE_NAME), trusted, model, version, own)
    if there.provenance == provenance:
        return is_new
    _write(folder / PROVENANCE_NAME, sign_provenance(provenance, subject, digests, identity.key, chain=identity.chain))
    return True


def verify_folder(folder: Path, model: ModelName, version: Version, *, policy: Policy, read: Read = nobody) -> Verified:
    """Check that a folder is the version that somebody whom we believe has signed; raises `Untrusted`."""
    names = frozenset(files_of(folder))
    trusted = assess.assess(signature_in(folder / SIGNATURE_NAME), model, version, policy)
    assess.files(trusted, names)
    came = origin(signature_in(folder / PROVENANCE_NAME), trusted, model, version, policy)
    assess.contents(trusted, digests_of(folder, sorted(names), read=read))
    return Verified(trusted, came)


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
) -> Verified:
    """Do as `verify_folder`, with a version that is in a bucket; every byte of it is fetched."""
    try:
        names = frozenset(FileName.parse(name) for name in objects.names if not name.endswith("/"))
    except BadName as error:
        raise Untrusted(str(error)) from error
    trusted = assess.assess(_small(objects, SIGNATURE_NAME, bundle.BOUNDS), model, version, policy)
    assess.files(trusted, names)
    came = origin(_provenance_at(objects), trusted, model, version, policy)
    with ThreadPoolExecutor(READERS) as pool:
        wanted = sorted(names - statement.OUR_FILES)
        digests = pool.map(lambda name: _digest_at(objects, name, read=read), wanted)
        assess.contents(trusted, dict(zip(wanted, digests, strict=True)))
    return Verified(trusted, came)


def _provenance_at(objects: Objects) -> Given:
    try:
        return _small(objects, PROVENANCE_NAME, PROVENANCE_BOUNDS)
    except Untrusted as error:
        return error


def _small(objects: Objects, name: FileName, bounds: Bounds) -> bytes | None:
    if name not in objects.names:
        return None
    pieces: list[bytes] = []

    def keep(piece: bytes) -> None:
        pieces.append(piece)
        if sum(map(len, pieces)) > bounds.max_bytes:
            raise Untrusted(f"{name} has more than {bounds.max_bytes:,} bytes")

    objects.bucket.read(objects.base + name, keep)
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


def _signed_before(path: Path, model: ModelName, version: Version, own: Policy) -> Trusted | None:
    try:
        return assess.assess(signature_in(path), model, version, own)
    except Untrusted:
        return None


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise BadFolder(f"{path} cannot be written: {error.strerror}") from error
