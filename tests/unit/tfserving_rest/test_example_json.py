"""Bodies of Classify and Regress."""

import json

import pytest
from tensorflow_serving.apis.classification_pb2 import ClassificationResult
from tensorflow_serving.apis.regression_pb2 import RegressionResult

from infra.tfserving.rest.example_json import classify_body, read_input, regress_body
from infra.tfserving.rest.json_text import Json
from infra.tfserving.servable import RequestFailure


def test_features_take_the_kind_of_their_values() -> None:
    """Numbers, texts, bytes and truths each go where tf.Example has them, alone or in lists."""
    body: dict[str, Json] = {"examples": [{"i": [1, True], "f": 0.5, "s": ["é", {"b64": "AA=="}], "none": []}]}
    features = read_input(body).example_list.examples[0].features.feature
    assert list(features["i"].int64_list.value) == [1, 1]
    assert list(features["f"].float_list.value) == [0.5]
    assert list(features["s"].bytes_list.value) == ["é".encode(), b"\x00"]
    assert features["none"].WhichOneof("kind") is None


def test_a_context_is_common_to_all_examples() -> None:
    """The context is sent once, beside the examples."""
    found = read_input({"context": {"c": 1}, "examples": [{"a": 2}, {"a": 3}]}).example_list_with_context
    assert list(found.context.features.feature["c"].int64_list.value) == [1]
    assert len(found.examples) == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "JSON Value: {} When method is classify, key 'examples' is expected and was not found"),
        ({"examples": 1}, "JSON Value: {\n    \"examples\": 1\n} Expecting 'examples' value to be an list/array"),
        ({"examples": []}, "JSON Value: {\n    \"examples\": []\n} 'examples' value is an empty array"),
        ({"examples": [1]}, "Example must be JSON object but got JSON Number"),
        ({"examples": [{"a": None}]}, "Feature: a has element with unexpected JSON type: Null"),
        ({"examples": [{"a": [[1]]}]}, "Feature: a has element with unexpected JSON type: Array"),
        ({"examples": [{"a": {"b": 1}}]}, "Feature: a has element with unexpected JSON type: Object"),
        ({"examples": [{"a": 2**63}]}, "Feature: a has uint64_t element. Only int64_t is supported."),
        ({"examples": [{"a": [1, 0.5]}]}, "Unexpected element type in feature: a expecting type: int64"),
        ({"examples": [{"a": ["b", 1]}]}, "Unexpected element type in feature: a expecting type: bytes"),
    ],
)
def test_examples_that_do_not_fit_are_refused_with_the_reason(body: dict[str, Json], message: str) -> None:
    """The words are those of the official server."""
    with pytest.raises(RequestFailure) as caught:
        read_input(body)
    assert caught.value.message == message


def test_results_are_lists_in_the_order_of_the_examples() -> None:
    """Classes are pairs of label and score, regressions plain numbers."""
    classes = ClassificationResult()
    classes.classifications.add().classes.add(label="a", score=0.5)
    classes.classifications.add()
    assert classify_body(classes) == '{\n    "results": [[["a", 0.5]], []\n    ]\n}'
    numbers = RegressionResult()
    numbers.regressions.add(value=1.0)
    numbers.regressions.add(value=2.5)
    assert regress_body(numbers) == '{\n    "results": [1.0, 2.5]\n}'
    assert json.loads(regress_body(numbers)) == {"results": [1.0, 2.5]}


def test_empty_results_are_a_failure() -> None:
    """A model that answers nothing has failed."""
    with pytest.raises(RequestFailure, match="Cannot convert empty ClassificationResults to JSON"):
        classify_body(ClassificationResult())
    with pytest.raises(RequestFailure, match="Cannot convert empty RegressionResults to JSON"):
        regress_body(RegressionResult())
