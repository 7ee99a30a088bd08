"""The program as a child process: start, flags, ports, signals and the wire."""

import signal
import stat
from pathlib import Path

import grpc
import httpx
import pytest
from google.protobuf.wrappers_pb2 import Int32Value, StringValue
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.inference_pb2 import MultiInferenceRequest
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from infra.tfserving.servable import State
from tests.support.serving import DEADLINE_SECONDS, Serving, child, model, serving, until, write_version

FAILED = 255


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return a base path with version 1 of a scripted model."""
    path = tmp_path / "a"
    path.mkdir()
    write_version(path, 1)
    return path


def ended(folder: Path, *flags: str) -> tuple[int, str]:
    """Run the program to its end."""
    with child(folder, *flags) as (process, log):
        return process.wait(DEADLINE_SECONDS), log.read_text()


def config_file(folder: Path, *names: str) -> str:
    """Write a config file that lists models with their base paths in the folder."""
    entries = (
        f'config {{ name: "{name}" base_path: "{folder / name}" model_platform: "tensorflow" }}' for name in names
    )
    file = folder / "models.config"
    file.write_text(f"model_config_list {{ {' '.join(entries)} }}")
    return f"--model_config_file={file}"


def refused(call: grpc.UnaryUnaryMultiCallable, request: object) -> tuple[str, str]:
    """Return the code and details a call ends with."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request, timeout=DEADLINE_SECONDS)
    return caught.value.code().name, caught.value.details()


def test_a_single_model_is_served_by_its_flags(base: Path, tmp_path: Path) -> None:
    """`--model_name` and `--model_base_path` are enough, and the port opens when the model is there."""
    with serving(tmp_path, "--model_name=half", f"--model_base_path={base}") as server:
        assert server.status("half") == {1: (State.AVAILABLE, 0)}
        assert server.predict("half", 1.0, 2.0, version=1) == [2.5, 3.0]


def test_unknown_flags_are_warned_about(base: Path, tmp_path: Path) -> None:
    """The server starts all the same, and says which it did not take."""
    with serving(tmp_path, f"--model_base_path={base}", "--no_such_flag=1", "--enable_batching") as server:
        log = server.log.read_text()
    assert "unknown argument: --no_such_flag=1" in log
    assert "flag has no effect in this server: --enable_batching" in log


def test_a_server_without_models_does_not_start(tmp_path: Path) -> None:
    """One of the two ways to name models is needed."""
    code, log = ended(tmp_path, "--model_config_file=")
    assert code == FAILED
    assert (
        "Failed to start server. Error: INVALID_ARGUMENT: Both server_options.model_base_path and "
        "server_options.model_config_file are empty!"
    ) in log


def test_an_unparsable_config_file_ends_the_start(tmp_path: Path) -> None:
    """Line and column are on standard error, TensorFlow Serving's sentence on standard output."""
    file = tmp_path / "models.config"
    file.write_text("model_config_list { config { nmae: 'a' } }")
    code, log = ended(tmp_path, f"--model_config_file={file}")
    assert code == FAILED
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig: 1:30" in log
    assert f"Failed to start server. Error: INVALID_ARGUMENT: Invalid protobuf file: '{file}'" in log


def test_a_model_that_fails_ends_the_start(base: Path, tmp_path: Path) -> None:
    """One bad model keeps all others from being served after a restart."""
    (tmp_path / "bad" / "1").mkdir(parents=True)
    code, log = ended(tmp_path, config_file(tmp_path, base.name, "bad"), "--max_num_load_retries=0")
    assert code == FAILED
    assert (
        "Failed to start server. Error: UNKNOWN: 1 servable(s) did not become available: "
        "{{{name: bad version: 1} due to error: NOT_FOUND: Specified file path does not appear to contain a SavedModel "
    ) in log
    assert "Running gRPC" not in log


def test_a_missing_base_path_keeps_the_server_from_opening_its_port(base: Path, tmp_path: Path) -> None:
    """It waits for ever, also for the good models; SIGTERM still ends it."""
    with child(tmp_path, config_file(tmp_path, base.name, "missing")) as (process, log):
        until(lambda: "Could not find base path" in log.read_text(), what="the first poll is over")
        assert process.poll() is None
        assert "Running gRPC" not in log.read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_SECONDS) == 0


def test_sigterm_ends_the_server_while_a_reload_waits(tmp_path: Path) -> None:
    """A stuck reload does not keep the process."""
    with serving(tmp_path) as server:
        with pytest.raises(grpc.RpcError):
            server.reload(model("a", tmp_path / "missing"), seconds=0.2)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE_SECONDS) == 0


def test_a_crash_in_a_load_ends_the_process(tmp_path: Path) -> None:
    """A scripted crash is as sudden as an out-of-memory kill."""
    (tmp_path / "a").mkdir()
    write_version(tmp_path / "a", 1, {"crash": True})
    with serving(tmp_path) as server:
        with pytest.raises(grpc.RpcError):
            server.reload(model("a", tmp_path / "a"))
        assert server.process.wait(DEADLINE_SECONDS) == -signal.SIGKILL


def test_a_port_in_use_is_refused(base: Path, tmp_path: Path) -> None:
    """Two servers never share a port unnoticed."""
    (tmp_path / "second").mkdir()
    with serving(tmp_path, f"--model_base_path={base}") as server:
        port = server.address.rpartition(":")[2]
        code, log = ended(tmp_path / "second", f"--port={port}", f"--model_base_path={base}")
    assert code == FAILED
    assert "Failed to BuildAndStart gRPC server" in log


