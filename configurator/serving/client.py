"""TensorFlow Serving over gRPC: its ModelService, and of its PredictionService what confirms a version.

One long-lived channel; `epoch` counts how often its connection was lost, since after a loss another TensorFlow
Serving, which was told nothing, may be at the other end.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeVar

import grpc
from google.protobuf.message import Message
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis.get_model_metadata_pb2 import (
    GetModelMetadataRequest,
    GetModelMetadataResponse,
    SignatureDefMap,
)
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from configurator.serving.applied_config import Key
from configurator.serving.states import State, Status
from configurator.serving.tls import Tls, find_cause
from events.names import ModelName, Version
from events.wording import clean
from service import serving_status
from service.errors import BadSettings, ModelManagerError, Transient

Answer_co = TypeVar("Answer_co", covariant=True)
CALL_SECONDS = 5.0
CAUSE_SECONDS = 1.0
SIGNATURES = "signature_def"
MODEL_SERVICE = "/tensorflow.serving.ModelService"
UNREADABLE = "UNREADABLE"  # stands for a code where the answer is none
OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),  # answers to samples
    ("grpc.enable_http_proxy", 0),
)


class Method(Protocol[Answer_co]):
    """A call of a gRPC stub."""

    def __call__(self, request: Message, *, timeout: float) -> Awaitable[Answer_co | None]: ...


class ServingAway(Transient):
    """TensorFlow Serving does not answer."""


class ServingLate(Transient):
    """TensorFlow Serving did not answer in time; it may still be at it."""


class ServingRefused(ModelManagerError):
    """TensorFlow Serving answered with an error."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(f"{code}: {words}")
        self.code = code
        self.words = words


class Causes:
    """Finds why no connection comes about, by one look at a time, and not again within a second."""

    def __init__(self, address: str, tls: Tls | None) -> None:
        self._address = address
        self._tls = tls
        self._lock = asyncio.Lock()
        self._found = ""
        self._until = -math.inf

    async def find(self) -> str:
        """Return the cause in words; empty where there is none to be found."""
        async with self._lock:
            clock = asyncio.get_running_loop().time
            if clock() >= self._until:
                self._found = await asyncio.to_thread(find_cause, self._address, self._tls)
                self._until = clock() + CAUSE_SECONDS
            return self._found


