"""The config that TensorFlow Serving holds, as far as it is known: it cannot be asked for it.

Each function takes the old knowledge and returns the new. OK to a reload makes the config known; any other end, and
any loss of the connection, makes it unknown, and then whatever was ever sent since may be what it holds.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from events.names import ModelName, Version

Key = tuple[ModelName, Version]
RETRY_SECONDS = 1.0
RETRY_MAX_SECONDS = 60.0
HOLD_SECONDS = 10.0  # reloads that introduce models are made as wide as keeps TensorFlow Serving's lock for so long


@dataclass(frozen=True, slots=True)
class Entry:
    """A model in a config: exactly these versions, and its labels.

    A version that serves from memory after its files vanished is held: its base path is a stand-in, because a missing
    one keeps TensorFlow Serving from updating any model, and an empty one unloads the version.
    """

    versions: frozenset[Version]
    labels: Mapping[str, Version] = field(default_factory=dict)
    is_held: bool = False


Config = Mapping[ModelName, Entry]


@dataclass(frozen=True, slots=True)
class Asked:
    """A version that is named in the config."""

    since: float
    is_stale: bool  # what TensorFlow Serving says of it is from before
    loading_since: float | None = None


@dataclass(frozen=True, slots=True)
class PendingReload:
    """A reload that has not come back. When its deadline has passed the server may still be at it."""

    config: Config
    new: frozenset[ModelName]  # the models it introduces, for each of which it waits
    sent: float
    is_adoption: bool = False  # it only says again what is served
    is_overdue: bool = False


@dataclass(frozen=True, slots=True)
class AppliedConfig:
    """What is known of the config that one TensorFlow Serving process holds, and of what was asked of it."""

    config: Config | None = None  # None: not known
    pending: PendingReload | None = None
    possible: frozenset[Key] = frozenset()  # named by any config that it may hold
    asked: Mapping[Key, Asked] = field(default_factory=dict)
    dropped: Mapping[Key, float] = field(default_factory=dict)  # since when a version it knows of is not named
    crashes: Mapping[Key, int] = field(default_factory=dict)  # how often it went away while this version was loading
    suspects: frozenset[Key] = frozenset()  # counted at the last loss, on the word of the connection alone
    ended: frozenset[Key] = frozenset()  # what it showed at their end then; it forgets them when it begins anew
    refused: Mapping[ModelName, int] = field(default_factory=dict)  # how often the introduction of a model failed
    width: int = 1  # how many models one reload may introduce where others are served
    failures: int = 0  # reloads that failed in a row, those aside that say again what is served
    not_before: float = 0.0


def keys(config: Config) -> frozenset[Key]:
    """List the versions a config names."""
    return frozenset((name, version) for name, entry in config.items() for version in entry.versions)


def send(applied: AppliedConfig, pending: PendingReload, *, ended: Iterable[Key]) -> AppliedConfig:
    """Note that a reload is on its way; `ended` are the versions that TensorFlow Serving shows at their end."""
    named, stale = keys(pending.config), frozenset(ended)
    asked = {key: applied.asked.get(key) or Asked(pending.sent, is_stale=key in stale) for key in named}
    return replace(applied, pending=pending, possible=applied.possible | named, asked=asked)


def accept(applied: AppliedConfig, *, known: Iterable[Key], now: float) -> AppliedConfig:
    """Note that the reload in flight came back with OK; `known` are all versions TensorFlow Serving speaks of."""
    if applied.pending is None:
        return applied
    config = applied.pending.config
    named = keys(config)
    gone = (frozenset(known) | applied.possible) - named
    dropped = {key: applied.dropped.get(key, now) for key in gone | applied.dropped.keys() if key not in named}
    failures = applied.failures if applied.pending.is_adoption else 0
    return replace(
        applied,
        config=config,
        pending=None,
        possible=named,
        dropped=dropped,
        width=_width(applied, applied.pending, now),
        failures=failures,
    )


def reject(applied: AppliedConfig, *, now: float, served: Collection[ModelName] = ()) -> AppliedConfig:
    """Note that the reload in flight came back with an error: what it changed must be seen from the outcome.

    Of the models it introduced, those that are `served` were not refused.
    """
    refused = {**applied.refused}
    for name in applied.pending.new.difference(served) if applied.pending else ():
        refused[name] = refused.get(name, 0) + 1
    delay = min(RETRY_MAX_SECONDS, RETRY_SECONDS * (2.0 ** min(applied.failures, 10) - 1))
    failures = applied.failures + 1
    return replace(applied, config=None, pending=None, refused=refused, failures=failures, not_before=now + delay)


def expire(applied: AppliedConfig, *, now: float) -> AppliedConfig:
    """Note that the reload in flight did not come back before its deadline."""
    if applied.pending is None:
        return applied
    return replace(
        applied, config=None, pending=replace(applied.pending, is_overdue=True), not_before=now + RETRY_MAX_SECONDS
    )


def doubt(applied: AppliedConfig) -> AppliedConfig:
    """Take the config as unknown, so that it is sent again."""
    return applied if applied.pending else replace(applied, config=None)


def lose(applied: AppliedConfig, loading: Iterable[Key], *, ended: Iterable[Key]) -> AppliedConfig:
    """Note that the connection was lost, so that another TensorFlow Serving may be behind the next one."""
    crashes, suspects = {**applied.crashes}, frozenset(loading)
    for key in suspects:
        crashes[key] = crashes.get(key, 0) + 1
    return AppliedConfig(possible=applied.possible, crashes=crashes, suspects=suspects, ended=frozenset(ended))


def back(applied: AppliedConfig, *, known: Iterable[Key], ended: Iterable[Key]) -> AppliedConfig:
    """Note the first answer after a loss: one that knows what it ended, or is loading, never went away."""
    is_same = bool(applied.suspects & frozenset(known)) or (bool(applied.ended) and applied.ended <= frozenset(ended))
    counts = {key: count - (is_same and key in applied.suspects) for key, count in applied.crashes.items()}
    crashes = {key: count for key, count in counts.items() if count}
    return replace(applied, crashes=crashes, suspects=frozenset(), ended=frozenset())


def see(applied: AppliedConfig, *, ended: Iterable[Key], loading: Iterable[Key], now: float) -> AppliedConfig:
    """Take note of what TensorFlow Serving says of the versions that were asked for, by an earlier life perhaps."""
    at_end, in_load = frozenset(ended), frozenset(loading)
    known = {**{key: Asked(now, is_stale=False) for key in in_load}, **applied.asked}
    asked = {key: _seen(one, key in at_end, key in in_load, now) for key, one in known.items()}
    return replace(applied, asked=asked) if asked != applied.asked else applied


def forget(applied: AppliedConfig, key: Key) -> AppliedConfig:
    """Give a version a clean record."""
    return replace(applied, crashes={other: count for other, count in applied.crashes.items() if other != key})


def _width(applied: AppliedConfig, pending: PendingReload, now: float) -> int:
    """Twice as many as were introduced now, at most as many as would take HOLD_SECONDS at this rate."""
    count, seconds = len(pending.new), max(now - pending.sent, 0.001)
    return max(1, min(2 * count, int(count * HOLD_SECONDS / seconds))) if count else applied.width


def _seen(one: Asked, is_at_end: bool, is_loading: bool, now: float) -> Asked:  # noqa: FBT001 - private, two facts
    since = one.loading_since
    loading_since = (now if since is None else since) if is_loading else None
    return Asked(one.since, one.is_stale and is_at_end, loading_since)
