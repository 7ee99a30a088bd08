"""What is wrong in the cluster, in sentences, worst first. Pure.

What is on its way is no trouble: an upload that comes in, a version that is fetched, loaded or unloaded. It is one when
it has been on its way for too long, and then its age is told. Equal words of many nodes are told once. An upload that
has no effect is one.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from events.names import PLACEHOLDER, ModelName, Version
from events.trouble import is_stuck
from events.wording import clean, few
from master.fleet.cells import Cell
from master.fleet.nodes import Known, Node
from master.fleet.state import FleetState
from master.fleet.views import CellState, NodeState

ON_ITS_WAY = frozenset({CellState.UPDATING, CellState.UPLOADING})
MOST_VERSIONS = 3  # of a model that are told one by one
MOST_REASONS = 8
MOST_NAMES = 5  # of what is passed over for one reason
# Lost: that is told of the node. Not managed: it serves as it did.
GOOD = frozenset({CellState.SERVING, CellState.NOT_MANAGED, CellState.ABSENT, CellState.LOST})


def of_nodes(fleet_state: FleetState) -> Iterator[str]:
    """Say which nodes are lost or in trouble."""
    for wanted in (NodeState.LOST, NodeState.TROUBLED):
        for name in sorted(name for name, node in fleet_state.nodes.items() if node.verdict.state is wanted):
            yield f"Node {name} is {wanted}: {fleet_state.nodes[name].verdict.reason}."


def of_models(fleet_state: FleetState, now: datetime | None) -> Iterator[str]:
    """Say what is wrong with models; without a time, as if nothing had been on its way for long."""
    for state in (state for state in CellState if state not in GOOD):
        for model, known in sorted(fleet_state.models.items()):
            if known.tally[state]:
                yield from _sentence(model, state, list(_cells(fleet_state, model, state)), now)


def of_uploads(fleet_state: FleetState) -> Iterator[str]:
    """Say which uploads have no effect: new bytes under a number that is published, and what is no version at all."""
    for model, known in sorted(fleet_state.models.items()):
        if known.mutated:
            yield from islice(_mutated(fleet_state, model), MOST_VERSIONS)
    if passed_over := _passed_over(fleet_state):
        names = _names(fleet_state)
        told = [_reason(reason, count, names[reason]) for reason, count in passed_over.most_common(MOST_REASONS)]
        yield f"Of what is in the bucket some is passed over: {'; '.join(told)}. A version is a folder MODEL/NUMBER."


def _mutated(fleet_state: FleetState, model: ModelName) -> Iterator[str]:
    found: defaultdict[Version, list[Cell]] = defaultdict(list)
    for node in fleet_state.nodes.values():
        if (cell := node.cells.get(model)) and not node.hidden_since:
            for version in cell.mutated:
                found[version].append(cell)
    for version, cells in sorted(found.items(), reverse=True):
        reasons = Counter(one.reason for cell in cells for one in cell.halves.pulled if one.version == version)
        words = reasons.most_common(1)[0][0]
        yield (
            f"Model {model}: version {version} is mutated on {_nodes(len(cells))}: {words}."
            " Upload the change as a new version."
        )


def _passed_over(fleet_state: FleetState) -> Counter[str]:
    """Count by reason what is no version; nodes that look at the same bucket count the same."""
    found: Counter[str] = Counter()
    for _, puller in _pullers(fleet_state):
        found |= Counter(puller.head.ignored_objects)
    del found[PLACEHOLDER]
    return +found


def _names(fleet_state: FleetState) -> defaultdict[str, set[str]]:
    """Name some of it by reason."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for _, puller in _pullers(fleet_state):
        for reason, names in puller.head.ignored_names.items():
            found[reason] |= set(names)
    return found


def _reason(reason: str, count: int, names: set[str]) -> str:
    shown = [clean(name) for name in sorted(names)[:MOST_NAMES]]
    return f"{few(shown, most=MOST_NAMES, of=count) if shown else count}, because {reason}"


def _pullers(fleet_state: FleetState) -> Iterator[tuple[Node, Known]]:
    for _, node in sorted(fleet_state.nodes.items()):
        if (puller := node.services.get("puller")) and not puller.silence:
            yield node, puller


def _cells(fleet_state: FleetState, model: ModelName, state: CellState) -> Iterator[tuple[Node, Cell]]:
    for _, node in sorted(fleet_state.nodes.items()):
        cell = node.cells.get(model)
        if cell and not node.hidden_since and cell.state is state:
            yield node, cell


def _sentence(
    model: ModelName, state: CellState, found: list[tuple[Node, Cell]], now: datetime | None
) -> Iterator[str]:
    if state in ON_ITS_WAY:
        found = [(node, cell) for node, cell in found if now and is_stuck(cell.since, now)]
    if not found:
        return
    reason, count = Counter(cell.reason for _, cell in found).most_common(1)[0]
    first, cell = next((node, cell) for node, cell in found if cell.reason == reason)
    since = min(cell.since for _, cell in found)
    age = f", stuck for {int((now - since).total_seconds() // 60)} min" if now and state in ON_ITS_WAY else ""
    if cell.serving and reason.startswith("serves "):
        others = f", other words on {len(found) - count}" if count < len(found) else ""
        yield f"Model {model} {reason} (on {_nodes(len(found))}{others})."
        return
    where = f"on {first.name}" if count == 1 else "on all of them" if count == len(found) else f"on {count} of them"
    yield f"Model {model} is {state}{age} on {_nodes(len(found))}{f', {where}: {reason}' if reason else ''}."


def _nodes(count: int) -> str:
    return f"{count} node{'' if count == 1 else 's'}"
