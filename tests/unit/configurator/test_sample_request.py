"""Samples: read strictly, asked by their types, compared with their tolerance."""

import json
import tracemalloc
from collections.abc import Mapping
from pathlib import Path

import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto

from configurator.serving import sample_request, tensors
from configurator.serving.applied_config import Key
from configurator.serving.client import ServingAway, ServingLate, ServingRefused
from events.names import ModelName, Version
from service import sample as samples
from service.errors import Invalid

KEY: Key = (ModelName("m"), Version(1))
FLOAT, INT64, STRING, BOOL = (types_pb2.DT_FLOAT, types_pb2.DT_INT64, types_pb2.DT_STRING, types_pb2.DT_BOOL)


class Echo:
    """A version that answers with fixed tensors, or not at all."""

    def __init__(
        self, answer: Mapping[str, TensorProto], *, error: Exception | None = None, dtype: int = FLOAT
    ) -> None:
        self._answer = answer
        self._error = error
        self._dtype = dtype

    async def inputs(self, key: Key, signature: str) -> dict[str, int] | None:
        return {"x": self._dtype} if signature == "serving_default" else None

    async def predict(
        self, key: Key, signature: str, *, inputs: Mapping[str, TensorProto], outputs: list[str], seconds: float
    ) -> dict[str, TensorProto]:
        if self._error:
            raise self._error
        return dict(self._answer)


def sample(**fields: object) -> samples.Sample:
    return samples.parse(json.dumps({"instances": {"x": [1.0]}, "outputs": {"y": [2.5]}, **fields}).encode())


async def verdict(asked: samples.Sample, version: Echo) -> str:
    """Say what is wrong with the version; empty if nothing."""
    try:
        await sample_request.check(asked, KEY, version, seconds=5.0)
    except Invalid as error:
        return str(error)
    return ""


