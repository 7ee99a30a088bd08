"""Signed versions in a run: one model's are signed, nodes ask for that, and some are changed after they were signed."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self

from events.names import FileName
from service.signatures.keys import PrivateKey, generate
from service.signatures.sign import sign
from service.signatures.statement import SIGNATURE_NAME
from tests.chaos import content
from tests.chaos.content import Kind
from tests.chaos.plan import SIGNED, Upload

POLICY: Final = f'[[rules]]\nmodels = "{SIGNED}"\nmode = "require"\n'


class Tampering(StrEnum):
    """What is done to a version after it was signed."""

    WEIGHTS = "other weights"
    SCRIPT = "other answers"
    ADDED = "a file more"
    LOST = "a file less"
    RENUMBERED = "the signature of another number"
    UNSIGNED = "no signature"
    FORGED = "a signature by another key"


@dataclass(frozen=True, slots=True)
class Signing:
    """A key that the nodes believe, one that they do not, and the folder that says so."""

    folder: Path
    key: PrivateKey
    other: PrivateKey

    @classmethod
    def prepare(cls, folder: Path) -> Self:
        """Make the keys and the nodes' policy."""
        key = generate()
        (folder / "keys").mkdir(parents=True)
        (folder / "keys/release.pem").write_bytes(key.public.pem)
        (folder / "policy.toml").write_text(POLICY)
        return cls(folder, key, generate())

    @property
    def settings(self) -> Mapping[str, str]:
        """What tells a node of it."""
        return {"MM_SIGNATURE_POLICY": str(self.folder)}

    def files(self, step: Upload) -> dict[str, bytes]:
        """What is uploaded: the version's files, with a signature where its model has them."""
        found = content.files(step.content, step.kind, size=step.size)
        if step.model != SIGNED:
            return found
        if step.kind is Kind.TAMPERED:
            return self._tampered(step, found)
        return {SIGNATURE_NAME: _signature(found, step.version, self.key), **found}

    def _tampered(self, step: Upload, found: dict[str, bytes]) -> dict[str, bytes]:
        signed, version, key = dict(found), step.version, self.key
        match tampering(step):
            case Tampering.WEIGHTS:
                signed[content.SHARD] += b"x"
            case Tampering.SCRIPT:
                signed[content.SCRIPT] += b" "
            case Tampering.ADDED:
                del signed[content.SMOKE]
            case Tampering.LOST:
                signed["assets/words.txt"] = b"words"
            case Tampering.RENUMBERED:
                version += 1
            case Tampering.FORGED:
                key = self.other
            case Tampering.UNSIGNED:
                return found
        return {SIGNATURE_NAME: _signature(signed, version, key), **found}


def tampering(step: Upload) -> Tampering:
    """What is done to a version: each in turn, by the content's own number."""
    ways = tuple(Tampering)
    return ways[step.content // 3 % len(ways)]


def _signature(found: Mapping[str, bytes], version: int, key: PrivateKey) -> bytes:
    digests = {FileName(name): hashlib.sha256(data).hexdigest() for name, data in found.items()}
    return sign(f"{SIGNED}/{version}", digests, key)
