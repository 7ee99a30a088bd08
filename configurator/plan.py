"""The next reload, decided from what is known. Pure.

Rules (DESIGN §7): the config is always whole and names versions only; what serves well stays until its successor is
confirmed; adding and dropping versions, moving labels, and introducing models are different reloads. A reload waits
for the models it introduces and for nothing else, and holds TensorFlow Serving's lock until the slowest has settled.
So all are introduced at once where nothing is served, a few seconds' worth where something is, and those that were
refused, or may have ended TensorFlow Serving, one by one after all others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from configurator.activity import had_time, suspected_before
from configurator.serving.applied_config import Config, Entry, Key, PendingReload
from configurator.serving.states import State
from configurator.view import Model, View
from events.names import ModelName, Version
from service.isolation import Each, each

READD_SECONDS = 2.5  # two file system polls and a turn of the manager, after which a version may be named again
STUCK_SECONDS = 15.0  # a healthy reload has its new model at START within a poll; the rest is room for a busy machine


class Kind(Enum):
    """What a reload is for."""

    ADOPT = "say again what is served"
    VERSIONS = "add or drop versions"
    LABELS = "move labels"
    NEW = "introduce models"


@dataclass(frozen=True, slots=True)
class Reload:
    """A config to send. `new` are the models that the reload will wait for."""

    kind: Kind
    config: Config
    changed: frozenset[ModelName]
    new: frozenset[ModelName] = frozenset()


@dataclass(frozen=True, slots=True)
class Stuck:
    """The reload in flight waits for what does not come."""

    models: tuple[ModelName, ...]  # introduced by it, and not settled
    missing: tuple[Key, ...] = ()  # named, and not on disk
    given_up: tuple[Key, ...] = ()  # versions that are loading without end, or of models that an operator removed
    is_removed: bool = False  # given up for that alone: the reload may still come back by itself


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, and which models are not where they should be yet."""

    reload: Reload | None = None
    stuck: Stuck | None = None
    is_over: bool = False  # the overdue reload in flight has ended without telling us
    moving: frozenset[ModelName] = frozenset()
    settled: Each[ModelName, "Target"] = field(
        default_factory=lambda: Each({}, {})
    )  # those in trouble stay as they are


@dataclass(frozen=True, slots=True)
class Target:
    """What the config should name for a model now, and then with its labels where they should be."""

    entry: Entry | None
    labelled: Entry | None
    is_moving: bool = False


def plan(view: View) -> Plan:
    """Choose the next reload."""
    settled = each(view.models, lambda name: _settle(view, name))
    base = view.base
    stays = {name: Target(base.get(name), base.get(name)) for name in settled.troubles}
    targets = {**settled.done, **stays}
    moving = frozenset(name for name, found in targets.items() if found.is_moving)
    if view.applied.pending:
        return Plan(stuck=stuck(view), is_over=_is_over(view), moving=moving, settled=settled)
    if view.now < view.applied.not_before:
        return Plan(moving=moving, settled=settled)
    return Plan(_reload(view, base, targets), moving=moving, settled=settled)


def _settle(view: View, name: ModelName) -> Target:
    if view.models[name].is_unmanaged:
        return Target(None, None)
    entry = target(view, name)
    labelled = replace(entry, labels=labels(view.models[name], entry)) if entry else None
    if view.models[name].is_unclear:
        return Target(entry, entry)
    return Target(entry, labelled, bool(view.models[name].waits) or _is_moving(view, name, labelled))


def removes(view: View) -> bool:
    """Tell whether the next reload would take a model out that an operator removed."""
    if view.applied.pending or view.now < view.applied.not_before:
        return False
    gone = each(view.base.keys() & view.models.keys(), lambda name: view.models[name].policy.removed)
    return any(gone.done.values())


def target(view: View, name: ModelName) -> Entry | None:
    """Say what the config should name for a model now; None: nothing. Labels stay where they are."""
    model, current = view.models[name], view.base.get(name)
    if model.is_unclear:
        return replace(current, is_held=current.is_held or not model.has_folder) if current else None
    if model.policy.removed:
        return None
    versions = _versions(view, name)
    if not versions:
        return None
    places = current.labels if current else {}
    kept = {label: version for label, version in places.items() if version in versions}
    return Entry(versions, kept, is_held=model.needs_stand_in(versions))


def labels(model: Model, entry: Entry) -> dict[str, Version]:
    """Say where a model's labels should point now: where they should, if that is confirmed, else where they do."""
    ready = model.confirmed & entry.versions
    places = ((label, (version, entry.labels.get(label))) for label, version in model.policy.labels.items())
    found = {label: next((place for place in order if place in ready), None) for label, order in places}
    return {label: version for label, version in found.items() if version is not None}


def stuck(view: View) -> Stuck | None:
    """Tell whether the reload in flight waits for what does not come."""
    pending = view.applied.pending
    if not pending or _is_over(view):
        return None
    models = awaited(view)
    if removed := tuple(name for name in models if view.models[name].policy.removed):
        return Stuck(removed, given_up=_named(pending, removed), is_removed=True)
    return _stuck(view, pending, models) if view.now - pending.sent >= STUCK_SECONDS else None


