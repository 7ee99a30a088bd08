"""TensorFlow Serving in memory, on a clock that the test turns: the same traps, no waiting.

It copies what a deployment controller meets: reloads queue behind one lock and wait without limit for models that
were not configured before, one missing base path stops the poll for all, a failed version is not tried again while it
is named, ended versions stay listed. It passes the contract tests in `tests/contract/serving` like the real thing.
Versions on disk carry the scripts of `infra.tfserving.scripted_loader` (load_seconds, fail, hang, crash, predict,
predict_fail).
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_format
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DT_FLOAT
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from configurator.serving.applied_config import Key
from configurator.serving.client import ServingAway, ServingLate, ServingRefused
from configurator.serving.states import State, Status
from events.names import ModelName, Version
from tests.fakes.serving_manager import FakeManager, Row

TURN_SECONDS = 0.1
POLL_TURNS = 10


@dataclass(slots=True)
class Call:
    """A reload that has not ended; `heard` is what became of versions since it began."""

    config: ModelServerConfig
    deadline: float
    answer: "asyncio.Future[None]"
    awaited: set[str] = field(default_factory=set)
    heard: dict[str, dict[int, Status]] = field(default_factory=dict)
    has_begun: bool = False


class FakeServing:
    """The server and its client in one."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self.now = 0.0
        self.epoch = 0
        self.is_up = True  # it answers
        self.is_running = True
        self.reloads: list[ModelServerConfig] = []
        self._on_change = on_change
        self._turns = 0
        self._manager = FakeManager(self._hear, crash=self.stop)
        self._clear()

    def _clear(self) -> None:
        self._manager.clear()
        self.labels: dict[str, dict[str, int]] = {}
        self._history: dict[str, dict[int, Status]] = {}
        self._calls: list[Call] = []

    # What a client does

    async def status(self, model: str) -> dict[Version, Status]:
        """Answer like `configurator.serving.Serving.status`."""
        self._check_up()
        return {Version(version): status for version, status in self._history.get(model, {}).items()}

    async def reload(self, config: ModelServerConfig, *, seconds: float) -> None:
        """Take a config, and come back as late as the server does."""
        self._check_up()
        self.reloads.append(config)
        call = Call(config, self.now + seconds, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        self._serve_calls()
        await call.answer

    async def label(self, model: ModelName, label: str) -> Version | None:
        """Tell where a label points."""
        self._check_up()
        version = self.labels.get(model, {}).get(label)
        return Version(version) if version is not None and self._manager.row(model, version) else None

    async def inputs(self, key: Key, signature: str) -> dict[str, int] | None:
        """Describe the one signature there is."""
        self._servable(key)
        return {"x": DT_FLOAT} if signature == "serving_default" else None

    async def predict(
        self, key: Key, signature: str, *, inputs: Mapping[str, TensorProto], outputs: list[str], seconds: float
    ) -> dict[str, TensorProto]:
        """Compute the line of the version's script."""
        row = self._servable(key)
        if row.script.predict_seconds > seconds:
            raise ServingLate(f"no answer within {seconds:g} seconds")
        if refusal := row.script.predict_fail:
            raise ServingRefused(refusal.code, refusal.message)
        values = [row.script.scale * value + row.script.offset for value in inputs["x"].float_val]
        return {"y": TensorProto(dtype=DT_FLOAT, tensor_shape=inputs["x"].tensor_shape, float_val=values)}

    async def watch(self, on_change: Callable[[], None]) -> None:
        """Ring through `on_change` from now on."""
        self._on_change = on_change

    # What a test does

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self.now + TURN_SECONDS <= end + 1e-9:
            self.now += TURN_SECONDS
            self._turns += 1
            if self.is_running:
                self._turn()
        self.now = max(self.now, end)

    def stop(self) -> None:
        """End the process, as kill -9 does."""
        if not self.is_running:
            return
        self.epoch += self.is_up
        self.is_up = self.is_running = False
        for call in self._calls:
            if not call.answer.done():
                call.answer.set_exception(ServingAway("connection refused"))
        self._clear()
        self._on_change()

    def start(self, config_file: Path | None = None) -> None:
        """Start the process; it answers once the models of its config file have loaded, and ends if one fails."""
        self.stop()
        self.is_running = True
        if config_file is not None and config_file.exists():
            self._apply(text_format.Parse(config_file.read_text(), ModelServerConfig()))
        self._open()

    def hold_requests(self, *, is_held: bool) -> None:
        """Begin or end a request that takes long: what has loaded waits for it, and all else with that."""
        self._manager.has_long_request = is_held

    @property
    def is_stuck(self) -> bool:
        """Whether a reload holds the lock."""
        return bool(self._calls)

    def available(self, model: str) -> set[int]:
        """Tell which versions answer requests."""
        return self._manager.available(model)

    # What the server does by itself

    def _turn(self) -> None:
        if self._turns % POLL_TURNS == 0:
            self._manager.poll()
        self._manager.turn(self.now)
        self._serve_calls()
        if self.is_running and not self.is_up:
            self._open()

    def _hear(self, model: str, version: int, status: Status) -> None:
        self._history.setdefault(model, {})[version] = status
        for call in self._calls:
            if call.has_begun:
                call.heard.setdefault(model, {})[version] = status

    def _open(self) -> None:
        """Listen, if the models of the first config are there."""
        heard = [self._history.get(model, {}) for model in self._manager.source]
        if not all(_settled(one) for one in heard):
            return
        if any(status.state is State.END for one in heard for status in one.values()):
            self.stop()
            return
        self.is_up = True
        self._on_change()

    # Reloads

    def _serve_calls(self) -> None:
        for call in self._calls:
            if self.now >= call.deadline and not call.answer.done():
                call.answer.set_exception(ServingLate("no answer in time"))
        while self._calls:
            call = self._calls[0]
            if not call.has_begun and (problem := self._begin_call(call)):
                self._answer(call, problem)
            elif call.awaited - {model for model in call.awaited if _settled(call.heard.get(model, {}))}:
                return
            else:
                self._answer(call, _failures(call))
            self._calls.pop(0)

    def _begin_call(self, call: Call) -> ServingRefused | None:
        call.has_begun = True
        call.awaited = {model.name for model in call.config.model_config_list.config} - self._manager.source.keys()
        return self._apply(call.config)

    def _answer(self, call: Call, problem: ServingRefused | None) -> None:
        if call.answer.done():
            return
        if problem:
            call.answer.set_exception(problem)
        else:
            call.answer.set_result(None)

    def _apply(self, config: ModelServerConfig) -> ServingRefused | None:
        models = {model.name: model for model in config.model_config_list.config}
        for model in models.values():
            for version in model.version_labels.values():
                if version not in self.available(model.name):
                    return ServingRefused("FAILED_PRECONDITION", f"Request to assign label to version {version}")
        self.labels = {name: dict(model.version_labels) for name, model in models.items()}
        self._manager.watch(models)
        return None

    def _servable(self, key: Key) -> Row:
        self._check_up()
        row = self._manager.row(*key)
        if row is None:
            raise ServingRefused("NOT_FOUND", f"Servable not found for request: Specific({key[0]}, {key[1]})")
        return row

    def _check_up(self) -> None:
        if not self.is_up:
            raise ServingAway("TensorFlow Serving does not answer: connection refused")


def _settled(heard: Mapping[int, Status]) -> bool:
    return any(status.state in {State.AVAILABLE, State.END} for status in heard.values())


def _failures(call: Call) -> ServingRefused | None:
    for model in sorted(call.awaited):
        heard = call.heard[model]
        first = next(v for v in sorted(heard, reverse=True) if heard[v].state in {State.AVAILABLE, State.END})
        if heard[first].state is State.END:
            words = (
                f"1 model(s) did not become available: {{{{name: {model} version: {first}}} {heard[first].message}}}"
            )
            return ServingRefused("UNKNOWN", words)
    return None
