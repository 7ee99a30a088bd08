"""What a change does to desired state, in words, for answers and for the history. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from events import changes as wire
from events.desired import Desired
from events.names import ModelName, Version
from events.wording import few
from master.desired.idempotency import Step
from master.fleet.explain import listed, wants
from master.fleet.nodes import Node
from master.history.sentences import where

MOST_NAMED = 5  # of what was wanted, and of the versions that were served, before a change


def summary(model: ModelName, steps: Sequence[Step]) -> str:
    """Say what steps do to a model."""
    return "; ".join(f"model {model} on {where(step.nodes)}: {_did(step)}" for step in steps)


def before(model: ModelName, document: Desired, nodes: Iterable[Node]) -> str:
    """Say what was wanted of a model and served on these nodes until a change."""
    nodes = tuple(nodes)
    wanted = sorted({wants(document.on(node.name)) for node in nodes}) or [wants(document.policy)]
    serving = {version for node in nodes if (cell := node.cells.get(model)) for version in cell.serving}
    served = few([str(version) for version in sorted(serving, reverse=True)], most=MOST_NAMED)
    return f"{few(wanted, most=MOST_NAMED)}; {served or 'nothing'} served"


def _did(step: Step) -> str:
    match step.change:
        case Desired():
            return "desired document put in place"
        case wire.Rollback(version=version) if version is not None:
            return _rolled_back(step, version)
        case change:
            return _CHANGES[type(change)](change)


def _rolled_back(step: Step, to: Version) -> str:
    left = f" from {listed(step.left)}" if step.left else ""
    labels = f", label{'s' if len(step.labels) > 1 else ''} {', '.join(step.labels)} with it" if step.labels else ""
    return f"pinned to version {to} by rollback{left}{labels}"


_CHANGES: Mapping[type, Callable[..., str]] = {
    wire.Pin: lambda change: f"pinned to {listed(change.versions)}",
    wire.Unpin: lambda change: f"follows the newest {'version' if change.count == 1 else f'{change.count} versions'}",
    wire.Rollback: lambda _: "rolled back",
    wire.Pull: lambda change: f"version {change.version} kept on disk",
    wire.Unpull: lambda change: f"version {change.version} not kept on disk any more",
    wire.Pause: lambda _: "updates paused",
    wire.Resume: lambda _: "updates resumed",
    wire.SetLabel: lambda change: (
        f"label {change.label} taken away"
        if change.version is None
        else f"label {change.label} points at version {change.version}"
    ),
    wire.Retry: lambda change: f"version {change.version} is tried again",
    wire.RemoveVersion: lambda change: f"version {change.version} removed",
    wire.RemoveModel: lambda _: "removed",
    wire.ForgetModel: lambda _: "forgotten",
    wire.Restore: lambda change: "restored" if change.version is None else f"version {change.version} restored",
    wire.Retention: lambda change: (
        "retention as each node is set"
        if change.count is None
        else f"keeps {change.count} older version{'' if change.count == 1 else 's'}"
    ),
}
