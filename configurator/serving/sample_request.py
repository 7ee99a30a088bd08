"""The sample a version brings, `assets.extra/smoke.json`, and whether the version answers it as it should.

    {"signature": "serving_default", "instances": {"x": [1.0, 2.0]}, "outputs": {"y": [2.5, 3.0]}, "tolerance": 1e-6}

Inputs and outputs are columnar, as in "inputs" of TensorFlow Serving's REST API; outputs that are not named are not
looked at. A version with a sample that cannot be read is not served: its author asked for a check.
"""

import math
import sys
from collections.abc import Mapping
from typing import Protocol

from tensorflow.core.framework.tensor_pb2 import TensorProto

from configurator.serving import tensors
from configurator.serving.applied_config import Key
from configurator.serving.client import ServingAway, ServingLate, ServingRefused
from service import values
from service.errors import Invalid, Transient
from service.sample import FILE, Sample

UNCLEAR = frozenset({"NOT_FOUND", "CANCELLED", "ABORTED", "RESOURCE_EXHAUSTED"})  # busy, or just unloaded


class Unclear(Transient):
    """TensorFlow Serving was too busy to tell; ask again."""


class Predicts(Protocol):
    """What a sample is asked of."""

    async def inputs(self, key: Key, signature: str) -> dict[str, int] | None: ...

    async def predict(
        self, key: Key, signature: str, *, inputs: Mapping[str, TensorProto], outputs: list[str], seconds: float
    ) -> dict[str, TensorProto]: ...


async def check(sample: Sample, key: Key, serving: Predicts, *, seconds: float) -> None:
    """Ask the version; `Invalid` says how its answer is wrong, `Unclear` that none could be had."""
    try:
        inputs = _inputs(sample, await _dtypes(sample, key, serving))
        answer = await serving.predict(
            key, sample.signature, inputs=inputs, outputs=sorted(sample.outputs), seconds=seconds
        )
    except ServingLate as error:
        raise Invalid(f"it did not answer its sample within {seconds:g} seconds") from error
    except ServingAway as error:
        raise Unclear(str(error)) from error
    except ServingRefused as error:
        kind = Unclear if error.code in UNCLEAR else Invalid
        raise kind(f"it cannot answer its sample: {error}") from error
    for name, expected in sample.outputs.items():
        if problem := _difference(expected, answer.get(name), sample.tolerance):
            raise Invalid(f"it answers its sample wrong: output {name[:80]!a} {problem}")


async def _dtypes(sample: Sample, key: Key, serving: Predicts) -> dict[str, int] | None:
    try:
        return await serving.inputs(key, sample.signature)
    except ServingLate as error:
        raise Unclear(str(error)) from error


def _inputs(sample: Sample, dtypes: dict[str, int] | None) -> dict[str, TensorProto]:
    if dtypes is None:
        raise Invalid(f"{FILE} asks for signature {sample.signature[:80]!a}, which the version does not have")
    if unknown := sorted(sample.instances.keys() - dtypes.keys()):
        raise Invalid(f"{FILE} feeds {unknown[0][:80]!a}, which is no input of signature {sample.signature}")
    found = {}
    for name, nested in sample.instances.items():
        try:
            found[name] = tensors.build(nested, dtypes[name])
        except values.BadTensor as error:
            raise Invalid(f"{FILE}: input {name[:80]!a}: {error}") from error
    return found


def _difference(expected: object, tensor: TensorProto | None, tolerance: float) -> str:
    if tensor is None:
        return "is not in the answer"
    try:
        shape, wanted = values.flatten(expected)
        if tensors.shape_of(tensor) != shape:
            return f"has shape {tensors.shown(tensors.shape_of(tensor))}, expected {tensors.shown(shape)}"
        found = tensors.read(tensor, shape)
    except values.BadTensor as error:
        return f"cannot be compared: {error}"
    pairs = zip(wanted, found, strict=True)
    wrong = next((pair for pair in pairs if not _is_equal(*pair, tolerance)), None)
    return f"holds {_shown(wrong[1])} where {_shown(wrong[0])} is expected" if wrong else ""


def _is_equal(expected: object, value: values.Scalar, tolerance: float) -> bool:
    match value:
        case bytes():
            return values.text(expected) == value
        case bool():
            return expected is value
        case int() | float():
            if not isinstance(expected, int | float) or isinstance(expected, bool):
                return False
            is_finite = abs(expected) <= sys.float_info.max or isinstance(expected, float)  # else no float at all
            return is_finite and math.isclose(expected, value, rel_tol=0.0, abs_tol=tolerance)
        case _:
            return False


def _shown(value: object) -> str:
    return ascii(value)[:60]
