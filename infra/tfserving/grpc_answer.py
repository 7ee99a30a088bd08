"""What all gRPC handlers share: turning a `StatusError` into a gRPC status, and reading a model spec."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import grpc
from tensorflow_serving.apis.model_pb2 import ModelSpec

from infra.tfserving.servable import Code, Core, Found, RequestFailure, StatusError, raw

_MESSAGE_LIMIT = 1024
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_Answer = TypeVar("_Answer")


class HasModelSpec(Protocol):
    """A request that names a model."""

    @property
    def model_spec(self) -> ModelSpec:
        """Return the spec, empty if none was sent."""
        ...

    def HasField(self, name: str) -> bool:  # noqa: N802 (protobuf's name)
        """Tell whether a field was sent."""
        ...


def answer(context: grpc.ServicerContext, work: Callable[[], _Answer]) -> _Answer:
    """Return what `work` returns, or end the call with the status it raises."""
    try:
        return work()
    except StatusError as error:
        context.abort(_CODES[error.code], raw(shorten(error.message)).decode(errors="replace"))
        raise AssertionError("abort raises") from error


def shorten(message: str) -> str:
    """Cut a message as TensorFlow Serving does before it goes on the wire."""
    return message if len(message) <= _MESSAGE_LIMIT else message[:_MESSAGE_LIMIT] + "...TRUNCATED"


def spec_of(request: HasModelSpec) -> ModelSpec:
    """Return a request's model spec, or raise `RequestFailure`."""
    if not request.HasField("model_spec"):
        raise RequestFailure(Code.INVALID_ARGUMENT, "Missing ModelSpec")
    return request.model_spec


def lend(core: Core, spec: ModelSpec) -> AbstractContextManager[Found]:
    """Find the servable that a model spec asks for, or raise `RequestFailure`."""
    match spec.WhichOneof("version_choice"):
        case "version":
            return core.find(spec.name, version=spec.version.value)
        case "version_label":
            return core.find(spec.name, label=spec.version_label)
        case _:
            return core.find(spec.name)
