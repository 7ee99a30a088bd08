"""Which versions may leave the disk. Pure.

A version goes when nothing needs it any more and that has been so for the grace time. Nobody needs what is not
wanted, not among the newest kept for rollback, not named in any config that TensorFlow Serving may hold, not among the
last good ones, and at its end or never heard of. What was put there by hand is never removed.
"""

from collections.abc import Mapping

from configurator.serving.applied_config import Key
from configurator.serving.states import State
from configurator.view import Model, View
from events import desired
from events.names import ModelName, Version
from service.isolation import Each, each

LOW_DISK_RETENTION = 1


def idle(view: View, *, retention: int, is_low: bool) -> Each[ModelName, dict[Version, str]]:
    """Name each model's versions that nobody needs, with the reason why not."""
    known = view.models if view.applied.config is not None else ()
    return each(known, lambda name: _idle(view, name, retention=retention, is_low=is_low))


def _idle(view: View, name: ModelName, *, retention: int, is_low: bool) -> dict[Version, str]:
    model = view.models[name]
    if model.is_unclear:
        return {}
    surplus = _surplus(model, _kept(model.policy.retention, retention, is_low=is_low))
    return {version: reason for version, reason in surplus.items() if _is_free(view, name, version)}


def note(since: Mapping[Key, float], idle: Mapping[Key, str], *, now: float) -> dict[Key, float]:
    """Remember since when each of them has not been needed."""
    return {key: since.get(key, now) for key in idle}


def due(since: Mapping[Key, float], *, now: float, grace_seconds: float) -> list[Key]:
    """Name those whose grace time is over."""
    return sorted(key for key, begin in since.items() if now - begin >= grace_seconds)


def _kept(policy: int | None, setting: int, *, is_low: bool) -> int:
    kept = setting if policy is None else policy
    return min(kept, LOW_DISK_RETENTION) if is_low else kept


def _surplus(model: Model, kept: int) -> dict[Version, str]:
    policy = model.policy
    needed = model.wanted | model.good | frozenset(desired.keep(policy, model.usable))
    rest = model.on_disk - model.by_hand - needed
    useless = {version: _reason(model, version) for version in rest}
    spare = sorted(version for version, reason in useless.items() if not reason)
    surplus = spare[: max(0, len(spare) - kept)]
    counted = dict.fromkeys(surplus, f"{kept} older version{' is' if kept == 1 else 's are'} kept, and not this one")
    return {version: reason for version, reason in useless.items() if reason} | counted


def _reason(model: Model, version: Version) -> str:
    """Say why a version is of no use even for a rollback; empty: it is."""
    if model.policy.removed:
        return "the model was removed"
    if version in model.quarantined:
        return f"it is in quarantine: {model.quarantined[version]}"
    return "an operator refused this version" if version in model.policy.refused else ""


def _is_free(view: View, name: ModelName, version: Version) -> bool:
    status = view.status((name, version))
    return (name, version) not in view.applied.possible and (status is None or status.state is State.END)
