"""What becomes of exports that are incomplete or damaged, and of warmup requests."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from tensorflow.core.framework.types_pb2 import DT_FLOAT, DT_INT64
from tensorflow_serving.apis.classification_pb2 import ClassificationRequest
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.regression_pb2 import RegressionRequest

from service.serving_status import read_status
from tests.support.exports import (
    DATA,
    INDEX,
    WARMUP,
    Defect,
    copy_export,
    cut,
    flip,
    logged,
    put,
    record,
    rename,
    without,
)
from tests.support.serving import DEADLINE_SECONDS, Serving, model, serving, until

OK, INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, OUT_OF_RANGE, UNIMPLEMENTED, DATA_LOSS = 0, 3, 5, 9, 11, 12, 15
TF2, TF1, ASSET, BARE = "half_plus_two", "half_plus_two_tf1", "with_asset", "tf1_no_variables"
AVAILABLE, END = 30, 50


def predict_log(*, signature: str = "", dtype: int = DT_FLOAT) -> bytes:
    """Return a warmup record that asks for a line."""
    request = PredictRequest()
    request.model_spec.signature_name = signature
    request.inputs["x"].dtype = dtype
    request.inputs["x"].tensor_shape.dim.add(size=1)
    return record(logged(6, request))


def example_logs(name: str = "m") -> bytes:
    """Return warmup records over examples: classified, regressed, and both at once."""
    classify, regress, both = ClassificationRequest(), RegressionRequest(), MultiInferenceRequest()
    for request in (classify, regress, both):
        request.input.example_list.examples.add().features.feature["x"].float_list.value.append(1.0)
    classify.model_spec.signature_name, regress.model_spec.signature_name = "classify", "regress"
    classify.model_spec.name = regress.model_spec.name = name
    both.tasks.add(model_spec=classify.model_spec, method_name="tensorflow/serving/classify")
    both.tasks.add(model_spec=regress.model_spec, method_name="tensorflow/serving/regress")
    return record(logged(2, classify)) + record(logged(3, regress)) + record(logged(4, both))


METHOD = "/tensorflow.serving.ModelService/GetModelStatus"
DEFECTS: dict[str, tuple[str, Defect, int, str]] = {
    "no graph": (
        TF2,
        without("saved_model.pb"),
        NOT_FOUND,
        "Specified file path does not appear to contain a SavedModel bundle",
    ),
    "empty graph": (TF2, cut("saved_model.pb", 0), NOT_FOUND, "Could not find meta graph def matching supplied tags"),
    "cut graph": (TF2, cut("saved_model.pb", 1000), OUT_OF_RANGE, "Read less bytes than requested"),
    "no shard": (TF2, without(DATA), NOT_FOUND, "No such file or directory"),
    "no shard, TensorFlow 1": (TF1, without(DATA), NOT_FOUND, "No such file or directory"),
    "shard of another count": (TF2, rename(DATA, DATA.replace("00001", "00002")), NOT_FOUND, "No such file"),
    "empty index": (TF2, cut(INDEX, 0), DATA_LOSS, "file is too short to be an sstable"),
    "cut index": (TF1, cut(INDEX, 100), DATA_LOSS, "not an sstable"),
    "empty shard": (TF2, cut(DATA, 0), OUT_OF_RANGE, "Read less bytes than requested"),
    "cut shard": (TF1, cut(DATA, 5), OUT_OF_RANGE, "Read less bytes than requested"),
    "flipped byte": (TF2, flip(DATA, 1), DATA_LOSS, "Checksum does not match"),
    "no asset": (ASSET, without("assets/words.txt"), NOT_FOUND, "No such file or directory"),
    "warmup of a wrong type": (TF2, put(WARMUP, predict_log(dtype=DT_INT64)), INVALID_ARGUMENT, "Expects arg[0]"),
    "warmup of no signature": (TF2, put(WARMUP, predict_log(signature="s")), FAILED_PRECONDITION, 'key "s" not found'),
    "warmup of noise": (TF2, put(WARMUP, b"this is no TFRecord"), DATA_LOSS, "verify your warmup data"),
    "warmup of no log": (TF2, put(WARMUP, record(b"\xff")), INVALID_ARGUMENT, "Failed to parse warmup record"),
    "warmup of a session": (TF2, put(WARMUP, record(b"\x2a\x00")), UNIMPLEMENTED, "Unsupported log_type for warmup: 5"),
    "warmup of no model": (TF1, put(WARMUP, example_logs("")), INVALID_ARGUMENT, "with an empty model name"),
    "session bundle": (TF2, rename("saved_model.pb", "export.meta"), UNIMPLEMENTED, "deprecated and removed"),
    "warmup without end": (TF2, put(WARMUP, predict_log() * 1001), INVALID_ARGUMENT, "exceeds the maximum (1000)"),
}
HARMLESS: dict[str, tuple[str, Defect]] = {
    "no fingerprint": (TF2, without("fingerprint.pb")),
    "another fingerprint": (TF2, put("fingerprint.pb", b"noise")),
    "a stray shard": (TF2, put("variables/variables.data-00001-of-00002", b"noise")),
    "warmup": (TF2, put(WARMUP, predict_log() * 3)),
    "warmup by examples": (TF1, put(WARMUP, example_logs())),
    "empty warmup": (TF2, put(WARMUP, b"")),
}
DEAD: dict[str, tuple[str, Defect]] = {
    "no variables": (TF2, without("variables")),
    "no index": (TF2, without(INDEX)),
    "no variables, TensorFlow 1": (TF1, without("variables")),
}
ALL = {name: (source, defect) for name, (source, defect, *_) in DEFECTS.items()} | HARMLESS | DEAD


@pytest.fixture(scope="module")
def server(folder: Path, python_with_tensorflow: str) -> Iterator[Serving]:
    """Load every defect at once, each as a model of its own."""
    for name, (source, defect) in ALL.items():
        copy_export(source, folder / name, defect=defect)
    flags = ("--num_load_threads=2", "--max_num_load_retries=0")
    with serving(folder, *flags, python=python_with_tensorflow, loader="tensorflow") as running:
        with pytest.raises(grpc.RpcError, match="did not become available"):
            running.reload(*(model(name, folder / name) for name in ALL))
        yield running


def status(server: Serving, name: str) -> tuple[int, int, str]:
    """Return state, code and words of version 1; a record's raw bytes are in the words (trap D14)."""
    request = GetModelStatusRequest()
    request.model_spec.name = name
    ask = server.channel.unary_unary(METHOD, request_serializer=GetModelStatusRequest.SerializeToString)
    (line,) = read_status(ask(request, timeout=DEADLINE_SECONDS))
    return line.state, line.code, line.words


