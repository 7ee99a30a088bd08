"""Models that a config file written by hand names, outside the models directory: kept as they are, and not managed.

Their entries travel whole beside our own config, in the file and in every reload, so that nothing unloads them. A
reload names only those that TensorFlow Serving knows: to introduce one is not our work, and a stale entry would hold
up all reloads. An operator's word ends that (`Model.is_unmanaged`): a removal lets the model go, and a pin to a
version on disk puts that in its place.
"""

from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Protocol

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from configurator.serving.states import Status
from configurator.view import Model, View
from events.names import BadName, ModelName, Version
from events.wording import in_one_line
from service import logs
from service.isolation import Troubles, each_async

log = logs.get("configurator.hand_made")

PARALLEL_CALLS = 16  # as the observer's
MAX_SHOWN = 200  # characters of a name or path
MOST_WARNINGS = 20


ODD = (
    "of the config file is not managed and stays as it is. No command takes its name: to let it go, stop the"
    " configurator and take it out of the file"
)


class Serving(Protocol):
    """What TensorFlow Serving is asked."""

    def status(self, model: str) -> Coroutine[None, None, dict[Version, Status]]: ...


class HandMade:
    """The entries of others, and which of them TensorFlow Serving holds."""

    def __init__(self, serving: Serving, *, troubles: Troubles) -> None:
        self._serving = serving
        self._troubles = troubles
        self.entries: tuple[ModelConfig, ...] = ()
        self._known: frozenset[str] = frozenset()
        self._sent: frozenset[str] = frozenset()

    def keep(self, entries: tuple[ModelConfig, ...]) -> None:
        """Take over what the config file names now."""
        come, gone = _names(entries) - _names(self.entries), _names(self.entries) - _names(entries)
        self.entries = entries
        if come:
            log.warning("models of the config file are not managed; they stay as they are", models=_shown(come))
        if gone:
            log.warning("models of the config file are named there no more", models=_shown(gone))

    @property
    def models(self) -> dict[ModelName, ModelConfig]:
        """Return the entries whose names could be models of ours."""
        named = ((_model(entry), entry) for entry in self.entries)
        return {name: entry for name, entry in named if name is not None}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Name the models that no command can name."""
        odd = _shown(_names(self.entries) - self.models.keys())
        more = (f"and {len(odd) - MOST_WARNINGS} more such models",) if len(odd) > MOST_WARNINGS else ()
        return (*(f"model '{name}' {ODD}" for name in odd[:MOST_WARNINGS]), *more)

    async def ask(self) -> None:
        """Find out which of them TensorFlow Serving knows; who cannot be asked counts as known."""
        names = [entry.name for entry in self.entries]
        answers = await each_async(names, self._serving.status, at_once=PARALLEL_CALLS)
        self._troubles.take_all("hand-made", answers)
        unknown = {name for name, statuses in answers.done.items() if not statuses}
        self._known = frozenset(names) - unknown

    def carried(self, view: View) -> tuple[ModelConfig, ...]:
        """Return the entries that a reload has to name now."""
        ours = {name for name, model in view.models.items() if not model.is_unmanaged}
        return tuple(entry for entry in self.entries if entry.name in self._known and entry.name not in ours)

    def note_sent(self, entries: tuple[ModelConfig, ...]) -> None:
        """Remember what the last reload named."""
        self._sent = _names(entries)

    def is_other(self, view: View) -> bool:
        """Tell whether a reload has to name other entries than the last one did."""
        return _names(self.carried(view)) != self._sent

    def staying(self, view: View, startable: Mapping[ModelName, frozenset[Version]]) -> tuple[ModelConfig, ...]:
        """Return the entries without those of models that were let go, or that serve as ours now."""
        gone = {name for name in self.models if name in view.models and _is_over(view, name, startable)}
        return tuple(entry for entry in self.entries if entry.name not in gone)


def taken_over(model: Model, labels: Mapping[str, int]) -> Model:
    """Take what serves of a model that an operator pinned as good, so that it goes on until the pinned version serves.

    Only what is not on disk is: a version on disk is tested as any other. `labels` are those of the entry.
    """
    if model.is_unmanaged or model.policy.removed:
        return model
    serving = frozenset(version for version in model.statuses if model.is_available(version))
    places = {label: Version(number) for label, number in labels.items() if number in serving}
    return replace(model, good=model.good | (serving - model.on_disk), labels={**places, **model.labels})


def words(model: Model) -> str:
    """Say of an unmanaged model that it is, and what ends that."""
    path = in_one_line(model.hand_made or "", most=MAX_SHOWN)
    unknown = "" if model.statuses else ", and TensorFlow Serving does not know it"
    return (
        f"a config file written by hand names it, at {path}{unknown}. It stays as it is until `remove` lets it go,"
        " or `pin` puts a version on disk in its place"
    )


def _is_over(view: View, name: ModelName, startable: Mapping[ModelName, frozenset[Version]]) -> bool:
    model = view.models[name]
    return model.policy.removed or (not model.is_unmanaged and name in startable)


def _names(entries: tuple[ModelConfig, ...]) -> frozenset[str]:
    return frozenset(entry.name for entry in entries)


def _shown(names: frozenset[str]) -> list[str]:
    return [in_one_line(name, most=MAX_SHOWN) for name in sorted(names)]


def _model(entry: ModelConfig) -> ModelName | None:
    try:
        return ModelName.parse(entry.name)
    except BadName:
        return None
