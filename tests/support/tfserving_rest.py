"""A core with one loaded version, for tests of the REST face that need no server."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest, ClassificationResponse
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.regression_pb2 import RegressionRequest, RegressionResponse

from infra.tfserving import inference
from infra.tfserving.servable import Code, Found, RequestFailure, Served, State, StatusError, VersionStatus
from infra.tfserving.tensors import Feed

FLOAT, STRING = types_pb2.DT_FLOAT, types_pb2.DT_STRING


def signature(method: str, *, inputs: Mapping[str, int], outputs: Mapping[str, int]) -> SignatureDef:
    """Return a signature of one-dimensional tensors, each named after itself."""
    made = SignatureDef(method_name=f"tensorflow/serving/{method}")
    for tensors, given in ((made.inputs, inputs), (made.outputs, outputs)):
        for name, dtype in given.items():
            tensors[name].name, tensors[name].dtype = f"{name}:0", dtype
            tensors[name].tensor_shape.dim.add(size=-1)
    return made


SIGNATURES = {
    "serving_default": signature("predict", inputs={"x": FLOAT}, outputs={"y": FLOAT}),
    "classify": signature("classify", inputs={"inputs": STRING}, outputs={"classes": STRING, "scores": FLOAT}),
    "regress": signature("regress", inputs={"inputs": STRING}, outputs={"outputs": FLOAT}),
}


def doubled(feeds: Sequence[Feed], fetches: Sequence[str]) -> list[TensorProto]:
    """Run a graph that doubles its one input."""
    tensor = TensorProto(dtype=FLOAT, tensor_shape=feeds[0].tensor.tensor_shape)
    tensor.float_val.extend(2 * value for value in feeds[0].tensor.float_val)
    return [tensor for _ in fetches]


@dataclass(frozen=True, slots=True)
class FakeServable:
    """A version that runs a function of the test in place of a graph."""

    run: Callable[[Sequence[Feed], Sequence[str]], list[TensorProto]] = doubled
    signatures: Mapping[str, SignatureDef] = field(default_factory=lambda: SIGNATURES)

    def predict(self, request: PredictRequest) -> PredictResponse:
        """Run a signature on tensors."""
        return inference.predict(self.run, request, signatures=self.signatures)

    def classify(self, request: ClassificationRequest) -> ClassificationResponse:
        """Run a classification signature on examples."""
        return inference.classify(self.run, request, signatures=self.signatures)

    def regress(self, request: RegressionRequest) -> RegressionResponse:
        """Run a regression signature on examples."""
        return inference.regress(self.run, request, signatures=self.signatures)

    def close(self) -> None:
        """Hold nothing."""


@dataclass(slots=True)
class FakeCore:
    """Serves version 7 of the model `m`, labelled `stable`, and remembers what it was asked to count."""

    servable: FakeServable = field(default_factory=FakeServable)
    refusal: StatusError | None = None
    recorded: list[tuple[str, str, str, Code]] = field(default_factory=list)
    lent: int = 0

    @contextmanager
    def find(self, model: str, *, version: int | None = None, label: str | None = None) -> Iterator[Found]:
        """Lend the one version."""
        if self.refusal:
            raise self.refusal
        if model != "m" or version not in (None, 7) or label not in (None, "stable"):
            raise RequestFailure(Code.NOT_FOUND, f"Servable not found for request: Latest({model})")
        self.lent += 1
        try:
            yield Found(model, 7, self.servable)
        finally:
            self.lent -= 1

    def status(self, model: str, *, version: int | None = None) -> list[VersionStatus]:
        """Return the one version, and one that failed."""
        if model != "m":
            raise RequestFailure(Code.NOT_FOUND, f"Could not find any versions of model {model}")
        lines = [
            VersionStatus(8, State.END, Code.DATA_LOSS, 'file "x" is too short'),
            VersionStatus(7, State.AVAILABLE, Code.OK, ""),
        ]
        return [line for line in lines if version in (None, line.version)]

    def label_version(self, model: str, label: str) -> int:
        """Return the version of a label."""
        if (model, label) != ("m", "stable"):
            raise RequestFailure(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
        return 7

    def record(self, served: Served) -> None:
        """Remember a request, without its time."""
        self.recorded.append((served.model, served.api, served.entrypoint, served.code))


@dataclass(frozen=True, slots=True)
class Gate:
    """Holds whoever runs through it until the test opens it."""

    opened: threading.Event = field(default_factory=threading.Event)

    def run(self, feeds: Sequence[Feed], fetches: Sequence[str]) -> list[TensorProto]:
        """Wait, then run as usual."""
        self.opened.wait(timeout=30)
        return doubled(feeds, fetches)
