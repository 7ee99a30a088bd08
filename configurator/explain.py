"""Why a model is not served as it is desired, in words for the operator. Pure."""

from collections.abc import Sequence

from configurator import plan as planning
from configurator.activity import doing, endless, had_time, holder, lasting, suspected_before
from configurator.serving.applied_config import Key
from configurator.serving.states import State
from configurator.view import DEFAULT, Model, View
from events.desired import Latest, Pinned
from events.names import ModelName, Version
from events.status import SERVING_AWAY
from events.wording import few

SHOWN = 3


def difference(view: View, name: ModelName) -> str:
    """Say what stands between desired and serving; empty when nothing does."""
    model = view.models[name]
    if view.is_away:
        return SERVING_AWAY
    if troubles := _troubles(view, name):
        return "; ".join(troubles)
    if model.policy.removed:
        return "the model is removed; it is being unloaded" if model.confirmed or name in view.base else ""
    if model.is_unmanaged:
        return "; ".join(_waiting(view, name, version) for version in sorted(desired(model)))
    reasons = [*_unchosen(model), *(_waiting(view, name, version) for version in sorted(desired(model)))]
    reasons += _left(view, name) + [_label(view, name, label) for label in sorted(model.policy.labels)]
    return "; ".join(dict.fromkeys(reason for reason in reasons if reason))


def _troubles(view: View, name: ModelName) -> list[str]:
    """Say what went wrong in the pass with this model and its versions."""
    own = [view.troubles[name]] if name in view.troubles else []
    keys = sorted(key for key in view.troubles if isinstance(key, tuple) and key[0] == name)
    return own + [f"version {key[1]}: {view.troubles[key]}" for key in keys]


def desired(model: Model) -> frozenset[Version]:
    """Name the versions an operator can expect to be served: those wanted, and those pinned that cannot be."""
    if model.policy.removed:
        return model.wanted
    pinned = model.policy.want.versions if isinstance(model.policy.want, Pinned) else ()
    wanted = frozenset() if model.is_unmanaged else model.wanted
    return (wanted | frozenset(pinned)) - frozenset(model.policy.refused)


def is_awaited(view: View, name: ModelName) -> bool:
    """Tell whether a model waits for its puller alone: nothing that is missing of it is on disk, or was refused."""
    model = view.models[name]
    if view.is_away or model.policy.removed or _troubles(view, name):
        return False
    missing = desired(model) - model.confirmed
    return bool(missing) and missing.isdisjoint(model.on_disk | model.quarantined.keys())


def alarm(view: View, lost: Sequence[Key]) -> str:
    """Say which loads do not end, and what that costs; empty when there are none."""
    if not lost:
        return ""
    doings = ", ".join(doing(view, key) for key in lost[:SHOWN])
    return f"TensorFlow Serving has been {doings}, and cannot stop that; restart it to get its load thread back"


def held_up(view: View) -> frozenset[ModelName]:
    """Name the models of which a version waits for a load thread that does not come back."""
    if not endless(view):
        return frozenset()
    asked = view.applied.asked
    waiting = (key for key, status in view.statuses.items() if status.state is State.START and key in asked)
    return frozenset(key[0] for key in waiting if view.now - asked[key].since >= planning.STUCK_SECONDS)


def models(names: Sequence[ModelName]) -> str:
    """Name models, the first few of many."""
    return f"model{'s' if len(names) > 1 else ''} {few(names, most=SHOWN)}"


def _unchosen(model: Model) -> list[str]:
    """Explain newer versions that were passed over, and the absence of any."""
    reasons = []
    if isinstance(model.policy.want, Latest) and model.quarantined:
        newest = max(model.quarantined)
        if newest > max(model.wanted, default=-1) and not model.policy.paused:
            reasons.append(f"version {newest} is in quarantine: {model.quarantined[newest]}")
    reasons += _passed_over(model)
    if model.policy.paused and model.chosen - model.wanted:
        reasons.append(f"version {max(model.chosen - model.wanted)} waits because updates are paused")
    is_only_named = model.policy == DEFAULT and not (model.on_disk or model.statuses or model.quarantined)
    if not model.wanted and not reasons and isinstance(model.policy.want, Latest) and not is_only_named:
        reasons.append("no version that can be served is on disk")
    gone = sorted(model.confirmed - model.on_disk)
    reasons += [f"version {version} serves from memory, its files are gone from disk" for version in gone]
    if not model.wanted and model.confirmed:
        reasons.append(f"version {max(model.confirmed)} goes on serving until another is there or the model is removed")
    return reasons


