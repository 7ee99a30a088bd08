"""Where a rollback goes, node by node: the version that was served before the present one. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from events import changes as wire
from events.desired import Desired, default_version
from events.messages import ChangeMade
from events.names import ModelName, NodeName, Version
from events.status import ServedStage
from master.answers import Entry
from master.desired import labels
from master.desired.changes import Unreasonable
from master.desired.idempotency import Step
from master.fleet.explain import listed
from master.fleet.nodes import Node

USABLE = frozenset({ServedStage.ON_DISK, ServedStage.SERVING, ServedStage.REMOVING, ServedStage.UNLOADING})


def served_before(entries: Iterable[Entry]) -> dict[NodeName, tuple[Version, ...]]:
    """Tell which versions each node served, newest first, out of what was served and changed, oldest first.

    A version that a rollback left is taken out until it is served again, so that a second rollback goes further back.
    """
    found: dict[NodeName, list[Version]] = {}
    for entry in entries:
        if entry.kind == ChangeMade.type:
            _leave(found, entry)
        elif entry.version is not None:
            past = found.setdefault(entry.node, [])
            past[:] = [version for version in past if version != entry.version] + [entry.version]
    return {node: tuple(reversed(past)) for node, past in found.items()}


def _leave(found: Mapping[NodeName, list[Version]], change: Entry) -> None:
    """Take out what a rollback left: on the nodes it was for, the version served last."""
    if change.data.get("command") != wire.Rollback.model_fields["kind"].default:
        return
    named = change.data.get("nodes")
    nodes = named if isinstance(named, list) and named else list(found)
    for past in (found[node] for node in nodes if found.get(node)):
        past.pop()


def steps(
    model: ModelName,
    nodes: Sequence[Node],
    *,
    order: wire.Rollback,
    document: Desired,
    served: Mapping[NodeName, Sequence[Version]],
) -> tuple[Step, ...]:
    """Turn a rollback into a step for each version that nodes go back to."""
    if order.version is not None:
        chosen = {node.name: order.version for node in nodes}
    else:
        chosen = targets(model, nodes, document=document, served=served)
    groups: dict[Version, list[Node]] = {}
    for node in nodes:
        groups.setdefault(chosen[node.name], []).append(node)
    if not groups and order.version is not None:
        groups = {order.version: []}
    return tuple(_step(model, to, group, order=order, document=document) for to, group in groups.items())


def _step(model: ModelName, to: Version, group: Sequence[Node], *, order: wire.Rollback, document: Desired) -> Step:
    present = {_present(node, model) for node in group}
    left = tuple(sorted(version for version in present if version is not None and version != to))
    policies = [document.policy, *document.nodes.values()] if not group else [document.on(n.name) for n in group]
    names = {name for policy in policies for name in labels.moving(policy, to, left=left)}
    change = order.model_copy(update={"version": to})
    return Step(change=change, nodes=tuple(node.name for node in group), left=left, labels=tuple(sorted(names)))


def targets(
    model: ModelName,
    nodes: Sequence[Node],
    *,
    document: Desired,
    served: Mapping[NodeName, Sequence[Version]],
) -> dict[NodeName, Version]:
    """Choose each node's version; `served` names what it served, newest first. `Unreasonable` where there is none.

    A node goes back to what it served last of the other versions on its disk, whatever their numbers. Where nothing is
    known of that it goes to the highest below the present one; one that has none follows most of the others.
    """
    found = {
        node.name: target
        for node in nodes
        if (target := _target(node, model, document=document, served=served.get(node.name, ()))) is not None
    }
    if not found:
        raise Unreasonable(_nowhere(model, nodes, document))
    usual = Counter(found.values()).most_common(1)[0][0]
    return {node.name: found.get(node.name, usual) for node in nodes}


def _target(node: Node, model: ModelName, *, document: Desired, served: Sequence[Version]) -> Version | None:
    present = _present(node, model)
    usable = [version for version in _usable(node, model, document) if version != present]
    older = [version for version in usable if present is None or version < present]
    return next((version for version in served if version in usable), max(older, default=None))


def _present(node: Node, model: ModelName) -> Version | None:
    cell = node.cells.get(model)
    return default_version(cell.serving) if cell else None


def _usable(node: Node, model: ModelName, document: Desired) -> Iterator[Version]:
    cell = node.cells.get(model)
    halves = cell.halves if cell else None
    if halves is None or halves.served is None:
        return
    refused = document.on(node.name).refused
    yield from (line.version for line in halves.served.versions if line.state in USABLE and line.version not in refused)


def _nowhere(model: ModelName, nodes: Sequence[Node], document: Desired) -> str:
    """Say what there is instead of a version to go back to."""
    on_disk = sorted({version for node in nodes for version in _usable(node, model, document)})
    serving = sorted({present for node in nodes if (present := _present(node, model)) is not None})
    there = [f"{listed(serving)} served" if serving else "nothing served"]
    there += [f"{listed(on_disk)} on disk"] if on_disk else []
    return (
        f"no node served another version of model {model} before that is still on its disk: {', '.join(there)};"
        " name a version that is in the bucket, and it is fetched"
    )
