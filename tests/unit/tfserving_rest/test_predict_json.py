"""Bodies of Predict in rows and in columns."""

import json

import pytest
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import TensorInfo
from tensorflow_serving.apis.predict_pb2 import PredictRequest

from infra.tfserving.rest.json_tensor import read_dense
from infra.tfserving.rest.json_text import Json
from infra.tfserving.rest.predict_json import Form, predict_body, predict_request
from infra.tfserving.servable import Code, RequestFailure

FLOAT, INT64, STRING = types_pb2.DT_FLOAT, types_pb2.DT_INT64, types_pb2.DT_STRING
ONE = {"x": TensorInfo(dtype=FLOAT)}
TEXT = {"s": TensorInfo(dtype=STRING)}
TWO = {"f": TensorInfo(dtype=FLOAT), "i": TensorInfo(dtype=INT64)}


def read(body: dict[str, Json], inputs: dict[str, TensorInfo]) -> tuple[PredictRequest, Form]:
    """Read a body for a model of these inputs."""
    return predict_request(body, lambda _: inputs)


def tensor(value: Json, dtype: int = FLOAT) -> TensorProto:
    """Return a tensor of nested lists."""
    return read_dense(value, dtype).tensor(dtype)


@pytest.mark.parametrize(
    ("body", "inputs", "tensors", "form"),
    [
        ({"instances": [1, 2]}, ONE, {"x": tensor([1, 2])}, Form.ROWS),
        ({"instances": [[1, 2], [3, 4]]}, ONE, {"x": tensor([[1, 2], [3, 4]])}, Form.ROWS),
        ({"instances": [{"x": 1}, {"x": 2}]}, ONE, {"x": tensor([1, 2])}, Form.ROWS),
        ({"instances": [{"b64": "AA=="}, "a"]}, TEXT, {"s": tensor([{"b64": "AA=="}, "a"], STRING)}, Form.ROWS),
        (
            {"instances": [{"f": [1], "i": 2}, {"i": 3, "f": [4]}]},
            TWO,
            {"f": tensor([[1], [4]]), "i": tensor([2, 3], INT64)},
            Form.ROWS,
        ),
        ({"inputs": [1, 2]}, ONE, {"x": tensor([1, 2])}, Form.COLUMNS),
        ({"inputs": 1}, ONE, {"x": tensor(1)}, Form.COLUMNS),
        ({"inputs": {"b64": "AA=="}}, TEXT, {"s": tensor({"b64": "AA=="}, STRING)}, Form.COLUMNS),
        ({"inputs": {"x": [1]}}, ONE, {"x": tensor([1])}, Form.COLUMNS),
        (
            {"inputs": {"f": [[1, 2]], "i": 3, "unknown": 4}},
            TWO,
            {"f": tensor([[1, 2]]), "i": tensor(3, INT64)},
            Form.COLUMNS,
        ),
    ],
)
def test_both_forms_become_tensors(
    body: dict[str, Json], inputs: dict[str, TensorInfo], tensors: dict[str, TensorProto], form: Form
) -> None:
    """Rows are stacked to a batch, columns taken as they are; a lone input needs no name."""
    request, found = read(body, inputs)
    assert dict(request.inputs) == tensors
    assert found is form


def test_the_signature_is_passed_on() -> None:
    """`signature_name` chooses the inputs and reaches the model."""
    asked: list[str] = []

    def inputs_of(name: str) -> dict[str, TensorInfo]:
        asked.append(name)
        return ONE

    request, _ = predict_request({"signature_name": "other", "inputs": [1]}, inputs_of)
    assert (asked, request.model_spec.signature_name) == (["other"], "other")


