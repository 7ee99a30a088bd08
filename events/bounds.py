"""How much may come from outside: of every list, tuple and mapping, and of a document as a whole.

A document is weighed before it is read (`events/cost.py`): 17 MB of `{}` take 500 MB to parse, even where the first
error ends it. Inside a document every list, tuple and mapping has a greatest length and fails at its first error:
pydantic keeps 3 kB for each error, and there may be millions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import GroupedMetadata, MaxLen
from pydantic import FailFast, Field

from events import cost

MIB: Final = 1024 * 1024

MAX_FILES: Final = 50_000  # of a version; a SavedModel has a few hundred, shards and assets together
MAX_PIECES: Final = 200_000  # of a file: 6 TB of it
MAX_NODES: Final = 10_000
MAX_VERSIONS: Final = 10_000  # of a model, in a report or in desired state
MAX_LABELS: Final = 1_000  # of a model
MAX_SENTENCES: Final = 15_000  # of an answer
MAX_REASONS: Final = 100  # by which something is counted
MAX_FIELDS: Final = 1_000  # of a document that is kept as it came


@dataclass(frozen=True, slots=True)
class AtMost(GroupedMetadata):
    """Marks a list, tuple or mapping: `Annotated[list[X], AtMost(9)]` has 9 items at most, its first error ends it."""

    count: int

    def __iter__(self) -> Iterator[object]:
        """Give pydantic the two things that the mark stands for."""
        yield FailFast()
        yield MaxLen(self.count)


Count = Annotated[int, Field(ge=0, lt=2**63)]  # a number of four hundred digits is a number to JSON
Finite = Annotated[float, Field(allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that a document of one kind may be; more is not read."""

    max_bytes: int
    max_values: int

    def problem(self, data: bytes) -> str:
        """Say how a JSON document is more than it may be; empty where it is not."""
        return cost.problem(data, most_bytes=self.max_bytes, most_values=self.max_values)


MANIFEST: Final = Bounds(16 * MIB, max_values=8 * MAX_FILES)  # of a file: an object, four fields, a piece and more
DESIRED: Final = Bounds(MIB, max_values=40 * MAX_NODES)  # policies of their own for some 5,000 nodes
COPY: Final = Bounds(256 * MIB, max_values=8_000_000)  # all desired documents together, as a node keeps them on disk
EVENT: Final = Bounds(256 * 1024, max_values=40_000)
REQUEST: Final = Bounds(64 * 1024, max_values=20_000)
HINT: Final = Bounds(1024, max_values=32)
CRASH: Final = Bounds(64 * 1024, max_values=1000)
RECORD: Final = Bounds(64 * MIB, max_values=20 * MAX_FILES)  # a receipt of ours on the disk
