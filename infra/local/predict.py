"""A client of TensorFlow Serving as an application has it: it names a model, no version, and asks again and again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import grpc
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.framework.types_pb2 import DT_FLOAT
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

ANSWER_SECONDS = 5.0
PAUSE_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Answer:
    """What one Predict said, and when; either an error or the version's values."""

    at: datetime
    version: int = 0
    values: tuple[float, ...] = ()
    error: str = ""

    def is_right(self, expected: Sequence[float], *, tolerance: float = 1e-2) -> bool:
        """Whether the values are the expected ones."""
        pairs = zip(self.values, expected, strict=False)
        return len(self.values) == len(expected) and all(abs(got - want) <= tolerance for got, want in pairs)


@dataclass(slots=True)
class Answers:
    """All answers so far, oldest first."""

    all: list[Answer] = field(default_factory=list)

    def since(self, moment: datetime) -> list[Answer]:
        """The answers from a moment on."""
        return [answer for answer in self.all if answer.at >= moment]


@asynccontextmanager
async def asking(address: str, model: str, *, xs: Sequence[float]) -> AsyncIterator[Answers]:
    """Ask the model for these inputs again and again in the background, and keep every answer."""
    answers = Answers()
    task = asyncio.create_task(_ask_on(answers, address, request(model, xs)))
    try:
        yield answers
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def request(model: str, xs: Sequence[float]) -> PredictRequest:
    """Ask `model` for one batch of numbers, with no version named."""
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=len(xs))])
    asked = PredictRequest()
    asked.model_spec.name = model
    asked.inputs["x"].CopyFrom(TensorProto(dtype=DT_FLOAT, tensor_shape=shape, float_val=xs))
    return asked


async def _ask_on(answers: Answers, address: str, asked: PredictRequest) -> None:
    async with grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        stub = PredictionServiceStub(channel)
        while True:
            try:
                answers.all.append(_read(await stub.Predict(asked, timeout=ANSWER_SECONDS)))
            except grpc.aio.AioRpcError as error:
                answers.all.append(Answer(datetime.now(UTC), error=f"{error.code().name}: {error.details()}"))
            await asyncio.sleep(PAUSE_SECONDS)


def _read(response: PredictResponse) -> Answer:
    values = tuple(response.outputs["y"].float_val)
    return Answer(datetime.now(UTC), response.model_spec.version.value, values)
