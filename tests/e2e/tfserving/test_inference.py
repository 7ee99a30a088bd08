"""Real inference over gRPC and REST, on each of the tiny exports."""

import json
import struct
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import httpx
import pytest
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DT_BOOL, DT_DOUBLE, DT_FLOAT, DT_INT64, DT_STRING
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap
from tensorflow_serving.apis.input_pb2 import Input
from tensorflow_serving.apis.predict_pb2 import PredictRequest, PredictResponse
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from tests.support.exports import MODELS, copy_export
from tests.support.serving import DEADLINE_SECONDS, Serving, model, serving, until

GOLDEN = Path(__file__).parent / "metadata_half_plus_two.json"
LINES = {  # model -> version -> what 1, 2, 5 become
    "half_plus_two": {1: [2.5, 3.0, 4.5], 2: [3.5, 4.0, 5.5]},
    "half_plus_two_tf1": {1: [2.5, 3.0, 4.5]},
    "no_variables": {1: [2.0, 3.0, 6.0]},
    "tf1_no_variables": {1: [2.0, 3.0, 6.0]},
    "with_smoke": {1: [2.5, 3.0, 4.5], 2: [3.5, 4.0, 5.5]},
}
ALL_LINES = [(name, version, answer) for name, versions in LINES.items() for version, answer in versions.items()]
OTHERS = ("multi", "with_asset")


@pytest.fixture(scope="module")
def server(folder: Path, python_with_tensorflow: str) -> Iterator[Serving]:
    """Serve every export, and one under a zero-padded number."""
    copy_export("half_plus_two", folder / "padded", version="0003")
    flags = ("--rest_api_port=-1", "--num_load_threads=2", "--max_num_load_retries=0")
    with serving(folder, *flags, python=python_with_tensorflow, loader="tensorflow") as running:
        running.reload(
            *(model(name, MODELS / name, versions=list(versions)) for name, versions in LINES.items()),
            *(model(name, MODELS / name) for name in OTHERS),
            model("padded", folder / "padded", versions=[3]),
        )
        # A reload returns with the first version of each model.
        until(
            lambda: all(running.status(name).get(version) == (30, 0) for name, version, _ in ALL_LINES),
            what="all versions are available",
        )
        yield running


def tensor(dtype: int, values: Sequence[float | bytes], *shape: int) -> TensorProto:
    """Return a tensor with its values in the field of its type."""
    proto = TensorProto(dtype=dtype)
    for size in shape or (len(values),):
        proto.tensor_shape.dim.add(size=size)
    names = {DT_FLOAT: "float", DT_DOUBLE: "double", DT_INT64: "int64", DT_STRING: "string", DT_BOOL: "bool"}
    getattr(proto, f"{names[dtype]}_val").extend(values)
    return proto


MULTI = {
    "f": tensor(DT_FLOAT, [1, 2, 3, 4], 2, 2),
    "i": tensor(DT_INT64, [2**53, -1]),
    "s": tensor(DT_STRING, [b"a\xff", b"long" * 100]),
    "b": tensor(DT_BOOL, [True, False]),
}


def predict(
    server: Serving, name: str, *, signature: str = "", outputs: Sequence[str] = (), **inputs: TensorProto
) -> PredictResponse:
    """Ask over gRPC."""
    request = PredictRequest(inputs=inputs, output_filter=outputs)
    request.model_spec.name = name
    request.model_spec.signature_name = signature
    return PredictionServiceStub(server.channel).Predict(request, timeout=DEADLINE_SECONDS)


def post(server: Serving, path: str, body: object) -> httpx.Response:
    """Ask over REST."""
    return httpx.post(f"http://127.0.0.1:{server.rest_port}/v1/models/{path}", json=body, timeout=DEADLINE_SECONDS)


def get(server: Serving, path: str) -> httpx.Response:
    """Read over REST."""
    return httpx.get(f"http://127.0.0.1:{server.rest_port}/v1/models/{path}", timeout=DEADLINE_SECONDS)