def test_a_unix_socket_is_served_and_removed(base: Path, tmp_path: Path) -> None:
    """With a socket and port zero there is no TCP port at all."""
    socket = tmp_path / "tfs.sock"
    flags = ("--port=0", f"--grpc_socket_path={socket}", f"--model_base_path={base}")
    with child(tmp_path, *flags) as (process, log):
        until(lambda: "UNIX socket" in log.read_text(), what="the socket is there")
        assert stat.S_ISSOCK(socket.stat().st_mode)
        with grpc.insecure_channel(f"unix:{socket}") as channel:
            server = Serving(process, log, "", None, channel)
            assert server.predict("default", 2.0) == [3.0]
        assert "Running gRPC ModelServer at 127.0.0.1" not in log.read_text()
        process.terminate()
        process.wait(DEADLINE_SECONDS)
    assert not socket.exists()


def test_rest_and_the_prometheus_page_share_a_port(base: Path, tmp_path: Path) -> None:
    """The counters carry TensorFlow Serving's names."""
    config = tmp_path / "monitoring.config"
    config.write_text('prometheus_config { enable: true path: "/metrics" }')
    flags = (f"--model_base_path={base}", "--rest_api_port=-1", f"--monitoring_config_file={config}")
    with serving(tmp_path, *flags) as server:
        server.predict("default", 1.0)
        address = f"http://127.0.0.1:{server.rest_port}"
        status = httpx.get(f"{address}/v1/models/default").text
        page = httpx.get(f"{address}/metrics").text
    assert '"state": "AVAILABLE"' in status
    assert ':tensorflow:serving:request_count{model_name="default",status="OK"} 1\n' in page
    assert f':tensorflow:cc:saved_model:load_attempt_count{{model_path="{base}/1",status="success"}} 1\n' in page


def test_the_health_service_is_there_if_asked_for(tmp_path: Path) -> None:
    """It knows three names and says SERVING, models or not."""
    with serving(tmp_path, "--enable_grpc_healthcheck_service") as server:
        check = server.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=StringValue.SerializeToString,
            response_deserializer=Int32Value.FromString,
        )
        for name in ("", "ModelService", "PredictionService"):
            assert check(StringValue(value=name)).value == 1
        assert refused(check, StringValue(value="other"))[0] == "NOT_FOUND"


def test_the_wire_carries_tensorflow_servings_words(base: Path, tmp_path: Path) -> None:
    """Requests that name nothing, too little or the wrong thing."""
    with serving(tmp_path, f"--model_base_path={base}") as server:
        models, predictions = ModelServiceStub(server.channel), PredictionServiceStub(server.channel)
        unnamed, labelled, metadata = PredictRequest(), PredictRequest(), GetModelMetadataRequest()
        unnamed.model_spec.SetInParent()
        labelled.model_spec.name, labelled.model_spec.version_label = "default", "none"
        metadata.model_spec.name = "default"
        missing = ("INVALID_ARGUMENT", "Missing ModelSpec")
        assert refused(models.GetModelStatus, GetModelStatusRequest()) == missing
        assert refused(predictions.Predict, PredictRequest()) == missing
        assert refused(predictions.Predict, unnamed)[1] == "ModelSpec has no name specified."
        assert refused(predictions.Predict, labelled)[1] == "Unrecognized servable version label: none"
        assert refused(predictions.MultiInference, MultiInferenceRequest())[0] == "INVALID_ARGUMENT"
        code, words = refused(models.HandleReloadConfigRequest, ReloadConfigRequest())
        assert (code, words.partition(". ")[2]) == ("INVALID_ARGUMENT", "Only ModelConfigList is currently supported")
        assert refused(predictions.GetModelMetadata, metadata)[1].endswith("at least one metadata_field")
        metadata.metadata_field.append("signature_def")
        signatures = SignatureDefMap()
        assert predictions.GetModelMetadata(metadata).metadata["signature_def"].Unpack(signatures)
        assert list(signatures.signature_def) == ["serving_default"]


def test_a_long_message_is_cut(tmp_path: Path) -> None:
    """At 1,024 characters, and it says so."""
    (tmp_path / "a").mkdir()
    write_version(tmp_path / "a", 1, {"fail": {"code": "INTERNAL", "message": "x" * 2000}})
    with serving(tmp_path, "--max_num_load_retries=0") as server:
        with pytest.raises(grpc.RpcError) as caught:
            server.reload(model("a", tmp_path / "a"))
        assert len(caught.value.details()) == 1024 + len("...TRUNCATED")
        assert caught.value.details().endswith("x...TRUNCATED")


def test_the_status_ignores_a_label_and_the_reload_counts_metrics(base: Path, tmp_path: Path) -> None:
    """Two corners of ModelService that clients meet."""
    with serving(tmp_path) as server:
        request = ReloadConfigRequest(metric_names=["/tensorflow/cc/saved_model/load_attempt_count"])
        request.config.model_config_list.config.append(model("a", base))
        response = ModelServiceStub(server.channel).HandleReloadConfigRequest(request, timeout=DEADLINE_SECONDS)
        assert [one.int64_value_increase for one in response.metric] == [1]
        status = GetModelStatusRequest()
        status.model_spec.name, status.model_spec.version_label = "a", "no-such-label"
        assert len(ModelServiceStub(server.channel).GetModelStatus(status).model_version_status) == 1