def _stuck(view: View, pending: PendingReload, models: tuple[ModelName, ...]) -> Stuck | None:
    given_up = _named(pending, models)
    if given_up and all(version in view.models[name].quarantined for name, version in given_up):
        return Stuck(models, given_up=given_up)
    if loading := _loading(view):
        is_without_end = all(version in view.models[name].quarantined for name, version in loading)
        return Stuck((), given_up=loading) if is_without_end and not pending.new else None
    if not had_time(view, pending.sent, STUCK_SECONDS):
        return None
    missing = tuple(key for key in _named(pending, pending.config) if key[1] not in view.models[key[0]].on_disk)
    return Stuck(models, missing=missing)


def awaited(view: View) -> tuple[ModelName, ...]:
    """Name the models that the reload in flight waits for: introduced by it, and no version has settled."""
    pending = view.applied.pending
    return tuple(name for name in sorted(pending.new) if not _has_settled(view, name, pending)) if pending else ()


def _named(pending: PendingReload, names: Iterable[ModelName]) -> tuple[Key, ...]:
    return tuple((name, version) for name in sorted(names) for version in sorted(pending.config[name].versions))


def _versions(view: View, name: ModelName) -> frozenset[Version]:
    model, current = view.models[name], view.base.get(name)
    wanted, confirmed = model.wanted, model.confirmed
    if wanted and wanted <= confirmed:
        held = frozenset(current.labels.values()) if current else frozenset()
        return wanted | (held & confirmed)
    kept = confirmed or (model.good & model.candidates)
    return frozenset(version for version in wanted | kept if _may_name(view, (name, version)))


def _may_name(view: View, key: Key) -> bool:
    """Tell whether a version is named already, or has been gone for long enough to be named again."""
    name, version = key
    current = view.base.get(name)
    if current:
        return version in current.versions or (_is_at_rest(view, key) and suspected_before(view, key) is None)
    return all(_is_at_rest(view, (name, other)) for other in {version, *view.models[name].statuses})


def _is_at_rest(view: View, key: Key) -> bool:
    status, since = view.status(key), view.applied.dropped.get(key)
    if since is None:
        return status is None
    return (status is None or status.state is State.END) and had_time(view, since, READD_SECONDS)


def _reload(view: View, base: Config, targets: Mapping[ModelName, Target]) -> Reload | None:
    if view.applied.config is None:
        return Reload(Kind.ADOPT, base, frozenset()) if view.models else None
    known = {name: targets[name].entry if name in targets else None for name in base}
    merged = {name: entry for name, entry in known.items() if entry is not None}
    if changed := frozenset(name for name, entry in known.items() if entry != base[name]):
        return Reload(Kind.VERSIONS, merged, changed)
    moved = {name: targets[name].labelled or entry for name, entry in merged.items()}
    if changed := frozenset(name for name in merged if moved[name] != merged[name]):
        return Reload(Kind.LABELS, moved, changed)
    return _introduction(view, base, targets)


def _introduction(view: View, base: Config, targets: Mapping[ModelName, Target]) -> Reload | None:
    if not all(view.models[name].has_folder or entry.is_held for name, entry in base.items()):
        return None
    new = {name: found.entry for name, found in targets.items() if found.entry is not None and name not in base}
    if not new:
        return None
    doubts = {name: _doubts(view, name, entry) for name, entry in new.items()}
    ranked = sorted(new, key=lambda name: (doubts[name], not view.models[name].good, name))
    width = view.applied.width if view.served else len(ranked)
    sound = [name for name in ranked if not doubts[name]]
    names = frozenset(sound[:width] or ranked[:1])
    return Reload(Kind.NEW, {**base, **{name: new[name] for name in names}}, names, names)


def _doubts(view: View, name: ModelName, entry: Entry) -> int:
    """Count what speaks against introducing a model together with others."""
    crashes = max(view.applied.crashes.get((name, version), 0) for version in entry.versions)
    return view.applied.refused.get(name, 0) + crashes


def _is_moving(view: View, name: ModelName, labelled: Entry | None) -> bool:
    model, current = view.models[name], view.base.get(name)
    named = current.versions if current else frozenset()
    if any(status.state is not State.END for version, status in model.statuses.items() if version not in named):
        return True
    if labelled is None or current is None:
        return current is not None or bool(model.wanted | (model.good & model.candidates))
    return labelled != current or not labelled.versions | model.wanted <= model.confirmed


def _is_over(view: View) -> bool:
    """Tell whether the models that an overdue reload waited for have settled, which set the server free."""
    pending = view.applied.pending
    if not pending or not pending.is_overdue:
        return False
    if not pending.new:
        return not _loading(view) and view.now >= view.applied.not_before
    return not awaited(view)


def _has_settled(view: View, name: ModelName, pending: PendingReload) -> bool:
    statuses = [view.status((name, version)) for version in pending.config[name].versions]
    return any(status and (status.is_available or status.state is State.END) for status in statuses)


def _loading(view: View) -> tuple[Key, ...]:
    return tuple(sorted(key for key, status in view.statuses.items() if status.state in {State.START, State.LOADING}))
