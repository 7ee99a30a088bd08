"""A sample that no node could ask, or whose answer could never come, is told before the upload."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef, SignatureDef, TensorInfo

from infra.local.versions import GRAPH, SCHEMA, varint
from master.cli.publish.sample import sample_problem
from service.saved_model import Tensor, signatures_of
from tests.support.exports import MODELS

ANY = None  # a shape of which nothing is said


def info(dtype: int, shape: Sequence[int] | None) -> TensorInfo:
    dims = [TensorShapeProto.Dim(size=size) for size in shape or ()]
    return TensorInfo(name="n:0", dtype=dtype, tensor_shape=TensorShapeProto(dim=dims, unknown_rank=shape is None))


SIGNATURE = SignatureDef(
    inputs={
        "x": info(types_pb2.DT_FLOAT, (-1, 2)),
        "ids": info(types_pb2.DT_INT64, (3,)),
        "words": info(types_pb2.DT_STRING, ANY),
        "k": info(types_pb2.DT_INT32, ()),
    },
    outputs={
        "y": info(types_pb2.DT_FLOAT, (-1,)),
        "is_good": info(types_pb2.DT_BOOL, ()),
        "half": info(types_pb2.DT_HALF, (-1,)),
        "label": info(types_pb2.DT_STRING, (-1,)),
        "composite": TensorInfo(),
    },
    defaults={"k": TensorProto(dtype=types_pb2.DT_INT32)},
)
RIGHT: Mapping[str, object] = {"x": [[1.0, 2.0]], "ids": [1, 2, 3], "words": [["a"], [{"b64": "YQ=="}]]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    graph = MetaGraphDef()
    graph.signature_def["serving_default"].CopyFrom(SIGNATURE)
    data = bytes(graph.SerializeToString())
    (tmp_path / "saved_model.pb").write_bytes(SCHEMA + GRAPH + varint(len(data)) + data)
    (tmp_path / "assets.extra").mkdir()
    return tmp_path


def told(folder: Path, sample: object) -> str:
    text = sample if isinstance(sample, str) else json.dumps(sample)
    (folder / "assets.extra/smoke.json").write_text(text)
    return sample_problem(folder)


@pytest.mark.parametrize(
    "sample",
    [
        {"instances": RIGHT, "outputs": {"y": [1.0, 2]}},
        {"instances": {**RIGHT, "k": 7}, "outputs": {"y": [], "is_good": True}},
        {"instances": {**RIGHT, "x": [[1, 2], [3, 4]], "words": "a"}, "outputs": {"label": ["a", {"b64": "YQ=="}]}},
        {"instances": RIGHT, "outputs": {"composite": [[1.0], [2.0]]}},
    ],
)
def test_a_sample_that_can_be_asked_is_no_problem(folder: Path, sample: object) -> None:
    """Integers stand for floats; what has a default may be left away; what the graph does not say is not judged."""
    assert told(folder, sample) == ""


def test_a_version_without_a_sample_has_no_such_problem(folder: Path) -> None:
    """Nor has one whose graph nobody reads."""
    assert sample_problem(folder) == ""
    (folder / "saved_model.pb").unlink()
    assert told(folder, {"instances": {}, "outputs": {"z": 1}}) == ""


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ("{", "smoke.json is no sample"),
        ({"instances": RIGHT, "outputs": {"y": [1.0]}, "signature": "other"}, "(it has: serving_default)"),
        ({"instances": {"X": [1.0]}, "outputs": {"y": [3.0]}}, "feeds 'X', which is no input of signature"),
        ({"instances": {"x": [[1, 2]], "ids": [1, 2, 3]}, "outputs": {"y": [3.0]}}, "does not feed 'words'"),
        ({"instances": RIGHT, "outputs": {"z": [3.0]}}, "(outputs: composite, half, is_good, label, y)"),
    ],
)
def test_a_name_that_the_version_does_not_have_is_told(folder: Path, sample: object, words: str) -> None:
    """With those that it has."""
    assert words in told(folder, sample)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": [1.0, 2.0]}, "input 'x' of signature serving_default: it has shape [2], and the graph says [?, 2]"),
        ({"x": [[1.0, 2.0, 3.0]]}, "it has shape [1, 3], and the graph says [?, 2]"),
        ({"k": [1]}, "it has shape [1], and the graph says []"),
        ({"ids": [1, 2]}, "it has shape [2], and the graph says [3]"),
        ({"ids": [1.5, 2, 3]}, "'1.5' is no value of type DT_INT64"),
        ({"ids": [2**63, 2, 3]}, "'9223372036854775808' is no value of type DT_INT64"),
        ({"k": 2**31}, "is no value of type DT_INT32"),
        ({"x": [["a", "b"]]}, "'a' is no value of type DT_FLOAT"),
        ({"x": [[1.0], [1.0, 2.0]]}, "lists of different length stand side by side"),
        ({"words": [1]}, "'1' is no value of type DT_STRING"),
    ],
)
def test_an_input_of_another_type_or_shape_is_told(folder: Path, change: Mapping[str, object], words: str) -> None:
    """TensorFlow Serving would refuse it, or the configurator before it."""
    assert words in told(folder, {"instances": {**RIGHT, **change}, "outputs": {"y": [3.0]}})


@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ({"y": [[3.0]]}, "output 'y' of signature serving_default: it has shape [1, 1], and the graph says [?]"),
        ({"y": ["a"]}, "'a' is no value of type DT_FLOAT"),
        ({"y": [True]}, "'True' is no value of type DT_FLOAT"),
        ({"is_good": 1}, "'1' is no value of type DT_BOOL"),
        ({"label": [{"b64": "?"}]}, "is no value of type DT_STRING"),
        ({"half": [1.0]}, "tensors of type DT_HALF cannot be compared"),
    ],
)
def test_an_answer_that_can_never_come_is_told(folder: Path, outputs: Mapping[str, object], words: str) -> None:
    """The version would be in quarantine on every node, whatever it has learnt."""
    assert words in told(folder, {"instances": RIGHT, "outputs": outputs})


def test_a_real_export_is_read() -> None:
    """As TensorFlow wrote it."""
    signature = signatures_of(MODELS / "half_plus_two" / "1" / "saved_model.pb")["serving_default"]
    assert (signature.inputs, signature.outputs) == ({"x": Tensor(1, (-1,))}, {"y": Tensor(1, (-1,))})
    assert sample_problem(MODELS / "with_smoke" / "1") == ""
