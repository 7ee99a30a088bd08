"""Changes that cannot work as things are, refused in words that say what was probably meant. Pure.

A change is held against what the nodes have told: which models and versions there are, in the bucket or on a disk,
and which of them are in quarantine. `ahead` says that the future is meant. Where no node has told anything, nothing is
known, and nothing is refused.
"""

from collections.abc import Collection, Iterable, Sequence

from events import changes as wire
from events import wording
from events.changes import Change
from events.desired import Desired, Pinned, Policy
from events.names import ModelName, NodeName, Version
from events.status import NOT_IN_BUCKET, ServedStage, Stage
from master.desired.changes import Unreasonable
from master.fleet.explain import listed
from master.fleet.places import Halves
from master.fleet.state import FleetState

MOST_NAMED = 10
AHEAD = "; --ahead if it is still to come"


def check(
    model: ModelName, change: Change, *, fleet_state: FleetState, names: Sequence[NodeName], document: Desired
) -> None:
    """Raise `Unreasonable` where a change cannot work on the named nodes."""
    if isinstance(change, wire.ForgetModel):
        _check_forgotten(model, fleet_state)
    if change.ahead or not fleet_state.nodes:
        return
    if model not in fleet_state.models:
        close = _meant(model, fleet_state.models)
        raise Unreasonable(f"no node has such a model, and no desired state is kept for it{close}{AHEAD}")
    policies = [document.on(name) for name in names] or [document.policy]
    known = {node: cell.halves for node, found in fleet_state.nodes.items() if (cell := found.cells.get(model))}
    _check_versions(_versions_of(change), known.values(), document)
    match change:
        case wire.SetLabel(label=label, version=None):
            _check_label(label, policies)
        case wire.Unpull(version=version):
            _check_held(version, policies)
        case wire.Retry(version=version):
            _check_quarantined(version, [known[name] for name in names if name in known])
        case _:
            return


def _versions_of(change: Change) -> tuple[Version, ...]:
    """Name the versions that have to be somewhere for the change to work."""
    match change:
        case wire.Pin(versions=versions):
            return versions
        case wire.Pull() | wire.Rollback() | wire.RemoveVersion() | wire.SetLabel():
            return () if change.version is None else (change.version,)
        case _:
            return ()


def _check_versions(wanted: Iterable[Version], known: Collection[Halves], document: Desired) -> None:
    versions = {version for halves in known for version in _there(halves)} | _named(document)
    missing = sorted(set(wanted) - versions)
    if missing:
        there = f"there is {_some(versions)}" if versions else "no version of it is there"
        close = _meant(str(missing[0]), versions)
        raise Unreasonable(f"no node has version {missing[0]} or sees it in the bucket, {there}{close}{AHEAD}")


def _there(halves: Halves) -> Iterable[Version]:
    """Name the versions that a node has, or sees in the bucket."""
    yield from (line.version for line in halves.served.versions) if halves.served else ()
    yield from (one.version for one in halves.pulled if not _is_only_asked_for(one.state, one.reason))


def _is_only_asked_for(state: Stage, reason: str) -> bool:
    return state is Stage.INCOMPLETE and reason == NOT_IN_BUCKET


def _named(document: Desired) -> set[Version]:
    """Name the versions that operators have spoken of already: saying so again is no mistake."""
    found: set[Version] = set()
    for policy in (document.policy, *document.nodes.values()):
        pinned = policy.want.versions if isinstance(policy.want, Pinned) else ()
        found |= {*pinned, *policy.labels.values(), *policy.held, *policy.refused}
    return found


def _check_label(label: str, policies: Sequence[Policy]) -> None:
    labels = {name for policy in policies for name in policy.labels}
    if label not in labels:
        there = f"there {'are' if len(labels) > 1 else 'is'} {', '.join(sorted(labels))}" if labels else "there is none"
        raise Unreasonable(f"no label {label} is set, {there}{_meant(label, labels)}")


def _check_held(version: Version, policies: Sequence[Policy]) -> None:
    held = {held for policy in policies for held in policy.held}
    if version not in held:
        there = f"pulled {_are(held)} {listed(sorted(held))}" if held else "nothing is"
        raise Unreasonable(f"version {version} is not kept by a pull, {there}{_meant(str(version), held)}")


def _check_quarantined(version: Version, known: Collection[Halves]) -> None:
    quarantined = {line.version for halves in known for line in halves.pulled if line.state is Stage.QUARANTINED}
    quarantined |= {
        line.version
        for halves in known
        if halves.served
        for line in halves.served.versions
        if line.state is ServedStage.QUARANTINED
    }
    if version not in quarantined:
        there = f"in quarantine {_are(quarantined)} {_some(quarantined)}" if quarantined else "nothing of it is"
        raise Unreasonable(f"version {version} is not in quarantine, {there}{_meant(str(version), quarantined)}")


def _check_forgotten(model: ModelName, fleet_state: FleetState) -> None:
    for name, node in sorted(fleet_state.nodes.items()):
        cell = node.cells.get(model)
        if cell and (found := sorted(set(_there(cell.halves)) | set(cell.serving))):
            raise Unreasonable(
                f"node {name} has {listed(found)} of it or sees them in the bucket; only a model that is wanted and"
                " nowhere can be forgotten. `remove` takes one off the nodes"
            )


def _some(versions: Iterable[Version]) -> str:
    found = sorted(versions)
    more = len(found) - MOST_NAMED
    return f"{'… ' if more > 0 else ''}{listed(found[-MOST_NAMED:])}"


def _are(things: Collection[object]) -> str:
    return "is" if len(things) == 1 else "are"


def _meant(given: str, there: Iterable[object]) -> str:
    """Ask whether something that is there was meant."""
    close = wording.closest(given, there)
    return f"; did you mean {close}?" if close else ""
