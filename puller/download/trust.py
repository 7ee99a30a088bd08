"""Whether this node may take a version: by its signature, and by policy files that lie on the node (issue 16).

A signature is looked at before the first byte of a version's variables is fetched, and what was staged is compared with
it before it is published. What is served already is not asked about again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from events.bounds import Bounds
from events.names import FileName, ModelName, Version
from puller.bucket.objects import RemoteFile
from service import logs
from service.disk_threads import in_thread
from service.signatures import assess, bundle, origin, provenance
from service.signatures.assess import Trusted, Untrusted
from service.signatures.policy import BadPolicy, Mode, Policy, load
from service.signatures.sign import digests_of
from service.signatures.statement import PROVENANCE_NAME, SIGNATURE_NAME, root

log = logs.get("puller.trust")

T = TypeVar("T")

LOOK_SECONDS = 5.0  # between looks whether a file of the policy has changed: a hundred calls of stat


class Bucket(Protocol):
    """What is needed of the bucket."""

    async def read(self, file: RemoteFile, *, max_bytes: int) -> bytes:
        """Read one generation of a small object."""
        ...


class Aside(Protocol):
    """Runs a blocking call off the event loop."""

    def __call__(self, call: Callable[[], T], /) -> Awaitable[T]:
        """Run it and return what it returns."""
        ...


@dataclass(frozen=True, slots=True)
class Belief:
    """What was made of a version's signature: who made it, or why nobody whom we believe did.

    With neither nobody asked. A doubt stands only where versions are taken all the same (`warn`).
    """

    trusted: Trusted | None = None
    doubt: str = ""
    is_required: bool = False
    origin: str = ""  # who built it, by its provenance, in words

    @property
    def signed_by(self) -> str:
        """The signer, for people; empty where none is believed."""
        return str(self.trusted.signer) if self.trusted and not self.doubt else ""

    @property
    def digest(self) -> str:
        """The SHA-256 that the signed statement has as its subject's; empty where the signer is not believed."""
        return root(self.trusted.digests.values()) if self.trusted and not self.doubt else ""

    @property
    def provenance(self) -> str:
        """Who built it, for people; empty where the signer is not believed, or says nothing of that."""
        return self.origin if self.signed_by else ""


class Trust:
    """What this node believes, by its settings and its policy folder."""

    def __init__(self, bucket: Bucket, *, mode: Mode, folder: Path | None, aside: Aside = in_thread) -> None:
        """Keep what was given; the folder is read at once. Raises `BadPolicy` where it cannot be.

        `aside` runs what takes long off the event loop.
        """
        self._bucket = bucket
        self._aside = aside
        self._mode: Mode = mode
        self._folder = folder
        self._stamp = _stamp(folder) if folder else ()
        self._policy: Policy | BadPolicy = load(folder) if folder else Policy()

    async def assess(self, model: ModelName, version: Version, files: tuple[RemoteFile, ...]) -> Belief:
        """Look at a version's signature and at the names it covers; `Untrusted` where one is required and is none."""
        if isinstance(policy := self._policy, BadPolicy):  # it may have had a rule for the model: the strictest holds
            raise Untrusted(f"this node's policy cannot be read: {policy}")
        mode = policy.rule(model).mode or self._mode
        if mode == "off":
            return Belief()
        try:
            signature = await self._read(files, SIGNATURE_NAME, bundle.BOUNDS)
            trusted = await self._aside(lambda: assess.assess(signature, model, version, policy))
            assess.files(trusted, {file.name for file in files})
            statement = await self._provenance(files)
            came = await self._aside(lambda: origin.origin(statement, trusted, model, version, policy))
        except Untrusted as error:
            return self._doubted(Belief(is_required=mode == "require"), error)
        return Belief(trusted, is_required=mode == "require", origin=str(came))

    async def compare(self, belief: Belief, stage: Path) -> Belief:
        """Compare what was staged with what was signed; `Untrusted` where it must be equal and is not."""
        if belief.trusted is None:
            return belief
        names = sorted(belief.trusted.digests)
        digests = await self._aside(lambda: digests_of(stage, names))
        try:
            assess.contents(belief.trusted, digests)
        except Untrusted as error:
            return self._doubted(belief, error)
        return belief

    async def run(self, on_change: Callable[[], None]) -> None:
        """Read the policy again whenever a file of it has changed, until cancelled."""
        if self._folder is None:
            return
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await self._aside(partial(self._look_again, self._folder)):
                on_change()

    def _look_again(self, folder: Path) -> bool:
        stamp = _stamp(folder)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        self._policy = policy = _read(folder)
        if isinstance(policy, BadPolicy):
            log.error("signature policy cannot be read, nobody is believed", reason=str(policy))
        else:
            log.info("signature policy read again", keys=len(policy.keys), rules=len(policy.rules))
        return True

    async def _provenance(self, files: tuple[RemoteFile, ...]) -> origin.Given:
        """Read the provenance; one that is too large is one that is not believed."""
        try:
            return await self._read(files, PROVENANCE_NAME, provenance.BUNDLE_BOUNDS)
        except Untrusted as error:
            return error

    async def _read(self, files: tuple[RemoteFile, ...], name: FileName, bounds: Bounds) -> bytes | None:
        file = next((file for file in files if file.name == name), None)
        if file is None:
            return None
        if file.content.size > bounds.max_bytes:
            raise Untrusted(f"{name} has {file.content.size:,} bytes, at most {bounds.max_bytes:,}")
        return await self._bucket.read(file, max_bytes=bounds.max_bytes)

    def _doubted(self, belief: Belief, error: Untrusted) -> Belief:
        if belief.is_required:
            raise error
        return replace(belief, doubt=str(error))


def _read(folder: Path) -> Policy | BadPolicy:
    try:
        return load(folder)
    except BadPolicy as error:
        return error


def _stamp(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """What tells that a file of the folder was changed, added or taken away; or that nobody may look any more."""
    places = (folder, folder / "keys", folder / "authorities")
    found = []
    for path in (path for place in places for path in _listed(place)):
        try:
            state = path.stat()
        except OSError:  # taken away meanwhile, or a link to nothing
            continue
        found.append((str(path), state.st_ino, state.st_size, state.st_mtime_ns))
    return tuple(found)


def _listed(folder: Path) -> list[Path]:
    """List a folder; of one that cannot be listed, whoever reads the policy says why."""
    try:
        return sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return []
