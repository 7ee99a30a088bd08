"""From an order to what it does to a document: changes as they come over the wire become plain ones, and are made."""

from collections.abc import Callable, Mapping

from events import changes as wire
from events.changes import Change
from events.desired import Desired
from master.desired import changes
from master.desired.idempotency import Step

BESIDE = frozenset({"kind", "reason", "ahead"})  # fields that say nothing of what the document becomes


def take(document: Desired, step: Step, *, request: str) -> Desired:
    """Take a step; `changes.Unreasonable` where it contradicts what is wanted."""
    if isinstance(step.change, Desired):
        return step.change
    return changes.apply(document, _plain(step.change, step, request), nodes=frozenset(step.nodes))


def _plain(change: Change, step: Step, request: str) -> changes.Change:
    fields = {name: value for name, value in change if name not in BESIDE}
    if isinstance(change, wire.Retry):
        fields["request"] = request
    if isinstance(change, wire.Rollback):
        fields["left"] = step.left
    return _PLAIN[type(change)](**fields)


_PLAIN: Mapping[type, Callable[..., changes.Change]] = {
    wire.Pin: changes.Pin,
    wire.Unpin: changes.Unpin,
    wire.Rollback: changes.GoBack,
    wire.Pull: changes.Pull,
    wire.Unpull: changes.Unpull,
    wire.Pause: changes.Pause,
    wire.Resume: changes.Resume,
    wire.SetLabel: changes.SetLabel,
    wire.Retry: changes.Retry,
    wire.RemoveVersion: changes.RemoveVersion,
    wire.RemoveModel: changes.RemoveModel,
    wire.Restore: changes.Restore,
    wire.ForgetModel: changes.ForgetModel,
    wire.Retention: changes.Retain,
}
