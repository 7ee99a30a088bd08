"""Where a rollback goes, node by node: the version that was served before the present one. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence

from events.desired import Desired
from events.names import ModelName, NodeName, Version
from events.status import ServedStage
from master.changes import Unreasonable
from master.nodes import Node

USABLE = frozenset({ServedStage.ON_DISK, ServedStage.SERVING, ServedStage.REMOVING, ServedStage.UNLOADING})


def targets(
    model: ModelName,
    nodes: Sequence[Node],
    *,
    document: Desired,
    served: Mapping[NodeName, Sequence[Version]],
) -> dict[NodeName, Version]:
    """Choose each node's version; `served` names what it served, newest first. `Unreasonable` where there is none.

    A node goes back to what it served last of the versions on its disk below the present one, or to the highest of
    them; one that has none follows most of the others.
    """
    found = {
        node.name: target
        for node in nodes
        if (target := _target(node, model, document=document, served=served.get(node.name, ()))) is not None
    }
    if not found:
        raise Unreasonable(
            f"no node has an older version of model {model} on disk to go back to;"
            " name a version that is in the bucket, and it is fetched"
        )
    usual = Counter(found.values()).most_common(1)[0][0]
    return {node.name: found.get(node.name, usual) for node in nodes}


def _target(node: Node, model: ModelName, *, document: Desired, served: Sequence[Version]) -> Version | None:
    cell = node.cells.get(model)
    halves = cell.halves if cell else None
    if cell is None or halves is None or halves.served is None:
        return None
    refused = document.on(node.name).refused
    present = max(cell.serving, default=None)
    older = [
        line.version
        for line in halves.served.versions
        if line.state in USABLE and line.version not in refused and (present is None or line.version < present)
    ]
    return next((version for version in served if version in older), max(older, default=None))
