"""The gRPC ModelService: what is served, and the order to serve something else.

A reload blocks its handler thread until the core is done with it; the client's deadline changes nothing.
"""

import logging

import grpc
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest, ReloadConfigResponse

from infra.tfserving.core import ServerCore
from infra.tfserving.grpc_answer import answer, spec_of
from infra.tfserving.servable import Code, RequestFailure, StatusError, raw
from service.serving_status import Line, write_status

NAME = "tensorflow.serving.ModelService"

log = logging.getLogger("tfserving.model_service")


class ModelService:
    """The servicer."""

    def __init__(self, core: ServerCore) -> None:
        self._core = core

    def GetModelStatus(  # noqa: N802 (the name on the wire)
        self, request: GetModelStatusRequest, context: grpc.ServicerContext
    ) -> bytes:
        """Tell the state of one version or of all; a label is not looked at. The bytes are a GetModelStatusResponse."""
        return answer(context, lambda: self._status(request))

    def HandleReloadConfigRequest(  # noqa: N802 (the name on the wire)
        self, request: ReloadConfigRequest, context: grpc.ServicerContext
    ) -> ReloadConfigResponse:
        """Apply a config, and answer when its new models have settled."""
        return answer(context, lambda: self._reload(request))

    def _status(self, request: GetModelStatusRequest) -> bytes:
        spec = spec_of(request)
        version = spec.version.value if spec.HasField("version") else None
        return write_status(
            Line(one.version, one.state, one.code, raw(one.message))
            for one in self._core.status(spec.name, version=version)
        )

    def _reload(self, request: ReloadConfigRequest) -> ReloadConfigResponse:
        before = {name: self._core.metrics.value(name) for name in request.metric_names}
        self._apply(request)
        response = ReloadConfigResponse()
        response.status.error_code = Code.OK
        for name, value in before.items():
            response.metric.add(name=name, int64_value_increase=self._core.metrics.value(name) - value)
        return response

    def _apply(self, request: ReloadConfigRequest) -> None:
        if request.config.WhichOneof("config") != "model_config_list":
            raise RequestFailure(
                Code.INVALID_ARGUMENT,
                "ServerModelConfig type not supported by HandleReloadConfigRequest."
                " Only ModelConfigList is currently supported",
            )
        for index, model in enumerate(request.config.model_config_list.config):
            log.info("Config entry %s: name %s, path %s", index, model.name, model.base_path)
        try:
            self._core.reload(request.config)
        except StatusError as error:
            log.error("ReloadConfig failed: %s", error.message)  # noqa: TRY400 (no stack for a refused config)
            raise


def add_model_service(service: ModelService, server: grpc.Server) -> None:
    """Register the servicer; statuses go out as bytes, since a message of a C++ server may be no text (trap D14)."""
    handlers = {
        "GetModelStatus": grpc.unary_unary_rpc_method_handler(
            service.GetModelStatus, request_deserializer=GetModelStatusRequest.FromString
        ),
        "HandleReloadConfigRequest": grpc.unary_unary_rpc_method_handler(
            service.HandleReloadConfigRequest,
            request_deserializer=ReloadConfigRequest.FromString,
            response_serializer=ReloadConfigResponse.SerializeToString,
        ),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
