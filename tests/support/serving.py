"""The compatible server for tests: versions with scripts on disk, configs, and the server as a child process."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from tensorflow.core.framework.types_pb2 import DT_FLOAT
from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest, ReloadConfigResponse
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelConfigList, ModelServerConfig

DEADLINE_SECONDS = 20.0
_GRPC = re.compile(r"Running gRPC ModelServer at \S+?:(\d+) \.\.\.")
_REST = re.compile(r"Exporting HTTP/REST API at:localhost:(\d+) \.\.\.")

Json = str | int | float | bool | None | Mapping[str, "Json"]


def write_version(base_path: Path, version: int | str, script: Mapping[str, Json] | None = None) -> Path:
    """Put a version on disk that the scripted loader loads, by one rename."""
    staged = base_path / f".staged-{version}"
    (staged / "assets.extra").mkdir(parents=True)
    (staged / "saved_model.pb").write_bytes(b"a scripted version")
    if script is not None:
        (staged / "assets.extra" / "scripted.json").write_text(json.dumps(script))
    return staged.rename(base_path / str(version))


def model(
    name: str,
    base_path: Path | str,
    *,
    versions: Sequence[int] | None = None,
    labels: Mapping[str, int] | None = None,
    platform: str = "tensorflow",
) -> ModelConfig:
    """Return a model's config: specific `versions`, or the latest."""
    config = ModelConfig(name=name, base_path=str(base_path), model_platform=platform)
    if versions is not None:
        config.model_version_policy.specific.versions.extend(versions)
        config.model_version_policy.specific.SetInParent()
    config.version_labels.update(labels or {})
    return config


def config_of(*models: ModelConfig) -> ModelServerConfig:
    """Return a server config that lists these models."""
    return ModelServerConfig(model_config_list=ModelConfigList(config=models))


def until(condition: Callable[[], bool], *, what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """Wait for a condition, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"gave up waiting until {what}"
        time.sleep(0.005)


@dataclass(frozen=True, slots=True)
class Serving:
    """A running server, and the calls of its clients."""

    process: "subprocess.Popen[bytes]"
    log: Path
    address: str
    rest_port: int | None
    channel: grpc.Channel

    def reload(self, *models: ModelConfig, seconds: float = DEADLINE_SECONDS) -> ReloadConfigResponse:
        """Send a full config."""
        request = ReloadConfigRequest(config=config_of(*models))
        return ModelServiceStub(self.channel).HandleReloadConfigRequest(request, timeout=seconds)

    def status(self, name: str) -> dict[int, tuple[int, int]]:
        """Return version -> (state, error code); empty if the model is unknown."""
        request = GetModelStatusRequest()
        request.model_spec.name = name
        try:
            response = ModelServiceStub(self.channel).GetModelStatus(request, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            return {}
        return {one.version: (one.state, one.status.error_code) for one in response.model_version_status}

    def predict(self, name: str, *values: float, version: int | None = None, label: str | None = None) -> list[float]:
        """Ask for `y` of `x`."""
        request = PredictRequest()
        request.model_spec.name = name
        if version is not None:
            request.model_spec.version.value = version
        if label is not None:
            request.model_spec.version_label = label
        request.inputs["x"].dtype = DT_FLOAT
        request.inputs["x"].tensor_shape.dim.add(size=len(values))
        request.inputs["x"].float_val.extend(values)
        response = PredictionServiceStub(self.channel).Predict(request, timeout=DEADLINE_SECONDS)
        return list(response.outputs["y"].float_val)


@contextmanager
def serving(folder: Path, *flags: str, python: str = sys.executable, loader: str = "scripted") -> Iterator[Serving]:
    """Run the server on free ports of the loopback, wait until it listens, and stop it at the end.

    Without a config among the flags it starts with an empty list of models.
    """
    with child(folder, *flags, python=python, loader=loader) as (process, log):
        until(lambda: bool(_GRPC.search(log.read_text())) or process.poll() is not None, what="the server listens")
        found = _GRPC.search(log.read_text())
        assert found, f"the server ended with {process.returncode}: {log.read_text()}"
        if any(flag.startswith("--rest_api_port") for flag in flags):
            until(lambda: bool(_REST.search(log.read_text())), what="REST listens")
        rest = _REST.search(log.read_text())
        address = f"127.0.0.1:{found.group(1)}"
        with grpc.insecure_channel(address) as channel:
            yield Serving(process, log, address, int(rest.group(1)) if rest else None, channel)


@contextmanager
def child(
    folder: Path, *flags: str, python: str = sys.executable, loader: str = "scripted"
) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """Start the program without waiting for anything; its log and standard output go to one file."""
    given = list(flags)
    if not any(flag.startswith(("--model_config_file=", "--model_base_path=")) for flag in flags):
        empty = folder / "empty.config"
        empty.write_text("model_config_list {}\n")
        given.append(f"--model_config_file={empty}")
    if not any(flag.startswith("--port") for flag in flags):
        given.append("--port=0")
    log = folder / "serving.log"
    command = [python, "-m", "infra.tfserving", "--bind_address=127.0.0.1", f"--loader={loader}", *given]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
    try:
        yield process, log
    finally:
        process.kill()
        process.wait()
