"""Makes what is aspired so: a thread that takes one load or unload action at a time.

Two locks, as in TensorFlow Serving, because its traps live in them. `_pending_lock` guards what was asked for but not
looked at yet; a newer wish for a model overwrites the older one there. `_lock` guards the table of versions, and is
held while disk sizes are taken (with all retries) and while a new edition of the shelf waits for its last borrower.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock

from infra.tfserving.harness import Harness, disk_size
from infra.tfserving.lending import Shelf
from infra.tfserving.monitor import Bus, Change
from infra.tfserving.periodic import Periodic
from infra.tfserving.policy import Load, Stage, Unload, next_action
from infra.tfserving.servable import Code, Loader, LoadFailure, State
from infra.tfserving.source import AspiredVersion
from infra.tfserving.versions import ServableId
from infra.tfserving.workers import Workers

log = logging.getLogger("tfserving.manager")


@dataclass(frozen=True, slots=True)
class ManagerOptions:
    """The flags of loading; threads of zero mean that the manager's own thread does the work."""

    num_load_threads: int = 0
    num_unload_threads: int = 0
    max_num_load_retries: int = 5
    load_retry_interval_seconds: float = 60.0
    manage_seconds: float = 0.1


LoadRecorder = Callable[[Path, bool, float], None]


class Manager:
    """The table of managed versions and the thread that moves them."""

    def __init__(self, loader: Loader, bus: Bus, options: ManagerOptions, *, record_load: LoadRecorder) -> None:
        self.shelf = Shelf()
        self._loader = loader
        self._bus = bus
        self._options = options
        self._record_load = record_load
        self._pending_lock = Lock()
        self._pending: dict[str, list[AspiredVersion]] = {}
        self._lock = Lock()
        self._table: dict[ServableId, Harness] = {}
        self._closing = Event()
        self._loads_lock = Lock()
        self._loads = Workers(options.num_load_threads, name="load")
        self._unloads = Workers(options.num_unload_threads, name="unload")
        self._thread = Periodic(self.tick, options.manage_seconds, name="manager")

    def start(self) -> None:
        """Begin to act."""
        self._thread.start()

    def close(self) -> None:
        """Act no more: give up loads under way where the loader allows it, and wait for them."""
        self._closing.set()
        self._loader.close()
        self._thread.stop()
        self._loads.close()
        self._unloads.close()
        for harness in self._table.values():
            harness.close()

    def aspire(self, model: str, versions: list[AspiredVersion]) -> None:
        """Ask for exactly these versions of a model; a wish not looked at yet is overwritten."""
        with self._pending_lock:
            self._pending[model] = versions

    def set_load_threads(self, count: int | None) -> None:
        """Change the number of load threads, None meaning back to the flag's; waits for loads under way."""
        with self._loads_lock:
            self._loads.close()
            self._loads = Workers(self._options.num_load_threads if count is None else count, name="load")

    def tick(self) -> None:
        """Do one round: forget what is over, look at wishes, take one action."""
        self._flush()
        self._take_wishes()
        with self._lock:
            action = next_action(harness.snapshot() for harness in self._table.values())
        match action:
            case Load():
                harness = self._enter(action.id, Stage.LOADING)
                with self._loads_lock:
                    self._loads.run(lambda: self._load(harness))
            case Unload():
                harness = self._enter(action.id, Stage.UNLOADING)
                self._unloads.run(lambda: self._unload(harness))
            case None:
                pass

    def _flush(self) -> None:
        with self._lock:
            over = [one for one in self._table.values() if not one.is_aspired and one.is_idle]
            for harness in over:
                del self._table[harness.id]

    def _take_wishes(self) -> None:
        with self._pending_lock, self._lock:
            for model in sorted(self._pending):
                if not self._waits_for_end(model):
                    self._apply(model, self._pending.pop(model))

    def _waits_for_end(self, model: str) -> bool:
        """Tell whether a version that is wanted again still has to finish leaving."""
        wanted = {ServableId(model, one.version) for one in self._pending[model]}
        return any(not self._table[one].is_aspired for one in wanted & self._table.keys())

    def _apply(self, model: str, versions: list[AspiredVersion]) -> None:
        wanted = {ServableId(model, one.version) for one in versions}
        for harness in self._table.values():
            if harness.id.model == model and harness.id not in wanted:
                harness.unaspire()
        for one in versions:
            known = ServableId(model, one.version)
            if known not in self._table:
                self._table[known] = Harness(known, one.path)
                self._bus.publish(Change(known, State.START))

    def _enter(self, servable: ServableId, stage: Stage) -> Harness:
        with self._lock:
            harness = self._table[servable]
            harness.stage = stage
            return harness

    def _load(self, harness: Harness) -> None:
        try:
            with self._lock:
                self._reserve(harness)
            self._bus.publish(Change(harness.id, State.LOADING))
            self._retry(harness, lambda: self._attempt(harness))
            self._finish(harness)
        except LoadFailure as failure:
            log.error("Servable %s cannot be loaded: %s", harness.id, failure)  # noqa: TRY400
            self._bus.publish(Change(harness.id, State.END, failure.code, failure.message))
            harness.stage = Stage.ENDED

    def _reserve(self, harness: Harness) -> None:
        try:
            self._retry(harness, lambda: disk_size(harness.path))
        except LoadFailure as failure:
            message = f"Error while attempting to reserve resources to load servable {harness.id}: {failure.message}"
            self._bus.publish(Change(harness.id, State.END, failure.code, message))  # TensorFlow Serving tells it twice
            raise LoadFailure(failure.code, message) from failure

    def _attempt(self, harness: Harness) -> None:
        harness.load(self._loader, cancelled=lambda: self._is_unwanted(harness), record=self._record_load)

    def _finish(self, harness: Harness) -> None:
        """Make a loaded version available, unless nobody wants it any more."""
        if self._is_unwanted(harness):
            harness.close()
            raise LoadFailure(Code.CANCELLED, "Loading of servable cancelled")
        with self._lock:
            harness.stage = Stage.READY
            self._restock()
        self._bus.publish(Change(harness.id, State.AVAILABLE))

    def _unload(self, harness: Harness) -> None:
        with self._lock:
            self._bus.publish(Change(harness.id, State.UNLOADING))
            self._restock()
        harness.close()
        harness.stage = Stage.ENDED
        self._bus.publish(Change(harness.id, State.END))

    def _restock(self) -> None:
        ready = [(one.id, one.servable) for one in self._table.values() if one.stage is Stage.READY]
        self.shelf.replace((servable_id, servable) for servable_id, servable in ready if servable is not None)

    def _retry(self, harness: Harness, attempt: Callable[[], object]) -> None:
        retries = max(self._options.max_num_load_retries, 0)
        for left in range(retries, -1, -1):
            try:
                attempt()
            except LoadFailure as failure:
                log.error("Loading servable %s failed: %s", harness.id, failure)  # noqa: TRY400
                if left == 0 or self._is_unwanted(harness):
                    raise
            else:
                return
            self._closing.wait(max(0.0, self._options.load_retry_interval_seconds))

    def _is_unwanted(self, harness: Harness) -> bool:
        return self._closing.is_set() or not harness.is_aspired
