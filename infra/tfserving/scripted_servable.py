"""What the scripted loader makes of a version: a servable that computes a line, or misbehaves as told."""

import time
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest, ClassificationResponse
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.regression_pb2 import RegressionRequest, RegressionResponse

from infra.tfserving import inference
from infra.tfserving.saved_model import Export
from infra.tfserving.script import LOOK_SECONDS, Script
from infra.tfserving.servable import Code, RequestFailure
from infra.tfserving.tensors import FIELDS, Feed

_NUMBERS: Final = (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_INT32, types_pb2.DT_INT64)


class ScriptedServable:
    """Answers Predict with `scale * x + offset`, in the type and shape of `x`."""

    def __init__(self, export: Export, script: Script) -> None:
        graph = export.graph
        self._signatures = dict(graph.signature_def) if graph else {inference.DEFAULT_SIGNATURE: _line_signature()}
        self._is_initialized = export.is_initialized
        self._script = script

    @property
    def signatures(self) -> Mapping[str, SignatureDef]:
        """Return those of the export, or that of a line if it has none."""
        return self._signatures

    def predict(self, request: PredictRequest) -> PredictResponse:
        """Do as the script says."""
        script = self._script
        time.sleep(script.predict_seconds)
        while script.predict_wait_for and not Path(script.predict_wait_for).exists():
            time.sleep(LOOK_SECONDS)
        if script.predict_fail is not None:
            raise RequestFailure(Code[script.predict_fail.code], script.predict_fail.message)
        return inference.predict(self._run, request, signatures=self._signatures)

    def classify(self, request: ClassificationRequest) -> ClassificationResponse:
        """Refuse."""
        raise RequestFailure(Code.UNIMPLEMENTED, f"a scripted version has no Classify ({request.model_spec.name})")

    def regress(self, request: RegressionRequest) -> RegressionResponse:
        """Refuse."""
        raise RequestFailure(Code.UNIMPLEMENTED, f"a scripted version has no Regress ({request.model_spec.name})")

    def close(self) -> None:
        """Hold nothing, give nothing back."""

    def _run(self, feeds: Sequence[Feed], fetches: Sequence[str]) -> list[TensorProto]:
        if not self._is_initialized:
            raise RequestFailure(
                Code.FAILED_PRECONDITION,
                "Could not find variable. This could mean that the variable has been deleted or is uninitialized.",
            )
        answer = self._line(feeds[0].tensor)
        return [answer for _ in fetches]

    def _line(self, tensor: TensorProto) -> TensorProto:
        if tensor.dtype not in _NUMBERS:
            raise RequestFailure(Code.INVALID_ARGUMENT, "a scripted version computes with float, double, int32, int64")
        field, letter = FIELDS[tensor.dtype]
        values = array(letter, tensor.tensor_content) if tensor.tensor_content else getattr(tensor, field)
        line = [self._script.scale * value + self._script.offset for value in values]
        answer = TensorProto(dtype=tensor.dtype, tensor_shape=tensor.tensor_shape)
        getattr(answer, field).extend(line if letter in "fd" else [int(value) for value in line])
        return answer


def _line_signature() -> SignatureDef:
    signature = SignatureDef(method_name="tensorflow/serving/predict")
    for tensors, name in ((signature.inputs, "x"), (signature.outputs, "y")):
        tensors[name].name = f"{name}:0"
        tensors[name].dtype = types_pb2.DT_FLOAT
        tensors[name].tensor_shape.dim.add(size=-1)
    return signature