RIGHT = {"y": tensors.build([2.5], FLOAT)}
BYTES = tensors.build(["?"], STRING)
BYTES.string_val[0] = b"\xff"
ANSWERS = {
    "right": (sample(), Echo(RIGHT), ""),
    "within the tolerance": (sample(tolerance=0.1), Echo({"y": tensors.build([2.55], FLOAT)}), ""),
    "wrong": (sample(), Echo({"y": tensors.build([2.6], FLOAT)}), "where 2.5 is expected"),
    "not a number": (sample(), Echo({"y": tensors.build([float("nan")], FLOAT)}), "holds nan where 2.5 is expected"),
    "other shape": (sample(), Echo({"y": tensors.build([[2.5]], FLOAT)}), "has shape [1, 1], expected [1]"),
    "no such output": (sample(), Echo({}), "output 'y' is not in the answer"),
    "strings": (sample(outputs={"y": ["a", "b"]}), Echo({"y": tensors.build(["a", "b"], STRING)}), ""),
    "bytes": (sample(outputs={"y": [{"b64": "/w=="}]}), Echo({"y": BYTES}), ""),
    "a string for a number": (sample(outputs={"y": ["2.5"]}), Echo(RIGHT), "where '2.5' is expected"),
    "truth": (sample(outputs={"y": [True]}), Echo({"y": tensors.build([True], BOOL)}), ""),
    "one for truth": (sample(outputs={"y": [1]}), Echo({"y": tensors.build([True], BOOL)}), "where 1 is expected"),
    "a scalar": (sample(outputs={"y": 2.5}), Echo({"y": tensors.build(2.5, FLOAT)}), ""),
    "unknown signature": (sample(signature="other"), Echo(RIGHT), "asks for signature 'other'"),
    "unknown input": (sample(instances={"z": [1]}), Echo(RIGHT), "feeds 'z', which is no input"),
    "a value of another type": (sample(instances={"x": ["one"]}), Echo(RIGHT), "'one' is no value of type DT_FLOAT"),
    "ragged": (sample(instances={"x": [[1], [1, 2]]}), Echo(RIGHT), "lists of different length"),
    "a type that JSON cannot write": (sample(), Echo(RIGHT, dtype=types_pb2.DT_VARIANT), "DT_VARIANT"),
    "late": (sample(), Echo({}, error=ServingLate("late")), "did not answer its sample within 5 seconds"),
    "refused": (
        sample(),
        Echo({}, error=ServingRefused("FAILED_PRECONDITION", "uninitialized")),
        "it cannot answer its sample: FAILED_PRECONDITION: uninitialized",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_an_answer_is_held_against_the_sample(case: str) -> None:
    """What differs is named."""
    asked, version, expected = ANSWERS[case]
    found = await verdict(asked, version)
    assert expected in found
    assert bool(expected) == bool(found)


@pytest.mark.parametrize(
    "error",
    [ServingAway("gone"), ServingRefused("NOT_FOUND", "unloaded"), ServingRefused("RESOURCE_EXHAUSTED", "busy")],
)
async def test_no_answer_is_no_verdict(error: Exception) -> None:
    """A server that is busy or away says nothing about the version."""
    with pytest.raises(sample_request.Unclear):
        await sample_request.check(sample(), KEY, Echo({}, error=error), seconds=5.0)


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e300", "-3.5e38"])
async def test_a_number_that_does_not_fit_is_an_error_and_no_bug(number: str) -> None:
    """401 digits once ended every pass of every configurator (issue 10)."""
    fed = samples.parse(f'{{"instances": {{"x": [{number}]}}, "outputs": {{"y": [1.0]}}}}'.encode())
    with pytest.raises(Invalid, match=r"input 'x': .* is no value of type DT_FLOAT"):
        await sample_request.check(fed, KEY, Echo({}), seconds=5.0)
    expected = samples.parse(f'{{"instances": {{"x": [1.0]}}, "outputs": {{"y": [{number}]}}}}'.encode())
    with pytest.raises(Invalid, match="it answers its sample wrong"):
        await sample_request.check(expected, KEY, Echo({"y": tensors.build([1.0], FLOAT)}), seconds=5.0)


async def test_an_answer_that_claims_another_shape_is_not_expanded() -> None:
    """Seventeen bytes may stand for 1.5 GB of equal values."""
    huge = tensors.build([1.0], FLOAT)
    huge.tensor_shape.dim[0].size = 200_000_000
    asked = samples.parse(b'{"instances": {"x": [1.0]}, "outputs": {"y": [1.0]}}')
    with pytest.raises(Invalid, match=r"output 'y' has shape \[200000000\], expected \[1\]"):
        await sample_request.check(asked, KEY, Echo({"y": huge}), seconds=5.0)


BROKEN = {
    "no JSON": b"{",
    "no outputs": b'{"instances": {}, "outputs": {}}',
    "unknown field": b'{"instances": {}, "outputs": {"y": 1}, "tolerence": 1}',
    "negative tolerance": b'{"instances": {}, "outputs": {"y": 1}, "tolerance": -1}',
    "text for a number": b'{"instances": {}, "outputs": {"y": 1}, "tolerance": "1"}',
    "row form": b'{"instances": [{"x": 1}], "outputs": {"y": 1}}',
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_sample_is_an_error(case: str) -> None:
    """Its author asked for a check that cannot be made."""
    with pytest.raises(Invalid, match=r"smoke.json is no sample"):
        samples.parse(BROKEN[case])


def test_a_version_without_sample_has_none(tmp_path: Path) -> None:
    """Nothing to ask is not an error."""
    assert samples.load(tmp_path) is None


def test_a_sample_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    """A mistake upstream cannot fill the memory."""
    path = tmp_path / samples.FILE
    path.parent.mkdir()
    path.write_bytes(b" " * (samples.MAX_BYTES + 1))
    with pytest.raises(Invalid, match="more than"):
        samples.load(tmp_path)


def test_a_sample_that_is_no_file_is_an_error(tmp_path: Path) -> None:
    """A folder of that name, for instance."""
    (tmp_path / samples.FILE).mkdir(parents=True)
    with pytest.raises(Invalid, match="cannot be read"):
        samples.load(tmp_path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"instances": {"x": [' + b"1," * 400_000 + b'1]}, "outputs": {"y": 1}}', "too big"),
        (b'{"instances": {"x": ' + b"[" * 90_000 + b"]" * 90_000 + b'}, "outputs": {"y": 1}}', "no sample"),
        (
            b'{"instances": {}, "outputs": {"y": 1}' + b"".join(b',"%d":1' % n for n in range(50_000)) + b"}",
            "are wrong",
        ),
        (
            json.dumps({"instances": {str(n): 1 for n in range(2000)}, "outputs": {"y": 1}}).encode(),
            "1000 entries at most",
        ),
        (b'{"instances": {"x": [1' + b"0" * 5000 + b']}, "outputs": {"y": 1}}', "no sample"),
    ],
    ids=["many values", "deep", "many fields", "many inputs", "many digits"],
)
def test_a_sample_costs_little_whatever_stands_in_it(data: bytes, words: str) -> None:
    """It is weighed before it is read, and an error is told in a line."""
    tracemalloc.start()
    try:
        with pytest.raises(Invalid, match=words) as refused:
            samples.parse(data)
        assert len(str(refused.value)) < 1500
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
    finally:
        tracemalloc.stop()
