"""The gRPC PredictionService: inference and metadata, on servables the core lends."""

import time
from collections.abc import Callable
from typing import TypeVar

import grpc
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest, ClassificationResponse
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, GetModelMetadataResponse
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest, MultiInferenceResponse
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.regression_pb2 import RegressionRequest, RegressionResponse

from infra.tfserving.grpc_answer import HasModelSpec, answer, lend, spec_of
from infra.tfserving.metadata import signature_map
from infra.tfserving.multi_inference import infer
from infra.tfserving.servable import Code, Core, Found, RequestFailure, Served, StatusError

_Response = TypeVar("_Response", PredictResponse, ClassificationResponse, RegressionResponse)


class PredictionService:
    """The servicer."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def Predict(self, request: PredictRequest, context: grpc.ServicerContext) -> PredictResponse:  # noqa: N802
        """Run a signature on tensors."""
        return answer(context, lambda: self._serve("Predict", request, run=lambda to: to.servable.predict(request)))

    def Classify(  # noqa: N802 (the name on the wire)
        self, request: ClassificationRequest, context: grpc.ServicerContext
    ) -> ClassificationResponse:
        """Run a classification signature on examples."""
        return answer(context, lambda: self._serve("Classify", request, run=lambda to: to.servable.classify(request)))

    def Regress(self, request: RegressionRequest, context: grpc.ServicerContext) -> RegressionResponse:  # noqa: N802
        """Run a regression signature on examples."""
        return answer(context, lambda: self._serve("Regress", request, run=lambda to: to.servable.regress(request)))

    def MultiInference(  # noqa: N802 (the name on the wire)
        self, request: MultiInferenceRequest, context: grpc.ServicerContext
    ) -> MultiInferenceResponse:
        """Run several classification and regression signatures of one model on the same examples."""
        return answer(context, lambda: infer(self._core, request))

    def GetModelMetadata(  # noqa: N802 (the name on the wire)
        self, request: GetModelMetadataRequest, context: grpc.ServicerContext
    ) -> GetModelMetadataResponse:
        """Tell the signatures of a servable."""
        return answer(context, lambda: self._metadata(request))

    def _serve(self, api: str, request: HasModelSpec, *, run: Callable[[Found], _Response]) -> _Response:
        began, code = time.monotonic(), Code.OK
        try:
            with lend(self._core, spec_of(request)) as found:
                response = run(found)
            response.model_spec.name = found.model
            response.model_spec.version.value = found.version
        except StatusError as error:
            code = error.code
            raise
        else:
            return response
        finally:
            self._core.record(Served(request.model_spec.name, api, "GRPC", code, time.monotonic() - began))

    def _metadata(self, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
        spec = spec_of(request)
        if not request.metadata_field:
            raise RequestFailure(
                Code.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"
            )
        for field in request.metadata_field:
            if field != "signature_def":
                raise RequestFailure(Code.INVALID_ARGUMENT, f"Metadata field {field} is not supported")
        response = GetModelMetadataResponse()
        with lend(self._core, spec) as found:
            response.model_spec.name = found.model
            response.model_spec.version.value = found.version
            response.metadata["signature_def"].Pack(signature_map(found.servable))
        return response
