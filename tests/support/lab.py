"""A laboratory for TensorFlow Serving's traps: the core in this process, with short periods instead of seconds."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DT_FLOAT
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from infra.tfserving.core import ServerCore
from infra.tfserving.servable import Code, RequestFailure, State
from tests.support.serving import DEADLINE_SECONDS, config_of, until

POLL_SECONDS = 0.01
MANAGE_SECONDS = 0.005
PATIENCE_SECONDS = 0.15  # many polls and rounds of the manager: what has not happened by then does not happen


class Lab:
    """A core and what a test does to it."""

    def __init__(self, core: ServerCore, folder: Path) -> None:
        self.core = core
        self.folder = folder
        self._lent: set[str] = set()
        self._reloads = ThreadPoolExecutor(4)

    def base(self, name: str) -> Path:
        """Make a base path."""
        path = self.folder / name
        path.mkdir(exist_ok=True)
        return path

    def begin(self, *models: ModelConfig) -> "Future[None]":
        """Begin a reload, which may never end."""
        return self._reloads.submit(self.core.reload, config_of(*models))

    def reload(self, *models: ModelConfig) -> None:
        """Reload to the end."""
        self.begin(*models).result(DEADLINE_SECONDS)

    def status(self, name: str) -> dict[int, tuple[State, Code]]:
        """Return version -> (state, code); empty if the model is unknown."""
        try:
            return {one.version: (one.state, one.code) for one in self.core.status(name)}
        except RequestFailure:
            return {}

    def state(self, name: str, version: int) -> State | None:
        """Return the state of a version."""
        return self.status(name).get(version, (None, Code.OK))[0]

    def until_state(self, name: str, version: int, state: State) -> None:
        """Wait for a state."""
        until(lambda: self.state(name, version) is state, what=f"{name} {version} is {state.name}")

    def predict(self, name: str) -> list[float]:
        """Ask the latest version for `y` of 1."""
        request = PredictRequest()
        request.inputs["x"].CopyFrom(TensorProto(dtype=DT_FLOAT, float_val=[1.0]))
        with self.core.find(name) as found:
            self._lent.add(name)
            try:
                return list(found.servable.predict(request).outputs["y"].float_val)
            finally:
                self._lent.remove(name)

    def is_lent(self, name: str) -> bool:
        """Tell whether a `predict` holds a version of the model."""
        return name in self._lent

    def let_pass(self) -> None:
        """Give polls and manager many rounds, where nothing that could be awaited is going to happen."""
        time.sleep(PATIENCE_SECONDS)

    def close(self) -> None:
        """End all, waiting reloads included."""
        self.core.close()
        self._reloads.shutdown()


class LabMaker(Protocol):
    """Makes a lab; unless told otherwise it has taken an empty list of models already."""

    def __call__(
        self,
        *,
        start_empty: bool = True,
        threads: int = 2,
        retries: int = 0,
        retry_seconds: float = 0.0,
        poll_seconds: float = POLL_SECONDS,
        labels_run_ahead: bool = False,
    ) -> Lab:
        """Make one; it is closed when the test ends."""
        ...


def waits(reload: "Future[None]") -> bool:
    """Tell whether a reload is still waiting after many chances to end."""
    try:
        reload.result(PATIENCE_SECONDS)
    except TimeoutError:
        return True
    return False
