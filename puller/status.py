"""What the puller says of itself: the state of every version with its age, kept from pass to pass, and the news in it.

The same news is said once: an event or a log line follows a change of state or reason, never a pass.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice

from events.bounds import MAX_VERSIONS
from events.messages import Event, VersionIncomplete, VersionMutated, VersionRefused
from events.names import ModelName, Version
from events.status import MAX_MODELS, Progress, PulledVersion, Stage
from events.trouble import is_stuck_before_disk
from puller.view import Decision
from service import logs, metrics

log = logs.get("puller.status")

MAX_NOT_WANTED = 10  # of a model's versions that nobody asks for, the newest are shown
TROUBLE = frozenset({Stage.FAILED, Stage.NO_SPACE, Stage.INVALID, Stage.UNTRUSTED, Stage.MUTATED})


class Ledger:
    """The state of every version, as the last pass that looked at its model decided."""

    def __init__(self, *, emit: Callable[[Event], None], on_change: Callable[[], None]) -> None:
        """Keep what was given; nothing is known yet."""
        self._emit = emit
        self._on_change = on_change
        self._models: dict[ModelName, dict[Version, PulledVersion]] = {}

    def record(self, model: ModelName, decisions: tuple[Decision, ...], *, now: datetime) -> None:
        """Take over what was decided for a model, and tell what is new."""
        before = self._models.get(model, {})
        after = {
            decision.version: _entry(decision, before.get(decision.version), now) for decision in _shown(decisions)
        }
        if after == before:
            return
        if after:
            self._models[model] = after
        else:
            del self._models[model]
        for version, entry in after.items():
            known = before.get(version)
            if known is None or (known.state, known.reason) != (entry.state, entry.reason):
                self._tell(model, entry, is_new_state=known is None or known.state is not entry.state)
        self._on_change()

    def models(self, progress: Callable[[ModelName, Version], Progress | None]) -> dict[ModelName, list[PulledVersion]]:
        """All versions, for the report."""
        return {
            model: [
                entry.model_copy(update={"progress": progress(model, entry.version)})
                if entry.state is Stage.DOWNLOADING
                else entry
                for entry in versions.values()
            ]
            for model, versions in islice(sorted(self._models.items()), MAX_MODELS)
        }

    @property
    def problems(self) -> tuple[str, ...]:
        """The versions that somebody may have to look at, in words."""
        return tuple(
            f"{model} version {entry.version}: {entry.state.value}: {entry.reason}"
            for model, entries in sorted(self._models.items())
            for entry in entries.values()
            if entry.state in TROUBLE
        )

    def measure(self, now: datetime) -> None:
        """Bring the gauges of versions by state up to date."""
        versions = [entry for entries in self._models.values() for entry in entries.values()]
        counts = Counter(entry.state for entry in versions)
        stuck = Counter(entry.state for entry in versions if is_stuck_before_disk(entry, now))
        for stage in Stage:
            metrics.PULLED_VERSIONS.labels(state=stage.value).set(counts[stage])
            metrics.VERSIONS_STUCK.labels(state=stage.value).set(stuck[stage])

    def _tell(self, model: ModelName, entry: PulledVersion, *, is_new_state: bool) -> None:
        if is_new_state and entry.state is Stage.INCOMPLETE:
            log.info("version incomplete", model=model, version=entry.version, reason=entry.reason)
        if event := _news(model, entry):
            self._emit(event)


def _shown(decisions: tuple[Decision, ...]) -> Iterator[Decision]:
    """Leave out all but the newest of the versions that nobody asks for, and the oldest of what no report can hold."""
    surplus = sum(decision.stage is Stage.NOT_WANTED for decision in decisions[-MAX_VERSIONS:]) - MAX_NOT_WANTED
    for decision in decisions[-MAX_VERSIONS:]:
        if decision.stage is Stage.NOT_WANTED and surplus > 0:
            surplus -= 1
        else:
            yield decision


def _entry(decision: Decision, before: PulledVersion | None, now: datetime) -> PulledVersion:
    """Keep the age of a state that is still the same."""
    is_same = before is not None and before.state is decision.stage
    since = before.since if before is not None and is_same else now
    return PulledVersion(
        version=decision.version,
        state=decision.stage,
        reason=decision.reason,
        since=since,
        signed_by=decision.signed_by,
        provenance=decision.provenance,
    )


def _news(model: ModelName, entry: PulledVersion) -> Event | None:
    match entry.state:
        case Stage.INCOMPLETE:
            return VersionIncomplete(model=model, version=entry.version, reason=entry.reason)
        case Stage.INVALID | Stage.UNTRUSTED:
            return VersionRefused(model=model, version=entry.version, reason=entry.reason)
        case Stage.MUTATED:
            return VersionMutated(model=model, version=entry.version, reason=entry.reason)
        case _:
            return None
