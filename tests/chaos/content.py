"""What is uploaded: versions of a scripted model, each with a number of its own that Predict answers."""

import hashlib
import json
import random
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from infra.local.versions import saved_model

SCRIPT: Final = "assets.extra/scripted.json"
SMOKE: Final = "assets.extra/smoke.json"
GRAPH: Final = "saved_model.pb"
INDEX: Final = "variables/variables.index"
SHARD: Final = "variables/variables.data-00000-of-00001"
XS: Final = (1.0, 2.0)


class Kind(StrEnum):
    """How a version turns out."""

    GOOD = "good"
    SLOW = "loads slowly"
    FAILS = "fails to load"
    HANGS = "hangs while it loads"
    CRASHES = "kills TensorFlow Serving while it loads"
    LIES = "loads and answers its sample wrongly"
    HALF = "lacks its weights"
    TAMPERED = "was changed after it was signed"

    @property
    def is_servable(self) -> bool:
        """Whether it can be served for good."""
        return self in {Kind.GOOD, Kind.SLOW}


SCRIPTS: Final[Mapping[Kind, Mapping[str, object]]] = {
    Kind.SLOW: {"load_seconds": 2.0},
    Kind.FAILS: {"fail": {"code": "DATA_LOSS", "message": "scripted: the checkpoint is damaged"}},
    Kind.HANGS: {"hang": True},
    Kind.CRASHES: {"crash": True},
}


def files(content: int, kind: Kind, *, size: int) -> dict[str, bytes]:
    """The files of a version, in an order in which it is never whole by its structure before it is whole."""
    right = content + 1 if kind is Kind.LIES else content
    sample = {"instances": {"x": list(XS)}, "outputs": {"y": [float(right)] * len(XS)}, "tolerance": 0.1}
    script = {"predict": {"scale": 0.0, "offset": float(content)}, **SCRIPTS.get(kind, {})}
    found = {
        SCRIPT: json.dumps(script).encode(),
        SMOKE: json.dumps(sample).encode(),
        SHARD: random.Random(content).randbytes(size),  # noqa: S311 - repeatable on purpose
        INDEX: f"index {content}".encode(),
        GRAPH: saved_model(),
    }
    if kind is Kind.HALF:
        del found[SHARD]
    return found


def digest(found: Mapping[str, bytes]) -> str:
    """Sum up names and bytes."""
    whole = hashlib.sha256()
    for name, data in sorted(found.items()):
        whole.update(f"{name} {hashlib.sha256(data).hexdigest()}\n".encode())
    return whole.hexdigest()[:16]
