"""What operators do to a model's desired state, as pure functions: a document in, a document out.

A change is made for all nodes, or for the named ones: these then have a policy of their own, which starts as a copy of
the one they had. A change that changes nothing gives back an equal document.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pydantic import ValidationError

from events import wording
from events.desired import Desired, Latest, Pinned, Policy
from events.names import NodeName, Version
from master.desired import labels


class Unreasonable(ValueError):
    """A change that cannot be meant, with the reason."""


@dataclass(frozen=True, slots=True)
class Pin:
    """Serve exactly these versions, whatever else arrives."""

    versions: tuple[Version, ...]
    accept_default: bool = False


@dataclass(frozen=True, slots=True)
class GoBack:
    """Pin a version, and have the labels that would keep clients on a version that is left point at it, too."""

    version: Version
    left: tuple[Version, ...] = ()
    keep_labels: bool = False


@dataclass(frozen=True, slots=True)
class Unpin:
    """Follow the newest `count` versions again."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class Pull:
    """Have a version on the disk beside those that are wanted, so that it can be served at once later."""

    version: Version


@dataclass(frozen=True, slots=True)
class Unpull:
    """Take back a pull."""

    version: Version


@dataclass(frozen=True, slots=True)
class Pause:
    """Change nothing by itself any more: what is served stays."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Follow new versions again."""


@dataclass(frozen=True, slots=True)
class SetLabel:
    """Point a label at a version; with no version take the label away."""

    label: str
    version: Version | None
    accept_default: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """Try a quarantined version once more; `request` names this wish, so that each wish is followed once."""

    version: Version
    request: str


@dataclass(frozen=True, slots=True)
class RemoveVersion:
    """Neither fetch nor serve a version any more."""

    version: Version
    drop_labels: bool = False


@dataclass(frozen=True, slots=True)
class RemoveModel:
    """Unload the model and remove it from the disks."""


@dataclass(frozen=True, slots=True)
class Restore:
    """Take back the removal of the model, or of one version."""

    version: Version | None = None


@dataclass(frozen=True, slots=True)
class ForgetModel:
    """Want nothing of the model but what holds of any model."""


@dataclass(frozen=True, slots=True)
class Retain:
    """Keep so many older versions on disk; None: each node's own setting."""

    count: int | None


Change: TypeAlias = (
    Pin
    | GoBack
    | Unpin
    | Pull
    | Unpull
    | Pause
    | Resume
    | SetLabel
    | Retry
    | RemoveVersion
    | RemoveModel
    | Restore
    | ForgetModel
    | Retain
)


def apply(document: Desired, change: Change, *, nodes: frozenset[NodeName] = frozenset()) -> Desired:
    """Make a change, for all nodes or for the named ones; `Unreasonable` where it contradicts itself or a bound."""
    if isinstance(change, ForgetModel):
        return Desired()
    try:
        common = document.policy if nodes else _changed(document.policy, change)
        own = {node: _changed(document.on(node), change) for node in nodes or document.nodes}
        return _tidy(Desired(policy=common, nodes={**document.nodes, **own}))
    except ValidationError as error:
        raise Unreasonable(f"the document would not be readable: {wording.problems(error)}") from error


def _tidy(document: Desired) -> Desired:
    """Drop the policies of single nodes that say what the common one says."""
    own = {node: policy for node, policy in document.nodes.items() if policy != document.policy}
    return Desired(policy=document.policy, nodes=own)


def _changed(policy: Policy, change: Change) -> Policy:
    match change:
        case Unpin(count=count):
            return _with(policy, want=Latest(count=count))
        case RemoveModel():
            return _with(policy, removed=True, labels={})
        case _:
            return _FIELDS[type(change)](policy, change)


def _pin(policy: Policy, change: Pin) -> Policy:
    _refuse_removed(policy, change.versions)
    pinned = _with(policy, want=Pinned(versions=change.versions), removed=False)
    if not change.accept_default and (wrong := labels.lifted(pinned, pinned.labels)):
        raise Unreasonable(wrong)
    return pinned


def _go_back(policy: Policy, change: GoBack) -> Policy:
    _refuse_removed(policy, (change.version,))
    moving = labels.moving(policy, change.version, left=change.left)
    if moving and change.keep_labels:
        raise Unreasonable(labels.kept(policy, moving, to=change.version))
    pointers = {**policy.labels, **dict.fromkeys(moving, change.version)}
    return _with(policy, want=Pinned(versions=(change.version,)), labels=pointers, removed=False)


def _pull(policy: Policy, change: Pull) -> Policy:
    _refuse_removed(policy, (change.version,))
    return _with(policy, held=tuple(sorted({*policy.held, change.version})))


def _unpull(policy: Policy, change: Unpull) -> Policy:
    return _with(policy, held=tuple(version for version in policy.held if version != change.version))


def _label(policy: Policy, change: SetLabel) -> Policy:
    others = {label: version for label, version in policy.labels.items() if label != change.label}
    if change.version is None:
        return _with(policy, labels=others)
    _refuse_removed(policy, (change.version,))
    is_higher = change.version > max(policy.labels.values(), default=-1)
    if is_higher and not change.accept_default and (wrong := labels.lifted(policy, {change.label: change.version})):
        raise Unreasonable(wrong)
    return _with(policy, labels={**others, change.label: change.version})


def _refuse_removed(policy: Policy, versions: Iterable[Version]) -> None:
    if refused := sorted(set(versions) & set(policy.refused)):
        raise Unreasonable(
            f"version {refused[0]} was removed by an operator, and is neither fetched nor served; restore it first"
        )


def _remove_version(policy: Policy, change: RemoveVersion) -> Policy:
    if not change.drop_labels and (wrong := labels.without_target(policy, change.version)):
        raise Unreasonable(wrong)
    if isinstance(policy.want, Pinned) and set(policy.want.versions) == {change.version}:
        raise Unreasonable(f"version {change.version} is the only one pinned; unpin it or pin another first")
    want = policy.want
    if isinstance(want, Pinned):
        want = Pinned(versions=tuple(version for version in want.versions if version != change.version))
    return _with(
        policy,
        want=want,
        refused=tuple(sorted({*policy.refused, change.version})),
        held=tuple(version for version in policy.held if version != change.version),
        labels={label: version for label, version in policy.labels.items() if version != change.version},
    )


def _restore(policy: Policy, change: Restore) -> Policy:
    if change.version is None:
        return _with(policy, removed=False)
    return _with(policy, refused=tuple(version for version in policy.refused if version != change.version))


_FIELDS: Mapping[type, Callable[..., Policy]] = {
    Pin: _pin,
    GoBack: _go_back,
    Pull: _pull,
    Unpull: _unpull,
    Pause: lambda policy, _: _with(policy, paused=True),
    Resume: lambda policy, _: _with(policy, paused=False),
    SetLabel: _label,
    Retry: lambda policy, change: _with(policy, retry={**policy.retry, change.version: change.request}),
    RemoveVersion: _remove_version,
    Restore: _restore,
    Retain: lambda policy, change: _with(policy, retention=change.count),
}


def _with(policy: Policy, **fields: object) -> Policy:
    """Change fields of a policy, checked as if it came from outside."""
    return Policy.model_validate({**dict(policy), **fields})