def _passed_over(model: Model) -> list[str]:
    """Name the newest version that waits because of other nodes, where it would be followed."""
    later = [version for version in {*model.held, *model.waits} if version > max(model.wanted, default=-1)]
    if not later or model.policy.paused or not isinstance(model.policy.want, Latest):
        return []
    return [_for_others(model, max(later))]


def _for_others(model: Model, version: Version) -> str:
    return f"version {version} waits: {model.held.get(version) or model.waits[version]}"


def _waiting(view: View, name: ModelName, version: Version) -> str:
    model = view.models[name]
    if version in model.confirmed:
        return ""
    if version in model.held or version in model.waits:
        return _for_others(model, version)
    if version in model.quarantined:
        return f"version {version} is in quarantine: {model.quarantined[version]}"
    if version not in model.on_disk:
        return f"version {version} is not on disk yet"
    pending = view.applied.pending
    entry = (pending.config if pending else view.base).get(name)
    if entry is None or version not in entry.versions:
        return f"version {version} waits for {_turn(view, name, version)}"
    return _progress(view, (name, version))


def _turn(view: View, name: ModelName, version: Version) -> str:
    pending = view.applied.pending
    since = lasting(view.now - pending.sent) if pending else ""
    if (stuck := planning.stuck(view)) and not stuck.is_removed:
        where = f" at {models(stuck.models)}{since}" if stuck.models else since
        return f"TensorFlow Serving, whose last reload is stuck{where}; if that stays so, restart it"
    if holders := planning.awaited(view):
        return f"its turn: TensorFlow Serving is busy with {models(holders)}{since}"
    if before := suspected_before(view, (name, version)):
        return (
            f"version {before[1]} of model {before[0]}: TensorFlow Serving went away while it was loading both,"
            " so they are tried one after the other"
        )
    if planning.target(view, name) is None:
        words = "TensorFlow Serving to finish with its earlier instance"
    else:
        words = "its turn"
    held = None if pending else holder(view)
    return f"{words}: TensorFlow Serving {_is_held(view, held)}" if held else words


def _progress(view: View, key: Key) -> str:
    version, status, asked = key[1], view.status(key), view.applied.asked.get(key)
    if status and status.state is State.AVAILABLE:
        return f"version {version} is available and not confirmed yet"
    if status and status.state is State.LOADING:
        age = lasting(view.now - view.activity.since.get(key, view.now))
        return f"version {version} is being loaded{',' if age else ''}{age}"
    is_early = asked is None or view.now - asked.since < planning.STUCK_SECONDS
    if status and status.state is State.START:
        return f"version {version} is being loaded" if is_early else f"version {version} waits for {_thread(view)}"
    words = f"version {version} was asked for, and TensorFlow Serving has not begun to load it"
    if asked is None or is_early:
        return words
    if not had_time(view, asked.since, planning.STUCK_SECONDS) and (held := holder(view)):
        return f"{words}: it {_is_held(view, held)}"
    return f"{words}; is it polling its folders (--file_system_poll_wait_seconds=1)? If so, restart it"


def _thread(view: View) -> str:
    """Say what keeps a version from being loaded that TensorFlow Serving has taken up."""
    if endless(view):
        return f"a load thread: {alarm(view, endless(view))}"
    if held := holder(view):
        return f"its load: TensorFlow Serving {_is_held(view, held)}"
    return "a load thread"


def _is_held(view: View, held: Key) -> str:
    return f"has been {doing(view, held)}, and begins nothing else while that waits for a request being answered"


def _left(view: View, name: ModelName) -> list[str]:
    model, entry = view.models[name], view.base.get(name)
    if entry is None or not model.wanted or not model.wanted <= model.confirmed:
        return []
    extra = sorted(entry.versions - model.wanted - frozenset(entry.labels.values()))
    unloading = sorted(version for version in model.statuses if model.is_available(version))
    reasons = [f"version {version} is on its way out" for version in extra]
    reasons += [f"version {version} is about to be unloaded" for version in unloading if version not in entry.versions]
    return reasons


def _label(view: View, name: ModelName, label: str) -> str:
    model, entry = view.models[name], view.base.get(name)
    version = model.policy.labels[label]
    if entry and entry.labels.get(label) == version:
        return ""
    if version in model.confirmed:
        return f"label {label} is about to move to version {version}"
    return f"label {label} waits until version {version} is served"
