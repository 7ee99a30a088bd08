"""What a SavedModel needs beside its graph, read out of `saved_model.pb` without TensorFlow.

TensorFlow Serving loads an export whose variables have not arrived yet, and calls it AVAILABLE. The graph knows better:
it names its restore operation and its assets.
"""

from dataclasses import dataclass
from pathlib import Path

from events.names import FileName


@dataclass(frozen=True, slots=True)
class Needs:
    """What the graph says must exist beside it."""

    variables: bool
    assets: frozenset[FileName]  # names below the version's folder: "assets/words.txt"


async def read_needs(path: Path) -> Needs:
    """Read a local `saved_model.pb`; `Invalid` says why it is none, `Transient` that it cannot be read now."""
    raise NotImplementedError
