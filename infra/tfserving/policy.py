"""What the manager does next: TensorFlow Serving's availability preserving policy, as a pure function.

A new version is loaded before an old one goes, so a broken new version leaves the old one serving, and a swap needs
room for both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from infra.tfserving.versions import ServableId


class Stage(Enum):
    """How far the manager is with a version; finer than the states it tells the world."""

    NEW = auto()
    LOADING = auto()
    READY = auto()
    UNLOADING = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One version in the manager's table."""

    id: ServableId
    stage: Stage
    is_aspired: bool


@dataclass(frozen=True, slots=True)
class Load:
    """Load this version."""

    id: ServableId


@dataclass(frozen=True, slots=True)
class Unload:
    """Unload this version."""

    id: ServableId


def next_action(table: Iterable[Snapshot]) -> Load | Unload | None:
    """Choose one action for the whole table: any unload first, else the first model's load."""
    by_model: dict[str, list[Snapshot]] = {}
    for snapshot in table:
        by_model.setdefault(snapshot.id.model, []).append(snapshot)
    actions = [action for model in sorted(by_model) if (action := model_action(by_model[model])) is not None]
    return next((action for action in actions if isinstance(action, Unload)), actions[0] if actions else None)


def model_action(versions: Sequence[Snapshot]) -> Load | Unload | None:
    """Choose one action for the versions of one model."""
    aspired = [one for one in versions if one.is_aspired]
    left_over = [one.id for one in versions if not one.is_aspired and one.stage is Stage.READY]
    is_served = any(one.stage is Stage.READY for one in aspired)
    if left_over and (not aspired or is_served or len(left_over) > 1):
        return Unload(min(left_over))
    fresh = [one.id for one in aspired if one.stage is Stage.NEW]
    return Load(max(fresh)) if fresh else None