@pytest.mark.parametrize(
    ("body", "inputs", "message"),
    [
        ({}, ONE, "Missing 'inputs' or 'instances' key"),
        ({"inputs": 1}, {}, "Failed to get input map for signature: DEFAULT"),
        (
            {"inputs": 1, "instances": [1]},
            ONE,
            (
                'JSON Value: {\n    "inputs": 1,\n    "instances": [1]\n} Not formatted correctly expecting only '
                "one of 'inputs' or 'instances' keys to exist "
            ),
        ),
        (
            {"signature_name": 1},
            ONE,
            (
                'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. '
                "'signature_name' key must be a string value."
            ),
        ),
        (
            {"instances": 1},
            ONE,
            "JSON Value: {\n    \"instances\": 1\n} Expecting 'instances' to be an list/array",
        ),
        ({"instances": []}, ONE, "JSON Value: {\n    \"instances\": []\n} No values in 'instances' array"),
        (
            {"instances": [1]},
            TWO,
            (
                "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
                "tensorinfo_map"
            ),
        ),
        (
            {"inputs": [1]},
            TWO,
            (
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            ),
        ),
        ({"inputs": {"f": 1}}, TWO, "Missing named input: i in 'inputs' object."),
        ({"instances": [{"x": 1}, 2]}, ONE, "Expecting object but got list at item 1 of input list"),
        ({"instances": [1, {"x": 2}]}, ONE, "Expecting value/list but got object at item 1 of input list"),
        (
            {"instances": [{"y": 1}]},
            ONE,
            (
                "Failed to process element: 0 key: y of 'instances' list. Error: INVALID_ARGUMENT: "
                "JSON object: does not have named input: y"
            ),
        ),
        (
            {"instances": [{"f": 1}]},
            TWO,
            (
                "Failed to process element: 0 of 'instances' list. JSON object: {\n    \"f\": 1\n} keys must be "
                "equal to: f,i"
            ),
        ),
        (
            {"instances": [[1], [2, 3]]},
            ONE,
            (
                "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
                "Expecting tensor size: 1 but got: 2"
            ),
        ),
        (
            {"instances": [[[1, 2]], [[1], [2]]]},
            ONE,
            (
                "Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: "
                "Expecting shape [1,2] but got: [2,1]"
            ),
        ),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_the_reason(
    body: dict[str, Json], inputs: dict[str, TensorInfo], message: str
) -> None:
    """The words are those of the official server."""
    with pytest.raises(RequestFailure) as caught:
        read(body, inputs)
    assert (caught.value.code, caught.value.message) == (Code.INVALID_ARGUMENT, message)


@pytest.mark.parametrize(
    ("tensors", "form", "text"),
    [
        ({"y": tensor([1, 2])}, Form.ROWS, '{\n    "predictions": [1.0, 2.0\n    ]\n}'),
        ({"y": tensor([[1, 2]])}, Form.ROWS, '{\n    "predictions": [[1.0, 2.0]\n    ]\n}'),
        ({"y": tensor([1, 2])}, Form.COLUMNS, '{\n    "outputs": [\n        1.0,\n        2.0\n    ]\n}'),
        ({"y": tensor(1)}, Form.COLUMNS, '{\n    "outputs": 1.0\n}'),
        (
            {"b": tensor([2], INT64), "a": tensor([[1]])},
            Form.ROWS,
            '{\n    "predictions": [\n        {\n            "a": [1.0],\n            "b": 2\n        }\n    ]\n}',
        ),
    ],
)
def test_answers_are_laid_out_as_the_official_server_does(
    tensors: dict[str, TensorProto], form: Form, text: str
) -> None:
    """Down to its line breaks; a lone output goes without its name."""
    assert predict_body(tensors, form) == text


def test_several_outputs_are_named_in_columns() -> None:
    """Each output of several is a member."""
    body = predict_body({"a": tensor([1]), "b_bytes": tensor(["x"], STRING)}, Form.COLUMNS)
    assert json.loads(body) == {"outputs": {"a": [1.0], "b_bytes": [{"b64": "eA=="}]}}


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"y": tensor(1)}, "Tensor name: y has no shape information "),
        ({"a": tensor([1]), "b": tensor([1, 2])}, "Tensor name: b has inconsistent batch size: 2 expecting: 1"),
    ],
)
def test_answers_that_are_no_batch_cannot_be_rows(tensors: dict[str, TensorProto], message: str) -> None:
    """Rows need a first dimension that all outputs share."""
    with pytest.raises(RequestFailure) as caught:
        predict_body(tensors, Form.ROWS)
    assert caught.value.message == message
