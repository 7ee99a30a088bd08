"""Why a version will not be served however long one waits, as things are wanted: pure, from documents and cells."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from events.desired import Desired, Latest, Pinned, Policy
from events.names import NodeName, Version
from master.answers import Entry
from master.fleet.views import CellRow

REMOVED, PINNED, PAUSED = "removed", "pinned", "paused"
COMMANDS: Mapping[str, frozenset[str]] = {
    REMOVED: frozenset({"remove_model", "remove_version", "put", "write"}),
    PINNED: frozenset({"pin", "rollback", "put", "write"}),
    PAUSED: frozenset({"pause", "put", "write"}),
}


def obstacle(policy: Policy, version: Version, cell: CellRow | None) -> tuple[str, str]:
    """Say which wish of an operator stands against a version on a node, and in which words; empty where none does."""
    if policy.removed:
        return REMOVED, "the model is removed"
    if version in policy.refused:
        return REMOVED, f"version {version} is removed"
    if version in policy.labels.values():
        return "", ""
    match policy.want:
        case Pinned(versions=versions) if version not in versions:
            return PINNED, f"the model is pinned to {', '.join(map(str, versions))}"
        case Latest() if policy.paused and not _is_served(cell, version):
            return PAUSED, "updates of the model are paused"
        case _:
            return "", ""


def _is_served(cell: CellRow | None, version: Version) -> bool:
    return cell is not None and (version in cell.desired or version <= max(cell.serving, default=-1))


def worst(
    desired: Desired, version: Version, *, nodes: Iterable[NodeName], cells: Mapping[NodeName, CellRow]
) -> tuple[int, str, str]:
    """Count the nodes where an operator's wish stands against a version; with the most usual one and its words."""
    found = Counter(
        (kind, words)
        for node in nodes
        for kind, words in (obstacle(desired.on(node), version, cells.get(node)),)
        if kind
    )
    if not found:
        return 0, "", ""
    (kind, words), _ = found.most_common(1)[0]
    return found.total(), kind, words


def who(kind: str, changes: Sequence[Entry]) -> str:
    """Tell who made it so and when, out of the changes of the model, newest first; empty where that is not known."""
    commands = COMMANDS.get(kind, frozenset())
    entry = next((one for one in changes if one.data.get("command") in commands), None)
    return f"{entry.sentence}, at {entry.time:%Y-%m-%d %H:%M:%S} UTC" if entry else ""
