"""What one pass knows: the disk, desired state, TensorFlow Serving's states, and the config that it holds. Values only.

`judge`, `plan`, `retention` and `explain` decide on a `View` and on nothing else, so each of them can be tested with
tables, and all of them together against a simulated TensorFlow Serving.
"""

import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from configurator.serving.applied_config import AppliedConfig, Config, Entry, Key
from configurator.serving.states import State, Status
from events import desired
from events.desired import Pinned, Policy
from events.names import ModelName, Version

DEFAULT = Policy()


@dataclass(frozen=True, slots=True)
class Model:
    """All that is known of one model."""

    policy: Policy = DEFAULT
    revision: int = 0  # of the desired document that the policy is of
    on_disk: frozenset[Version] = frozenset()
    by_hand: frozenset[Version] = frozenset()  # on disk without our receipt
    has_folder: bool = True  # its base path is there; without one TensorFlow Serving updates no model at all
    quarantined: Mapping[Version, str] = field(
        default_factory=dict
    )  # version -> reason, for the bytes that are on disk
    statuses: Mapping[Version, Status] = field(default_factory=dict)
    labels: Mapping[str, Version] = field(default_factory=dict)  # as found; asked for only while the config is unknown
    good: frozenset[Version] = frozenset()  # the last versions that were confirmed
    extended: frozenset[Version] = frozenset()  # got files after they were published, and were not tested since
    is_unclear: bool = False  # something could not be read of it in this pass, so it is left as it is
    held: Mapping[Version, str] = field(default_factory=dict)  # not to be loaded before an operator says so -> why
    waits: Mapping[Version, str] = field(default_factory=dict)  # not to be loaded yet, because of other nodes -> why
    hand_made: str | None = None  # the base path of an entry that somebody else wrote into the config file

    @property
    def is_unmanaged(self) -> bool:
        """Whether the entry of somebody else holds: no operator removed the model, nor pinned what can be served."""
        if self.hand_made is None or self.policy.removed:
            return False
        pinned = self.policy.want.versions if isinstance(self.policy.want, Pinned) else ()
        return self.candidates.isdisjoint(pinned)

    @property
    def candidates(self) -> frozenset[Version]:
        """The versions that could be served."""
        return self.usable - self.held.keys() - self.waits.keys()

    @property
    def usable(self) -> frozenset[Version]:
        """The versions on disk that are not in quarantine, those that wait among them."""
        return self.on_disk - self.quarantined.keys()

    @property
    def confirmed(self) -> frozenset[Version]:
        """The versions that are available and were found to answer right."""
        return frozenset(version for version in self.good if self.is_available(version))

    @property
    def chosen(self) -> frozenset[Version]:
        """What the policy would ask for among the candidates if updates were not paused."""
        return frozenset(desired.choose(self.policy, self.candidates))

    @property
    def wanted(self) -> frozenset[Version]:
        """What shall be served now; while updates are paused, nothing newer than what was served."""
        return frozenset(desired.choose(self.policy, self.candidates, served=self.good))

    def is_available(self, version: Version) -> bool:
        """Whether TensorFlow Serving answers for a version."""
        return version in self.statuses and self.statuses[version].is_available

    def needs_stand_in(self, versions: frozenset[Version]) -> bool:
        """Whether TensorFlow Serving would not find all of these under the model's own base path."""
        return not (self.has_folder and versions <= self.on_disk)


@dataclass(frozen=True, slots=True)
class Activity:
    """What TensorFlow Serving was seen to do; times are monotonic."""

    states: Mapping[Key, State] = field(default_factory=dict)
    since: Mapping[Key, float] = field(default_factory=dict)  # what is loading or unloading, since when
    acted: float = -math.inf  # when something was last seen to begin
    occupied: float = -math.inf  # when something was last seen loading or unloading, which may hold up all else


@dataclass(frozen=True, slots=True)
class View:
    """All that one pass knows. `now` is monotonic, in seconds."""

    now: float
    models: Mapping[ModelName, Model]
    applied: AppliedConfig
    is_away: bool = False  # TensorFlow Serving does not answer, so nothing is known of it
    troubles: Mapping[Hashable, str] = field(default_factory=dict)  # what is wrong with single models and versions
    activity: Activity = Activity()

    @property
    def base(self) -> Config:
        """The config to change: the one TensorFlow Serving holds or, where that is not known, what it is serving."""
        if self.applied.config is not None:
            return self.applied.config
        is_refused = self.applied.failures > 0
        adopted = ((name, _guessed(model, is_refused) or _adopted(model)) for name, model in self.models.items())
        return {name: entry for name, entry in adopted if entry.versions and not self.models[name].is_unmanaged}

    @property
    def statuses(self) -> dict[Key, Status]:
        """All versions that TensorFlow Serving speaks of."""
        return {
            (name, version): status for name, model in self.models.items() for version, status in model.statuses.items()
        }

    @property
    def served(self) -> frozenset[ModelName]:
        """The models that answer requests."""
        return frozenset(name for name, model in self.models.items() if any(map(model.is_available, model.statuses)))

    @property
    def ended(self) -> list[Key]:
        """The versions that TensorFlow Serving shows at their end."""
        return [key for key, status in self.statuses.items() if status.state is State.END]

    def leave(self, names: Iterable[ModelName]) -> "View":
        """Return this view with some models to be left as they are."""
        return replace(
            self, models={**self.models, **{name: replace(self.models[name], is_unclear=True) for name in names}}
        )

    def status(self, key: Key) -> Status | None:
        """What TensorFlow Serving says of a version; None: it never heard of it."""
        model = self.models.get(key[0])
        return model.statuses.get(key[1]) if model else None


def _adopted(model: Model) -> Entry:
    versions = frozenset(version for version, status in model.statuses.items() if status.is_active)
    labels = {label: version for label, version in model.labels.items() if model.is_available(version)}
    return Entry(versions, labels, is_held=model.needs_stand_in(versions))


def _guessed(model: Model, is_refused: bool) -> Entry | None:  # noqa: FBT001 - private, one fact
    """Stand for a model that could not be read: what it served last. To leave it out would unload it.

    A label of a version that is not loaded has TensorFlow Serving refuse the whole config, so it is named just once.
    """
    if not model.is_unclear or model.labels:
        return None
    versions = _adopted(model).versions or model.good & model.on_disk
    ready = frozenset() if is_refused else versions & model.good
    labels = {label: version for label, version in model.policy.labels.items() if version in ready}
    return Entry(versions, labels, is_held=model.needs_stand_in(versions))
