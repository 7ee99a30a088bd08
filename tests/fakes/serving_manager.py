"""The half of the simulated TensorFlow Serving that works by itself: it polls folders, loads and unloads."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from configurator.serving.states import State, Status
from infra.tfserving.script import Script, read_script
from infra.tfserving.servable import Code

LOAD_THREADS = 2
ENDED = Status(State.END)


@dataclass(slots=True)
class Row:
    """A version that the manager has taken."""

    path: Path
    script: Script
    state: State = State.START
    is_aspired: bool = True
    done: float = 0.0


class FakeManager:
    """Turns what is wished for into what is, one small step a turn; `tell` hears of every change."""

    def __init__(self, tell: Callable[[str, int, Status], None], *, crash: Callable[[], None]) -> None:
        self._announce = tell
        self._crash = crash
        self._refused: dict[Path, int] = {}
        self.clear()

    def clear(self) -> None:
        """Forget everything but how often a script has refused, as a new process does."""
        self.source: dict[str, ModelConfig] = {}
        self.has_long_request = False
        self._pending: dict[str, dict[int, Path]] = {}
        self._rows: dict[str, dict[int, Row]] = {}

    def watch(self, models: dict[str, ModelConfig]) -> None:
        """Watch these models from now on; the others are not wished for any more."""
        self._pending.update({name: {} for name in self.source.keys() - models.keys()})
        self.source = models

    def row(self, model: str, version: int) -> Row | None:
        """Return a version that is available."""
        row = self._rows.get(model, {}).get(version)
        return row if row and row.state is State.AVAILABLE else None

    def available(self, model: str) -> set[int]:
        """Tell which versions answer requests."""
        return {version for version in self._rows.get(model, {}) if self.row(model, version)}

    def poll(self) -> None:
        """Look at all base paths; the first that is missing or cannot be listed ends the look for everybody."""
        try:
            self._pending.update({model: _found(config) for model, config in self.source.items()})
        except OSError:
            return

    def turn(self, now: float) -> None:
        """Take what is pending, and move every version a step; a request that goes on may hold all up."""
        if self.has_long_request and self._awaits_requests(now):
            return
        for model, wanted in sorted(self._pending.items()):
            self._take(model, wanted)
        self._pending.clear()
        for model, version in sorted((model, version) for model, rows in self._rows.items() for version in rows):
            if version in self._rows.get(model, {}):
                self._move(model, version, now)

    def _awaits_requests(self, now: float) -> bool:
        """Tell whether a version is loaded, or to be unloaded, and so waits until every request has ended."""
        rows = [row for found in self._rows.values() for row in found.values()]
        is_loaded = any(row.state is State.LOADING and not row.script.hang and now >= row.done for row in rows)
        return is_loaded or any(row.state is State.UNLOADING for row in rows)

    def _take(self, model: str, wanted: Mapping[int, Path]) -> None:
        rows = self._rows.setdefault(model, {})
        for version, row in rows.items():
            row.is_aspired = version in wanted
        for version in [version for version, row in rows.items() if row.state is State.END and not row.is_aspired]:
            del rows[version]
        for version, path in wanted.items():
            if version not in rows:
                rows[version] = Row(path, read_script(path))
                self._tell(model, version, Status(State.START))

    def _move(self, model: str, version: int, now: float) -> None:
        row = self._rows[model][version]
        match row.state:
            case State.START if not row.is_aspired:
                self._tell(model, version, ENDED)
            case State.START if self._loading() < LOAD_THREADS:
                row.done = now + row.script.load_seconds
                self._tell(model, version, Status(State.LOADING))
                if row.script.crash:
                    self._crash()
            case State.LOADING if row.script.hang and not row.is_aspired and not row.script.ignore_cancel:
                self._tell(model, version, Status(State.END, Code.CANCELLED, "cancelled"))
            case State.LOADING if not row.script.hang and now >= row.done:
                self._tell(model, version, self._outcome(row))
            case State.AVAILABLE if not row.is_aspired and self._may_unload(model):
                self._tell(model, version, Status(State.UNLOADING))
            case State.UNLOADING:
                self._tell(model, version, ENDED)
            case _:
                pass

    def _outcome(self, row: Row) -> Status:
        fail = row.script.fail
        if not any(row.path.glob("saved_model.pb")):
            return Status(
                State.END, Code.NOT_FOUND, "Specified file path does not appear to contain a SavedModel bundle"
            )
        if fail and (fail.times is None or self._refused.get(row.path, 0) < fail.times):
            self._refused[row.path] = self._refused.get(row.path, 0) + 1
            return Status(State.END, Code[fail.code], fail.message)
        return Status(State.AVAILABLE)

    def _may_unload(self, model: str) -> bool:
        aspired = [row for row in self._rows[model].values() if row.is_aspired]
        return not aspired or any(row.state is State.AVAILABLE for row in aspired)

    def _loading(self) -> int:
        return sum(row.state is State.LOADING for rows in self._rows.values() for row in rows.values())

    def _tell(self, model: str, version: int, status: Status) -> None:
        row = self._rows[model][version]
        row.state = status.state
        if row.state is State.END and not row.is_aspired:
            del self._rows[model][version]
        self._announce(model, version, status)


def _found(config: ModelConfig) -> dict[int, Path]:
    """Look at a base path as TensorFlow Serving does: it lists it only where a version is not under its plain name."""
    base = Path(config.base_path)
    wanted = {version: base / str(version) for version in config.model_version_policy.specific.versions}
    found = {version: path for version, path in wanted.items() if os.access(path, os.F_OK)}
    if found.keys() != wanted.keys():
        list(base.iterdir())
    elif not base.exists():
        raise FileNotFoundError(base)
    return found