@pytest.mark.parametrize(("name", "version", "answer"), ALL_LINES)
def test_each_version_answers_with_its_own_numbers(
    server: Serving, name: str, version: int, answer: list[float]
) -> None:
    """gRPC and REST, in rows and in columns, agree on the right answer."""
    assert server.predict(name, 1, 2, 5, version=version) == answer
    rows = post(server, f"{name}/versions/{version}:predict", {"instances": [1, 2, 5]})
    columns = post(server, f"{name}/versions/{version}:predict", {"inputs": {"x": [1, 2, 5]}})
    assert (rows.status_code, rows.json()) == (200, {"predictions": answer})
    assert (columns.status_code, columns.json()) == (200, {"outputs": answer})


def test_without_a_version_the_highest_answers_and_says_so(server: Serving) -> None:
    """The answer names model, version and signature, and holds its values in the field of their type."""
    response = predict(server, "half_plus_two", x=tensor(DT_FLOAT, [1]))
    assert (response.model_spec.name, response.model_spec.version.value) == ("half_plus_two", 2)
    assert response.model_spec.signature_name == "serving_default"
    assert response.outputs["y"] == tensor(DT_FLOAT, [3.5])


def test_a_zero_padded_folder_serves_its_number(server: Serving) -> None:
    """`0003` is version 3."""
    assert server.predict("padded", 1, version=3) == [2.5]


def test_packed_content_is_taken_as_well(server: Serving) -> None:
    """Clients that send raw bytes get the same answer."""
    packed = TensorProto(dtype=DT_FLOAT, tensor_content=struct.pack("<2f", 1, 2))
    packed.tensor_shape.dim.add(size=2)
    assert list(predict(server, "half_plus_two_tf1", x=packed).outputs["y"].float_val) == [2.5, 3.0]


def test_several_inputs_and_outputs_of_all_kinds(server: Serving) -> None:
    """Floats, integers, strings and truths come through as they are."""
    outputs = predict(server, "multi", **MULTI).outputs
    assert outputs["total"] == tensor(DT_FLOAT, [3, 7])
    assert outputs["next"] == tensor(DT_INT64, [2**53 + 1, 0])
    assert outputs["text"] == outputs["echo_bytes"] == MULTI["s"]
    assert outputs["flip"] == tensor(DT_BOOL, [False, True])


def test_only_the_outputs_asked_for_are_answered(server: Serving) -> None:
    """`output_filter` and `signature_name` choose."""
    assert set(predict(server, "multi", outputs=["flip", "next"], **MULTI).outputs) == {"flip", "next"}
    doubled = predict(server, "multi", signature="double", x=tensor(DT_FLOAT, [4]))
    assert list(doubled.outputs["y"].float_val) == [8]
    assert doubled.model_spec.signature_name == "double"


def test_several_inputs_and_outputs_over_rest(server: Serving) -> None:
    """Integers keep all their digits, and outputs whose name says so are base64."""
    row = {"f": [1, 2], "i": 2**53, "s": {"b64": "AAH/"}, "b": True}
    reply = post(server, "multi:predict", {"instances": [row]})
    (answer,) = json.loads(reply.content.decode(errors="replace"))["predictions"]
    assert answer["next"] == 2**53 + 1
    assert answer["echo_bytes"] == {"b64": "AAH/"}
    assert (answer["total"], answer["flip"]) == (3.0, False)


def test_a_table_filled_from_an_asset_is_served(server: Serving) -> None:
    """The file of words is found beside the export."""
    words = tensor(DT_STRING, [b"two", b"zero", b"none"])
    assert list(predict(server, "with_asset", word=words).outputs["number"].int64_val) == [2, 0, -1]
    assert post(server, "with_asset:predict", {"instances": ["one"]}).json() == {"predictions": [1]}


