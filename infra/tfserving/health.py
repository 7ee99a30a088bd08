"""The standard gRPC health service, as the flag --enable_grpc_healthcheck_service asks.

It says that the process is up and nothing of models, as in TensorFlow Serving. Its two messages have one field each,
with the number and wire type of protobuf's wrapper types, so these stand in for the generated ones.
"""

from collections.abc import Iterator
from threading import Event

import grpc
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

_SERVING = 1
_SERVICE_UNKNOWN = 3
_SERVICES = frozenset({"", "ModelService", "PredictionService"})


def add_health(server: grpc.Server) -> None:
    """Register the service."""
    types = {"request_deserializer": StringValue.FromString, "response_serializer": Int32Value.SerializeToString}
    handlers = {
        "Check": grpc.unary_unary_rpc_method_handler(_check, **types),
        "Watch": grpc.unary_stream_rpc_method_handler(_watch, **types),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers),))


def _check(request: StringValue, context: grpc.ServicerContext) -> Int32Value:
    if request.value not in _SERVICES:
        context.abort(grpc.StatusCode.NOT_FOUND, "service name unknown")
    return Int32Value(value=_SERVING)


def _watch(request: StringValue, context: grpc.ServicerContext) -> Iterator[Int32Value]:
    """Send the one status there ever is, then keep the stream open as long as the client wants it."""
    ended = Event()
    context.add_callback(ended.set)
    yield Int32Value(value=_SERVING if request.value in _SERVICES else _SERVICE_UNKNOWN)
    ended.wait()
