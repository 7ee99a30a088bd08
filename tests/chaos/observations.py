"""What was seen from outside during a run: plain facts with times, on which `rules` judges.

Times are seconds since the run began, by the run's own monotonic clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

RETURN_SECONDS: Final = 60.0  # so long a TensorFlow Serving that runs again may take to answer for a model
FOR_EVER: Final = float("inf")

Digest = str  # of the names and bytes of all files of a version
Place = tuple[str, str, int]  # node, model, version


class Phase(StrEnum):
    """Where in a run something was seen."""

    START = "start"
    BEFORE = "at rest, before the first fault"
    CHAOS = "operations and faults"
    AFTER = "at rest, all as desired after the last fault"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A content that was uploaded under a number, or on its way there.

    `content` is the number that it answers; `is_servable` tells whether it loads and answers its own sample right.
    """

    model: str
    version: int
    digest: Digest
    content: int
    is_servable: bool = True
    is_tampered: bool = False  # changed after it was signed, where a signature is asked for


@dataclass(frozen=True, slots=True)
class Look:
    """A version's folder, read whole, while TensorFlow Serving was told to serve it."""

    at: float
    place: Place
    folder: str  # which one, told by the kernel: another one of the same name is another one
    digest: Digest
    state: str  # TensorFlow Serving's word on the version


@dataclass(frozen=True, slots=True)
class Ended:
    """TensorFlow Serving has nothing of a version in memory any more: it ended it, or began a new life itself."""

    at: float
    place: Place


@dataclass(frozen=True, slots=True)
class Answer:
    """One Predict that named no version: what was answered, or why not."""

    asked: float
    at: float
    node: str
    model: str
    version: int = 0
    content: int = 0
    error: str = ""


@dataclass(slots=True)
class Window:
    """A time in which a model of a node may be silent, because of what the run itself did; `end` None: still open.

    The first answer after `end` closes it; else patience does, where there is a bound to it.
    """

    why: str
    node: str
    model: str  # empty: every model
    start: float
    end: float | None = None
    patience_seconds: float = RETURN_SECONDS


@dataclass(slots=True)
class Pause:
    """A time in which a node's configurator did not run, because of what the run itself did; `end` None: still so."""

    node: str
    start: float
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process, or a node's folders, take up."""

    at: float
    name: str
    life: int
    values: Mapping[str, float]
    phase: Phase


@dataclass(frozen=True, slots=True)
class Recovery:
    """How a node came to the desired state after the last fault: after how long, or what was still missing."""

    node: str
    seconds: float | None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Fallen:
    """A part that ended though nobody had ended it, or that met a bug of its own."""

    at: float
    name: str
    how: str


@dataclass(frozen=True, slots=True)
class Lie:
    """From now on a node gave wrong bytes to its neighbours, because the run had it do so."""

    node: str
    start: float


@dataclass(frozen=True, slots=True)
class Named:
    """A node said of a neighbour that its bytes were wrong."""

    at: float
    by: str
    node: str
    place: str


@dataclass(slots=True)
class Seen:
    """Everything seen in a run."""

    uploads: list[Uploaded] = field(default_factory=list)
    told: set[Place] = field(default_factory=set)  # what TensorFlow Serving ever loaded
    looks: list[Look] = field(default_factory=list)
    ends: list[Ended] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    fallen: list[Fallen] = field(default_factory=list)
    lies: list[Lie] = field(default_factory=list)
    named: list[Named] = field(default_factory=list)
