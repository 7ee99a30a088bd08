"""Turns what changed between two passes into events, log lines and metrics, each change once."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

from configurator import activity, explain
from configurator.plan import Reload
from configurator.serving.applied_config import Key
from configurator.serving.states import State, Status
from configurator.view import View
from events.messages import (
    Event,
    LoadEndless,
    ReloadFailed,
    ReloadSent,
    ServingLost,
    ServingStarted,
    VersionAvailable,
    VersionQuarantined,
    VersionRemoved,
    VersionServed,
    VersionUnloaded,
)
from events.names import ModelName
from events.status import Connection
from events.wording import first_line
from service import logs, metrics
from service.isolation import Troubles, each

log = logs.get("configurator.news")


class EventEmitter:
    """Tells what happened; `serving` is the connection as the report shows it."""

    def __init__(self, emit: Callable[[Event], None], *, troubles: Troubles) -> None:
        self._emit = emit
        self._troubles = troubles
        self._states: dict[Key, State] = {}
        self._available: set[Key] = set()
        self._endless: frozenset[Key] = frozenset()
        self._refusal = ""
        self._has_answered = False
        self.serving = Connection(is_connected=False, since=datetime.now(UTC), reason="not asked yet")

    def answered(self) -> None:
        """Tell that TensorFlow Serving answers or, after a loss, that it is back and will be told everything again."""
        if self.serving.is_connected:
            return
        self.serving = Connection(is_connected=True, since=datetime.now(UTC))
        metrics.SERVING_CONNECTED.set(1)
        log.info("tensorflow serving answers; the config is sent anew")
        if self._has_answered:
            self._emit(ServingStarted())
        self._has_answered = True

    def lost(self, reason: str) -> None:
        """Tell that it does not answer, or that it may be another one."""
        if self.serving.is_connected:
            self._emit(ServingLost(reason=reason))
            log.warning("tensorflow serving lost; it keeps being tried", reason=reason)
        if self.serving.is_connected or self.serving.reason != reason:
            since = datetime.now(UTC) if self.serving.is_connected else self.serving.since
            self.serving = Connection(is_connected=False, since=since, reason=reason)
        metrics.SERVING_CONNECTED.set(0)
        self._states, self._available, self._endless = {}, set(), frozenset()

    def seen(self, view: View) -> None:
        """Tell which versions became available, which are unloaded, and which loads never end."""
        statuses = view.statuses
        self._troubles.take_all("news", each(statuses, lambda key: self._see(view, key, statuses[key])))
        self._states = {key: status.state for key, status in statuses.items()}
        endless = frozenset(activity.endless(view))
        for key in sorted(endless - self._endless):
            reason = explain.alarm(view, [key])
            self._emit(LoadEndless(model=key[0], version=key[1], reason=reason))
            log.error("load never ends", model=key[0], version=key[1], reason=reason)
        self._endless = endless

    def _see(self, view: View, key: Key, status: Status) -> None:
        asked = view.applied.asked.get(key)
        if status.is_available and asked and key not in self._available:
            self._became_available(view, key, asked.since)
        if status.state is State.END and self._states.get(key, State.END) is not State.END:
            self._ended(key, status)

    def sent(self, reload: Reload) -> None:
        """Tell that a reload is on its way."""
        log.info("reload sent", purpose=reload.kind.value, models=sorted(reload.changed))
        for name in sorted(reload.changed & reload.config.keys()):
            versions = tuple(sorted(reload.config[name].versions))
            self._emit(ReloadSent(model=name, version=versions[-1], versions=versions))

    def refused(self, models: Collection[ModelName], reason: str) -> None:
        """Tell that a reload failed; of a load that failed the version itself tells the whole."""
        reason = first_line(reason)
        if reason != self._refusal:
            self._refusal = reason
            self._emit(ReloadFailed(model=next(iter(models)) if len(models) == 1 else None, reason=reason))
            log.warning("reload failed; looking what became of it", models=sorted(models), reason=reason)

    def accepted(self) -> None:
        """Note that reloads work, so that the next failure is news."""
        self._refusal = ""

    def passed(self, keys: Iterable[Key], *, with_sample: Collection[Key]) -> None:
        """Tell that versions are confirmed."""
        for key in keys:
            name, version = key
            self._emit(VersionServed(model=name, version=version, has_sample=key in with_sample))
            log.info("version served", model=name, version=version, smoke=key in with_sample)

    def quarantined(self, key: Key, reason: str) -> None:
        """Tell that a version will not be tried again."""
        self._emit(VersionQuarantined(model=key[0], version=key[1], reason=reason))
        metrics.QUARANTINED.inc()
        log.error("version quarantined", model=key[0], version=key[1], reason=reason)

    def removed(self, key: Key, reason: str) -> None:
        """Tell that a version is no longer on disk."""
        self._emit(VersionRemoved(model=key[0], version=key[1], reason=reason))
        metrics.VERSIONS_REMOVED.inc()
        log.info("version removed", model=key[0], version=key[1], reason=reason)

    def _became_available(self, view: View, key: Key, since: float) -> None:
        self._available.add(key)
        name, version = key
        if version in view.models[name].good:
            return
        seconds = round(view.now - since, 6)
        self._emit(VersionAvailable(model=name, version=version, seconds=seconds))
        metrics.LOAD_SECONDS.observe(seconds)
        log.info("version available", model=name, version=version, seconds=seconds)

    def _ended(self, key: Key, status: Status) -> None:
        self._available.discard(key)
        if status.code:
            return
        self._emit(VersionUnloaded(model=key[0], version=key[1]))
        log.info("version unloaded", model=key[0], version=key[1])