class Serving:
    """The node's TensorFlow Serving."""

    def __init__(self, address: str, tls: Tls | None = None) -> None:
        """Open the channel; nothing is connected yet. Raises `BadSettings` where a file cannot be read any more."""
        self.address = address
        self.epoch = 0
        self._channel = _channel(address, tls)
        self._causes = Causes(address, tls)
        self._status = self._raw("GetModelStatus", GetModelStatusRequest.SerializeToString)
        self._reload = self._raw("HandleReloadConfigRequest", ReloadConfigRequest.SerializeToString)
        self._predictions = PredictionServiceStub(self._channel)

    async def status(self, model: str) -> dict[Version, Status]:
        """Ask for all versions of a model; empty if TensorFlow Serving never heard of it."""
        request = GetModelStatusRequest(model_spec=ModelSpec(name=model))
        try:
            lines = serving_status.read_status(await self._call(self._status, request, seconds=CALL_SECONDS))
        except ServingRefused as refused:
            if refused.code == grpc.StatusCode.NOT_FOUND.name:
                return {}
            raise ServingRefused(refused.code, f"it does not say what it serves: {refused.words}") from refused
        except serving_status.Unreadable as error:
            raise ServingRefused(UNREADABLE, f"what it says of model {model} is no answer: {error}") from error
        return {
            Version(one.version): Status(_state(one.state), one.code, one.words) for one in lines if one.version >= 0
        }

    async def reload(self, config: ModelServerConfig, *, seconds: float) -> None:
        """Send a whole config and wait until its new models have settled."""
        answer = await self._call(self._reload, ReloadConfigRequest(config=config), seconds=seconds)
        try:
            code, message = serving_status.read_reload(answer)
        except serving_status.Unreadable as error:
            raise ServingRefused(UNREADABLE, f"what it says to a reload is no answer: {error}") from error
        if code:
            raise ServingRefused(str(code), serving_status.words(message))

    async def label(self, model: ModelName, label: str) -> Version | None:
        """Find out where a label points."""
        spec = ModelSpec(name=model, version_label=label)
        request = GetModelMetadataRequest(model_spec=spec, metadata_field=[SIGNATURES])
        try:
            answer = await self._metadata(request)
        except (ServingRefused, ServingLate):
            return None
        return Version(answer.model_spec.version.value)

    async def inputs(self, key: Key, signature: str) -> dict[str, int] | None:
        """Tell the types of a signature's inputs; None: the version has no such signature."""
        request = GetModelMetadataRequest(model_spec=_spec(key), metadata_field=[SIGNATURES])
        answer = await self._metadata(request)
        found = SignatureDefMap.FromString(answer.metadata[SIGNATURES].value).signature_def
        if signature not in found:
            return None
        return {name: tensor.dtype for name, tensor in found[signature].inputs.items()}

    async def predict(
        self, key: Key, signature: str, *, inputs: Mapping[str, TensorProto], outputs: list[str], seconds: float
    ) -> dict[str, TensorProto]:
        """Ask a version for some outputs of a signature."""
        spec = _spec(key)
        spec.signature_name = signature
        request = PredictRequest(model_spec=spec, inputs=inputs, output_filter=outputs)
        answer: PredictResponse = await self._call(self._predictions.Predict, request, seconds=seconds)
        return dict(answer.outputs)

    async def watch(self, on_change: Callable[[], None]) -> None:
        """Call `on_change` whenever the connection is lost or made, until cancelled."""
        ready = grpc.ChannelConnectivity.READY
        before = self._channel.get_state(try_to_connect=True)
        while True:
            await self._channel.wait_for_state_change(before)
            after = self._channel.get_state(try_to_connect=True)
            if before is ready:
                self.epoch += 1
            if ready in {before, after}:
                on_change()
            before = after

    async def close(self) -> None:
        """Give the connection back."""
        await self._channel.close()

    async def _metadata(self, request: GetModelMetadataRequest) -> GetModelMetadataResponse:
        return await self._call(self._predictions.GetModelMetadata, request, seconds=CALL_SECONDS)

    async def _call(self, method: "Method[Answer_co]", request: Message, *, seconds: float) -> Answer_co:
        try:
            answer = await method(request, timeout=seconds)
        except grpc.aio.AioRpcError as error:
            words = clean(error.details() or "")
            match error.code():
                case grpc.StatusCode.UNAVAILABLE:
                    raise ServingAway(await self._why(words)) from error
                case grpc.StatusCode.DEADLINE_EXCEEDED:
                    raise ServingLate(
                        f"TensorFlow Serving at {self.address} did not answer within {seconds:g} seconds"
                    ) from error
                case code:
                    raise ServingRefused(code.name, words) from error
        if answer is None:  # that is how gRPC's asyncio tells of bytes that are no message
            raise ServingRefused(UNREADABLE, f"{self.address} answers what is no answer")
        return answer

    async def _why(self, words: str) -> str:
        """Say why nothing comes; gRPC's words where there is no better cause."""
        if cause := await self._causes.find():
            return f"TensorFlow Serving at {self.address} is there, and no connection comes about: {cause}"
        return f"TensorFlow Serving at {self.address} does not answer: {words}"

    def _raw(self, name: str, serialize: Callable[[Message], bytes]) -> "Method[bytes]":
        """A method of the ModelService whose answer comes as bytes."""
        method: Method[bytes] = self._channel.unary_unary(f"{MODEL_SERVICE}/{name}", request_serializer=serialize)
        return method


def _channel(address: str, tls: Tls | None) -> grpc.aio.Channel:
    if tls is None:
        return grpc.aio.insecure_channel(address, options=OPTIONS)
    try:
        files = [path.read_bytes() if path else None for path in (tls.ca_file, tls.key_file, tls.cert_file)]
    except OSError as error:
        raise BadSettings(f"MM_SERVING_CA_FILE, MM_SERVING_CERT_FILE, MM_SERVING_KEY_FILE: {error}") from error
    named = ("grpc.ssl_target_name_override", tls.expects(address))
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(*files), options=(*OPTIONS, named))


def _spec(key: Key) -> ModelSpec:
    name, version = key
    spec = ModelSpec(name=name)
    spec.version.value = version
    return spec


def _state(number: int) -> State:
    try:
        return State(number)
    except ValueError:
        return State.UNKNOWN
