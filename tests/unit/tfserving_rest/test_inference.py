"""Requests over a graph: what is fed, what is fetched, what is refused."""

from collections.abc import Mapping, Sequence

import pytest
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from infra.tfserving import inference
from infra.tfserving.rest.json_tensor import read_dense
from infra.tfserving.rest.json_text import Json
from infra.tfserving.servable import Code, RequestFailure
from infra.tfserving.tensors import Feed
from tests.support.tfserving_rest import FLOAT, SIGNATURES, STRING, signature

PAIR = {"serving_default": signature("predict", inputs={"a": FLOAT, "b": FLOAT}, outputs={"u": FLOAT, "v": FLOAT})}
WITH_DEFAULT = {"serving_default": SignatureDef()}
WITH_DEFAULT["serving_default"].CopyFrom(PAIR["serving_default"])
WITH_DEFAULT["serving_default"].defaults["b"].CopyFrom(TensorProto(dtype=FLOAT, float_val=[9]))


def tensor(value: Json, dtype: int = FLOAT) -> TensorProto:
    """Return a tensor of nested lists."""
    return read_dense(value, dtype).tensor(dtype)


def echo(feeds: Sequence[Feed], fetches: Sequence[str]) -> list[TensorProto]:
    """Answer each fetch with a text that tells all."""
    told = ",".join(f"{feed.alias}={feed.name}" for feed in feeds)
    return [tensor(f"{told} -> {name}", STRING) for name in fetches]


def predict(
    signatures: Mapping[str, SignatureDef], *names: str, outputs: Sequence[str] = (), signature_name: str = ""
) -> dict[str, str]:
    """Ask for outputs, sending inputs of these names; return what the graph was asked."""
    request = PredictRequest(output_filter=outputs)
    request.model_spec.signature_name = signature_name
    for name in names:
        request.inputs[name].CopyFrom(tensor(1))
    response = inference.predict(echo, request, signatures=signatures)
    assert response.model_spec.signature_name == (signature_name or "serving_default")
    return {name: found.string_val[0].decode() for name, found in response.outputs.items()}


def test_all_outputs_are_answered_unless_some_are_chosen() -> None:
    """`output_filter` narrows the answer, and the graph computes no more than that."""
    asked = "a=a:0,b=b:0"
    assert predict(PAIR, "a", "b") == {"u": f"{asked} -> u:0", "v": f"{asked} -> v:0"}
    assert predict(PAIR, "a", "b", outputs=["v"]) == {"v": f"{asked} -> v:0"}


def test_a_default_stands_in_for_an_input_that_is_not_sent() -> None:
    """Signatures may bring values of their own."""
    assert predict(WITH_DEFAULT, "a", outputs=["u"]) == {"u": "a=a:0,b=b:0 -> u:0"}


@pytest.mark.parametrize(
    ("signatures", "names", "outputs", "message"),
    [
        (
            PAIR,
            ["a"],
            [],
            (
                "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. "
                "Missing but required: {b}."
            ),
        ),
        (
            PAIR,
            ["a", "b", "c"],
            [],
            (
                "input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). Sent extra: {c}. "
                "Missing but required: {}."
            ),
        ),
        (
            PAIR,
            ["a", "c"],
            [],
            (
                "Signature input alias: b(feed name: b:0) not found in request and no default value provided. Inputs "
                "expected to be in the request {a,c}, or default input alias set: "
            ),
        ),
        (
            WITH_DEFAULT,
            ["a", "c"],
            [],
            "Inputs contains invalid name. Used request inputs: a, request input: a,c",
        ),
        (
            PAIR,
            ["a", "b"],
            ["w"],
            "output tensor alias not found in signature: w Outputs expected to be in the set {u,v}.",
        ),
        (PAIR, ["a", "b"], ["u", "u"], "duplicate output tensor alias: u"),
    ],
)
def test_a_predict_that_does_not_fit_is_refused_with_the_reason(
    signatures: Mapping[str, SignatureDef], names: Sequence[str], outputs: Sequence[str], message: str
) -> None:
    """The words are those of the official server."""
    with pytest.raises(RequestFailure) as caught:
        predict(signatures, *names, outputs=outputs)
    assert (caught.value.code, caught.value.message) == (Code.INVALID_ARGUMENT, message)


def test_an_unknown_signature_is_a_failed_precondition_and_the_initializer_none_to_ask() -> None:
    """Only inference signatures can be asked."""
    with pytest.raises(RequestFailure) as unknown:
        predict(PAIR, "a", signature_name="s")
    assert (unknown.value.code, unknown.value.message) == (
        Code.FAILED_PRECONDITION,
        'Serving signature key "s" not found.',
    )
    with pytest.raises(RequestFailure) as initializer:
        predict({"init": SignatureDef()}, signature_name="init")
    assert initializer.value.code is Code.INTERNAL
    assert "Was: " in initializer.value.message


