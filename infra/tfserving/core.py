"""The server's core: takes configs, and answers for what is served.

Every reload holds one lock from its first check to the end of its waiting, and waits without limit for the first
version of each model name that was not watched before. Nothing is rolled back when it fails. The order of the steps
in `_apply` is the contract of TensorFlow Serving, traps included; docs of the traps are in the tests.
"""

import logging
import os
from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Lock

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from infra.tfserving import config as checks
from infra.tfserving.manager import Manager, ManagerOptions
from infra.tfserving.metrics import Metrics
from infra.tfserving.monitor import Bus, Change, Monitor
from infra.tfserving.servable import Code, Found, Loader, RequestFailure, Served, State, StatusError, VersionStatus
from infra.tfserving.source import Monitored, Source

log = logging.getLogger("tfserving.core")


@dataclass(frozen=True, slots=True)
class CoreOptions:
    """The flags that concern the core."""

    file_system_poll_seconds: float = 1.0
    allow_labels_for_unavailable: bool = False
    initial_load_threads: int = 4 * (os.cpu_count() or 1)
    manager: ManagerOptions = field(default_factory=ManagerOptions)


class ServerCore:
    """What `infra.tfserving.servable.Core` promises, and the reloading of configs."""

    def __init__(self, loader: Loader, options: CoreOptions) -> None:
        self.metrics = Metrics()
        self._options = options
        self._bus = Bus()
        self._monitor = Monitor(self._bus)
        self._manager = Manager(loader, self._bus, options.manager, record_load=self.metrics.record_load)
        self._config_lock = Lock()
        self._config = ModelServerConfig()
        self._source: Source | None = None
        self._labels: dict[str, dict[str, int]] | None = None
        self._open_monitors = {self._monitor}

    def start(self) -> None:
        """Start the manager's thread; the source follows with the first config."""
        self._manager.start()

    def close(self) -> None:
        """Stop all threads; reloads that wait are refused."""
        for monitor in list(self._open_monitors):
            monitor.close()
        if self._source is not None:
            self._source.close()
        self._manager.close()

    def reload(self, new: ModelServerConfig) -> None:
        """Apply a config and wait for its new models, or raise `StatusError`."""
        with self._config_lock:
            checks.check_transition(self._config, new)
            if new.WhichOneof("config") is None:
                log.info("Taking no action for empty config.")
                return
            if new.WhichOneof("config") == "custom_model_config":
                raise checks.ConfigError(Code.UNIMPLEMENTED, "ModelServer does not yet support custom model config.")
            models = new.model_config_list.config
            checks.check_models(models)
            checks.check_platforms(self._config.model_config_list.config, models)
            # From here on the new config counts as the current one, whatever becomes of it.
            self._config = ModelServerConfig.FromString(new.SerializeToString())
            self._labels = self._label_map()
            log.info("Adding/updating models.")
            self._apply()
            log.info("Finished reloading config")

    def find(
        self, model: str, *, version: int | None = None, label: str | None = None
    ) -> AbstractContextManager[Found]:
        """Lend a servable, or raise `RequestFailure`."""
        if not model:
            raise RequestFailure(Code.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        wanted = version if label is None else self.label_version(model, label)
        return self._manager.shelf.lend(model, version=wanted)

    def status(self, model: str, *, version: int | None = None) -> list[VersionStatus]:
        """Return the versions ever aspired, highest first, or raise `RequestFailure`."""
        changes = self._monitor.versions(model)
        if version is not None:
            changes = [one for one in changes if one.id.version == version]
        if changes:
            return [VersionStatus(one.id.version, one.state, one.code, one.message) for one in changes]
        wanted = "any versions" if version is None else f"version {version}"
        raise RequestFailure(Code.NOT_FOUND, f"Could not find {wanted} of model {model}")

    def label_version(self, model: str, label: str) -> int:
        """Return the version a label stands for, or raise `RequestFailure`."""
        if self._labels is None:
            raise RequestFailure(Code.UNAVAILABLE, f"Model labels does not init yet.{label}")
        if label not in self._labels.get(model, {}):
            raise RequestFailure(Code.INVALID_ARGUMENT, f"Unrecognized servable version label: {label}")
        return self._labels[model][label]

    def record(self, served: Served) -> None:
        """Count an inference request."""
        self.metrics.record_request(served)

    def _apply(self) -> None:
        monitored = checks.monitored(self._config)
        checks.check_routes(self._config.model_config_list.config)
        if self._source is None:
            self._apply_first(monitored)
            return
        fresh = Monitor(self._bus)
        self._open_monitors.add(fresh)
        try:
            new_models = {one.model for one in monitored} - self._source.models()
            self._source.update(monitored)
            _await(fresh, new_models, noun="model")
        finally:
            self._open_monitors.remove(fresh)
            fresh.close()

    def _apply_first(self, monitored: list[Monitored]) -> None:
        """Load the first models with many threads; a source whose models failed is thrown away again."""
        source = Source(monitored, self._manager.aspire, poll_seconds=self._options.file_system_poll_seconds)
        self._manager.set_load_threads(self._options.initial_load_threads)
        source.start()
        try:
            _await(self._monitor, {one.model for one in monitored}, noun="servable")
        except StatusError:
            source.close()
            raise
        finally:
            self._manager.set_load_threads(None)
        self._source = source

    def _label_map(self) -> dict[str, dict[str, int]]:
        labels: dict[str, dict[str, int]] = {}
        for model in self._config.model_config_list.config:
            states = {one.id.version: one.state for one in self._monitor.versions(model.name)}
            for label, version in sorted(model.version_labels.items()):
                if states.get(version) is not State.AVAILABLE and not self._may_run_ahead(model.name, label, version):
                    raise checks.ConfigError(
                        Code.FAILED_PRECONDITION,
                        f"Request to assign label to version {version} of model {model.name}, which is not currently "
                        "available for inference",
                    )
                labels.setdefault(model.name, {})[label] = version
        return labels

    def _may_run_ahead(self, model: str, label: str, version: int) -> bool:
        """Tell whether a label may name a version that is not available: only one that does not move."""
        current = (self._labels or {}).get(model, {}).get(label, version)
        return self._options.allow_labels_for_unavailable and current == version


def _await(monitor: Monitor, models: Collection[str], *, noun: str) -> None:
    reached = monitor.wait(models)
    if reached is None:
        raise checks.ConfigError(Code.CANCELLED, "the server is shutting down")
    if failed := [change for change in reached if change.state is not State.AVAILABLE]:
        listed = "".join(f"{{{change.id}{_reason(change)}}}, " for change in failed)
        raise checks.ConfigError(Code.UNKNOWN, f"{len(failed)} {noun}(s) did not become available: {{{listed}}}")


def _reason(change: Change) -> str:
    return f" due to error: {change.health()}" if change.code is not Code.OK else ""
