"""The configurator's report: every model, every version, and why something is not as desired. Pure but for the ages."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from configurator import explain, hand_made
from configurator import plan as planning
from configurator.serving.applied_config import Key
from configurator.serving.states import State
from configurator.versions.disk import Folder
from configurator.view import Model, View
from events.desired import default_version
from events.names import ModelName, Version
from events.status import BY_HAND, MAX_LOCKING, MAX_MODELS, ReloadLock, ServedModel, ServedStage, ServedVersion
from service.isolation import Trouble, Troubles, each

STAGES = {
    State.START: ServedStage.LOADING,
    State.LOADING: ServedStage.LOADING,
    State.AVAILABLE: ServedStage.SERVING,
    State.UNLOADING: ServedStage.UNLOADING,
}
LOCK = "reload lock"
WORDS = {State.START: "its load has not begun", State.AVAILABLE: "not confirmed yet"}


@dataclass(slots=True)
class Ages:
    """Remembers since when things have been as they are."""

    clock: Callable[[], datetime]
    _since: dict[object, tuple[object, datetime]] = field(default_factory=dict)

    def of(self, thing: object, state: object, *, seconds: float = 0.0) -> datetime:
        """Tell since when a thing has been in this state; one that is new has been in it for so many seconds."""
        before = self._since.get(thing)
        if before is None or before[0] != state:
            before = self._since[thing] = (state, self.clock() - timedelta(seconds=seconds))
        return before[1]

    def keep(self, things: Collection[object]) -> None:
        """Forget all others."""
        self._since = {thing: since for thing, since in self._since.items() if thing in things}


def report(
    view: View, folders: Mapping[ModelName, Folder], *, idle: Mapping[Key, str], ages: Ages, troubles: Troubles
) -> dict[ModelName, ServedModel]:
    """Describe all models that are or should be there."""
    described = each(sorted(view.models), lambda name: _model(view, name, idle, ages))
    spoilt = {name: _spoilt(trouble, ages.of(name, "a bug")) for name, trouble in described.troubles.items()}
    models = {**troubles.take_all("report", described), **spoilt}
    found = {name: model for name, model in models.items() if _is_anything(model)}
    ages.keep({LOCK, *found, *((name, line.version) for name, model in found.items() for line in model.versions)})
    return {name: _dated(model, folders.get(name)) for name, model in islice(found.items(), MAX_MODELS)}


def reload_lock(view: View, ages: Ages) -> ReloadLock | None:
    """Name the new models that keep TensorFlow Serving from taking another reload; None where it would."""
    pending, holders = view.applied.pending, planning.awaited(view)
    if not pending or not holders:
        return None
    return ReloadLock(models=holders[:MAX_LOCKING], since=ages.of(LOCK, pending.sent, seconds=view.now - pending.sent))


def on_their_way(
    models: Mapping[ModelName, ServedModel], moving: Collection[ModelName]
) -> dict[ModelName, ServedModel]:
    """Mark the models whose difference is on its way to go."""
    return {
        name: model.model_copy(update={"is_moving": True}) if model.difference and name in moving else model
        for name, model in models.items()
    }


def _is_anything(model: ServedModel) -> bool:
    return bool(model.versions or model.desired or model.difference or model.not_managed)


def _spoilt(trouble: Trouble, since: datetime) -> ServedModel:
    return ServedModel(desired=(), serving=(), difference=trouble.reason, differs_since=since)


def _model(view: View, name: ModelName, idle: Mapping[Key, str], ages: Ages) -> ServedModel:
    model, entry = view.models[name], view.base.get(name)
    difference = explain.difference(view, name)
    since = ages.of(name, bool(difference))
    lines = (_version(view, name, version, idle) for version in _versions(model))
    serving = tuple(sorted(version for version in model.statuses if model.is_available(version)))
    return ServedModel(
        desired=tuple(sorted(explain.desired(model))),
        revision=model.revision,
        serving=serving,
        default_version=default_version(serving),
        labels=dict(entry.labels) if entry else {},
        difference=difference,
        is_moving=bool(difference) and explain.is_awaited(view, name),
        differs_since=since if difference else None,
        not_managed=hand_made.words(model) if model.is_unmanaged else "",
        versions=[
            ServedVersion(version=version, state=stage, reason=reason, since=ages.of((name, version), stage))
            for version, stage, reason in lines
        ],
    )


def _versions(model: Model) -> list[Version]:
    active = {version for version, status in model.statuses.items() if status.state is not State.END}
    return sorted(model.on_disk | active | model.quarantined.keys())


def _version(
    view: View, name: ModelName, version: Version, idle: Mapping[Key, str]
) -> tuple[Version, ServedStage, str]:
    model, status = view.models[name], view.models[name].statuses.get(version)
    if version in model.quarantined and not (status and status.is_active):
        return version, ServedStage.QUARANTINED, model.quarantined[version]
    if version in model.held:
        return version, ServedStage.QUARANTINED, model.held[version]
    if status and status.state in STAGES:
        reason = "" if version in model.good or model.is_unmanaged else WORDS.get(status.state, "")
        return version, STAGES[status.state], model.quarantined.get(version, reason)
    if (name, version) in idle:
        return version, ServedStage.REMOVING, idle[name, version]
    reason = BY_HAND if version in model.by_hand else "kept for a rollback"
    if model.is_unmanaged and version in model.wanted:
        return version, ServedStage.ON_DISK, "not served: a model of this name is not managed"
    return version, ServedStage.ON_DISK, "wanted" if version in model.wanted else reason


def _dated(model: ServedModel, folder: Folder | None) -> ServedModel:
    """Give quarantined versions the time of their record, which survives a restart.

    A report in the middle of a pass may know of a model whose folder has just been seen to be gone.
    """
    if folder is None:
        return model
    lines = [
        line.model_copy(update={"since": folder.quarantined[line.version].since})
        if line.state is ServedStage.QUARANTINED and line.version in folder.quarantined
        else line
        for line in model.versions
    ]
    return model.model_copy(update={"versions": lines})