def test_examples_are_classified_and_regressed(server: Serving) -> None:
    """The TensorFlow 1 export has signatures for both."""
    given = Input()
    for value in (-1.0, 1.0):
        given.example_list.examples.add().features.feature["x"].float_list.value.append(value)
    stub = PredictionServiceStub(server.channel)
    regress, classify = RegressionRequest(input=given), ClassificationRequest(input=given)
    for request, signature in ((regress, "regress"), (classify, "classify")):
        request.model_spec.name, request.model_spec.signature_name = "half_plus_two_tf1", signature
    regressed = stub.Regress(regress, timeout=DEADLINE_SECONDS).result.regressions
    classified = stub.Classify(classify, timeout=DEADLINE_SECONDS).result.classifications
    assert [one.value for one in regressed] == [1.5, 2.5]
    assert [(line.classes[0].label, line.classes[0].score) for line in classified] == [("low", 1.5), ("high", 2.5)]
    body = {"signature_name": "classify", "examples": [{"x": -1.0}, {"x": 1.0}]}
    assert post(server, "half_plus_two_tf1:classify", body).json() == {"results": [[["low", 1.5]], [["high", 2.5]]]}


@pytest.mark.parametrize(
    ("inputs", "code", "words"),
    [
        ({}, grpc.StatusCode.INVALID_ARGUMENT, "input size does not match signature: 0!=1 len({}) != len({x})."),
        (
            {"x": tensor(DT_DOUBLE, [1])},
            grpc.StatusCode.INVALID_ARGUMENT,
            "Expects arg[0] to be float but double is provided",
        ),
        ({"x": TensorProto()}, grpc.StatusCode.INVALID_ARGUMENT, "tensor parsing error: x"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(
    server: Serving, inputs: dict[str, TensorProto], code: grpc.StatusCode, words: str
) -> None:
    """The words are TensorFlow's and TensorFlow Serving's own."""
    with pytest.raises(grpc.RpcError) as caught:
        predict(server, "half_plus_two", **inputs)
    assert caught.value.code() is code
    assert caught.value.details().startswith(words)


def test_a_sample_beside_the_export_tells_its_right_answers(server: Serving) -> None:
    """`assets.extra/smoke.json` holds for the version it lies in."""
    for version in LINES["with_smoke"]:
        sample = json.loads((MODELS / f"with_smoke/{version}/assets.extra/smoke.json").read_text())
        body = {"signature_name": sample["signature"], "inputs": sample["instances"]}
        answer = post(server, f"with_smoke/versions/{version}:predict", body).json()["outputs"]
        assert answer == pytest.approx(sample["outputs"]["y"], abs=sample["tolerance"])


def test_metadata_is_printed_as_the_official_server_prints_it(server: Serving) -> None:
    """To the line, the initializer's signature included; gRPC tells the same."""
    reply = get(server, "half_plus_two/versions/1/metadata")
    assert (reply.status_code, reply.text) == (200, GOLDEN.read_text())
    request = GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "half_plus_two"
    response = PredictionServiceStub(server.channel).GetModelMetadata(request, timeout=DEADLINE_SECONDS)
    signatures = SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    assert set(signatures.signature_def) == {"serving_default", "__saved_model_init_op"}
    assert signatures.signature_def["serving_default"].method_name == "tensorflow/serving/predict"


def test_the_status_lists_the_versions_from_the_highest(server: Serving) -> None:
    """REST and gRPC tell the same."""
    lines = get(server, "half_plus_two").json()["model_version_status"]
    assert [(line["version"], line["state"]) for line in lines] == [("2", "AVAILABLE"), ("1", "AVAILABLE")]
    assert server.status("half_plus_two") == {2: (30, 0), 1: (30, 0)}


def test_the_loader_needs_none_of_tensorflows_python(python_with_tensorflow: str) -> None:
    """The start stays fast: only messages and the C library are loaded."""
    check = "import sys, infra.tfserving.tensorflow_loader; sys.exit('tensorflow.python' in sys.modules)"
    root = Path(__file__).parents[3]
    assert subprocess.run([python_with_tensorflow, "-c", check], cwd=root, check=False).returncode == 0
