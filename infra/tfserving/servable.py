"""The seam between the server's core, its loaders and its two faces (gRPC and REST).

A loader turns a version's directory into a servable; the core decides when, and lends servables to requests.
TensorFlow's loader and the scripted one are equal here, so nothing on the core's side imports TensorFlow.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Protocol

from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest, ClassificationResponse
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.regression_pb2 import RegressionRequest, RegressionResponse


class Code(IntEnum):
    """The canonical status codes that gRPC and TensorFlow share."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class State(IntEnum):
    """What GetModelStatus says of a version; the numbers are those of the wire."""

    START = 10
    LOADING = 20
    AVAILABLE = 30
    UNLOADING = 40
    END = 50


class StatusError(Exception):
    """A status that is not OK: TensorFlow Serving's code and words."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message


class LoadFailure(StatusError):
    """This version could not be loaded."""


class RequestFailure(StatusError):
    """This request cannot be answered."""


class Servable(Protocol):
    """A loaded version. Requests reach it from many threads at once.

    It fills everything of an answer but `model_spec.name` and `model_spec.version`, which the caller adds.
    Each of the three verbs may raise `RequestFailure`.
    """

    @property
    def signatures(self) -> Mapping[str, SignatureDef]:
        """Return the signatures of the export, by name."""
        ...

    def predict(self, request: PredictRequest) -> PredictResponse:
        """Run a signature on tensors."""
        ...

    def classify(self, request: ClassificationRequest) -> ClassificationResponse:
        """Run a classification signature on examples."""
        ...

    def regress(self, request: RegressionRequest) -> RegressionResponse:
        """Run a regression signature on examples."""
        ...

    def close(self) -> None:
        """Give back what the version holds; no request is running on it any more."""
        ...


class Loader(Protocol):
    """Makes servables out of directories."""

    def load(self, path: Path, *, cancelled: Callable[[], bool]) -> Servable:
        """Load the version in `path`, warmup included, or raise `LoadFailure`.

        It blocks, in a thread of its own. `cancelled` turns true when nobody wants the version any more; TensorFlow
        finishes all the same, a loader that waits may stop early with `LoadFailure(Code.CANCELLED, ...)`.
        """
        ...

    def close(self) -> None:
        """End loads that wait for ever: the process ends."""
        ...


@dataclass(frozen=True, slots=True)
class LoaderOptions:
    """The flags that concern a loader; each loader module has a function `open_loader(options) -> Loader`."""

    saved_model_tags: tuple[str, ...] = ("serve",)
    enable_model_warmup: bool = True
    warmup_iterations: int = 1


@dataclass(frozen=True, slots=True)
class Found:
    """A servable lent to one request."""

    model: str
    version: int
    servable: Servable


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """A line of GetModelStatus: `code` is OK unless the version failed."""

    version: int
    state: State
    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class Served:
    """One answered inference request, for the counters."""

    model: str
    api: str  # "Predict", "Classify", "Regress"
    entrypoint: str  # "GRPC", "REST"
    code: Code
    seconds: float


class Core(Protocol):
    """What the gRPC and REST faces ask of the server's core."""

    def find(
        self, model: str, *, version: int | None = None, label: str | None = None
    ) -> AbstractContextManager[Found]:
        """Lend the servable: of a version, of a label, else the highest one available.

        Unloading waits until the context ends. Raises `RequestFailure` with TensorFlow Serving's words (NOT_FOUND
        "Servable not found for request: Latest(m)", INVALID_ARGUMENT "Unrecognized servable version label: L").
        """
        ...

    def status(self, model: str, *, version: int | None = None) -> list[VersionStatus]:
        """Return the versions ever aspired, highest first, or raise `RequestFailure` (NOT_FOUND)."""
        ...

    def label_version(self, model: str, label: str) -> int:
        """Return the version a label stands for, or raise `RequestFailure`."""
        ...

    def record(self, served: Served) -> None:
        """Count an inference request, answered or refused."""
        ...


def raw(message: str) -> bytes:
    """Return a message's bytes as a loader made them: what was no UTF-8 came in as surrogates."""
    return message.encode("utf-8", "surrogateescape")