@pytest.mark.parametrize("name", DEFECTS)
def test_a_damaged_export_fails_with_tensorflows_code_and_words(server: Serving, name: str) -> None:
    """The version ends with the code the official server shows, and the words say what is wrong."""
    _, _, code, words = DEFECTS[name]
    until(lambda: status(server, name)[0] == END, what="the version has failed")
    assert status(server, name)[1] == code
    assert words in status(server, name)[2]


@pytest.mark.parametrize("name", HARMLESS)
def test_what_does_not_matter_does_not_stop_a_load(server: Serving, name: str) -> None:
    """Fingerprints and stray shards are not looked at, and good warmup requests only warm."""
    assert status(server, name)[:2] == (AVAILABLE, OK)
    assert server.predict(name, 1) == [2.5]


@pytest.mark.parametrize("name", DEAD)
def test_an_export_without_its_index_loads_and_is_dead(server: Serving, name: str) -> None:
    """The trap of half uploads: AVAILABLE, and every request fails."""
    assert status(server, name)[:2] == (AVAILABLE, OK)
    with pytest.raises(grpc.RpcError) as caught:
        server.predict(name, 1)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_an_empty_variables_folder_is_no_defect_where_there_are_none(server: Serving, folder: Path) -> None:
    """A TensorFlow 1 export without variables has nothing to restore."""
    copy_export(BARE, folder / BARE)
    server.reload(*(model(name, folder / name) for name in (*ALL, BARE)))
    assert server.predict(BARE, 1) == [2.0]


def test_warmup_can_be_switched_off(folder: Path, python_with_tensorflow: str) -> None:
    """Then no record is read, not even a broken one."""
    elsewhere = folder / "cold"
    copy_export(TF2, elsewhere / "m", defect=put(WARMUP, b"this is no TFRecord"))
    flags = ("--enable_model_warmup=false", "--model_name=m", f"--model_base_path={elsewhere / 'm'}")
    with serving(elsewhere, *flags, python=python_with_tensorflow, loader="tensorflow") as running:
        assert running.predict("m", 1) == [2.5]
