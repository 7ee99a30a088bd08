"""The last good versions, and the config file that TensorFlow Serving starts with. Pure.

A version is good once it was confirmed, and stays so while the config names it. A model whose versions vanish from
the config for any reason but an operator's or their own failure keeps its last good ones: they are what is served
next. The file holds of these what is known to load now, so that a start of TensorFlow Serving cannot fail by it.
"""

from collections.abc import Iterable, Mapping

from configurator.serving.applied_config import Key
from configurator.view import Model, View
from events.names import ModelName, Version
from service.isolation import Each, each

Good = Mapping[ModelName, frozenset[Version]]


def update(view: View, passed: Iterable[Key]) -> Each[ModelName, frozenset[Version]]:
    """Add what was confirmed in this pass, take out what is dropped, failed or removed; some may have none."""
    confirmed = frozenset(passed)
    return each(view.models, lambda name: _good(view, name, view.models[name], confirmed))


def startup_set(view: View, good: Good, before: Good) -> dict[ModelName, frozenset[Version]]:
    """Say what the config file should hold: the good versions that are available, or that it held before."""
    found = each(good, lambda name: _startable(view.models[name], good[name], before.get(name, frozenset())))
    kept = {name: before.get(name, frozenset()) for name in found.troubles}
    return {name: versions for name, versions in {**found.done, **kept}.items() if versions}


def _good(view: View, name: ModelName, model: Model, confirmed: frozenset[Key]) -> frozenset[Version]:
    if model.is_unclear or model.is_unmanaged:
        return model.good
    known = model.good | frozenset(version for other, version in confirmed if other == name)
    usable = known - model.quarantined.keys()
    config = view.applied.config
    if config is None or view.applied.pending:
        return usable
    if name not in config:
        return frozenset() if model.policy.removed else usable
    return usable & config[name].versions or usable


def _startable(model: Model, good: frozenset[Version], before: frozenset[Version]) -> frozenset[Version]:
    if model.is_unmanaged:
        return frozenset()
    available = frozenset(version for version in good if model.is_available(version))
    return (available or (good & before)) & model.on_disk