def examples(*values: float, context: bool = False) -> Input:
    """Return examples of a feature `x`, alone or with a context of a feature `c`."""
    given = Input()
    into = given.example_list_with_context if context else given.example_list
    for value in values:
        into.examples.add().features.feature["x"].float_list.value.append(value)
    if context:
        given.example_list_with_context.context.features.feature["c"].float_list.value.append(1)
    return given


def regress(given: Input, found: TensorProto, *, name: str = "regress") -> list[float]:
    """Regress examples on a graph that answers one tensor."""
    request = RegressionRequest(input=given)
    request.model_spec.signature_name = name
    response = inference.regress(lambda _feeds, _fetches: [found], request, signatures=SIGNATURES)
    return [one.value for one in response.result.regressions]


def classify(given: Input, *found: TensorProto) -> list[list[tuple[str, float]]]:
    """Classify examples on a graph that answers these tensors."""
    request = ClassificationRequest(input=given)
    request.model_spec.signature_name = "classify"
    response = inference.classify(lambda _feeds, _fetches: list(found), request, signatures=SIGNATURES)
    return [[(one.label, one.score) for one in line.classes] for line in response.result.classifications]


def test_a_regression_is_one_number_for_each_example() -> None:
    """Outputs of [batch] and [batch, 1] are the same."""
    assert regress(examples(1, 2), tensor([0.5, 1.5])) == [0.5, 1.5]
    assert regress(examples(1, 2), tensor([[0.5], [1.5]])) == [0.5, 1.5]


def test_a_classification_is_a_list_of_classes_for_each_example() -> None:
    """Labels and scores go together by place."""
    labels, scores = tensor([["a", "b"], ["c", "d"]], STRING), tensor([[1, 2], [3, 4]])
    assert classify(examples(1, 2), labels, scores) == [[("a", 1), ("b", 2)], [("c", 3), ("d", 4)]]


def test_a_common_context_becomes_part_of_each_example() -> None:
    """The graph sees whole examples."""
    fed: list[Feed] = []

    def run(feeds: Sequence[Feed], _fetches: Sequence[str]) -> list[TensorProto]:
        fed.extend(feeds)
        return [tensor([1, 1])]

    request = RegressionRequest(input=examples(1, 2, context=True))
    request.model_spec.signature_name = "regress"
    inference.regress(run, request, signatures=SIGNATURES)
    for content in fed[0].tensor.string_val:
        features = type(request.input.example_list.examples.add()).FromString(content).features.feature
        assert set(features) == {"c", "x"}


@pytest.mark.parametrize(
    ("given", "found", "message"),
    [
        (Input(), tensor([1]), "Input is empty."),
        (
            examples(1),
            tensor([[1, 2]]),
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,2]",
        ),
        (examples(1), tensor([1, 2]), "Input batch size did not match output batch size: 1 vs. 2"),
        (examples(1), tensor(["a"], STRING), "Expected output Tensor of DT_FLOAT.  Got: DT_STRING"),
    ],
)
def test_a_regression_that_is_no_column_of_numbers_is_refused(given: Input, found: TensorProto, message: str) -> None:
    """A model that answers something else is not believed."""
    with pytest.raises(RequestFailure) as caught:
        regress(given, found)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        (tensor(["a"], STRING), tensor([[1]]), "Expected Tensor shape: [batch_size num_classes] but got [1]"),
        (tensor([[1]]), tensor([[1]]), "Expected classes Tensor of DT_STRING. Got: DT_FLOAT"),
        (tensor([["a"]], STRING), tensor([["a"]], STRING), "Expected scores Tensor of DT_FLOAT. Got: DT_STRING"),
        (tensor([["a"]], STRING), tensor([[1], [2]]), "Expected scores output batch size of 1. Got: 2"),
        (
            tensor([["a"]], STRING),
            tensor([[1, 2]]),
            "Tensors class and score should match in dim_size(1). Got 1 vs. 2",
        ),
    ],
)
def test_classes_that_do_not_fit_are_refused(labels: TensorProto, scores: TensorProto, message: str) -> None:
    """A model that answers something else is not believed."""
    with pytest.raises(RequestFailure) as caught:
        classify(examples(1), labels, scores)
    assert caught.value.message == message


def test_signatures_that_take_no_examples_are_refused() -> None:
    """A Predict signature cannot be regressed, an unknown one not at all."""
    with pytest.raises(RequestFailure, match="No regression inputs found in SignatureDef"):
        regress(examples(1), tensor([1]), name="serving_default")
    with pytest.raises(RequestFailure, match="Expected one output Tensor"):
        regress(examples(1), tensor([1]), name="classify")
    with pytest.raises(RequestFailure, match="No signature was found with the name: s"):
        regress(examples(1), tensor([1]), name="s")
