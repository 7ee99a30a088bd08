"""What `wait` waits for, and how far it is: pure, from what the master shows of a model."""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from pydantic import BaseModel

from events.desired import Desired
from events.names import ModelName, NodeName, Version
from master.cli.wait import obstacles
from master.fleet.views import CellRow, CellState

_SHARE = re.compile(r"(?P<percent>[0-9]{1,3}(\.[0-9]+)?)%|(?P<count>[1-9][0-9]{0,5})|all")


@dataclass(frozen=True, slots=True)
class Share:
    """How many nodes are enough: a number of them, or a part of all."""

    percent: float = 100.0
    count: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `90%`, `3` or `all`; ValueError where it is none of these."""
        found = _SHARE.fullmatch(text.strip())
        if not found or float(found["percent"] or 1) > 100 or float(found["percent"] or 1) == 0:
            raise ValueError(f"{text!a} is no share of nodes; write it as 90%, 3 or all")
        if found["count"]:
            return cls(count=int(found["count"]))
        return cls(percent=float(found["percent"] or 100))

    def of(self, total: int) -> int:
        """How many of so many nodes; at least one."""
        if self.count is not None:
            return self.count
        return max(1, math.ceil(total * self.percent / 100 - 1e-9))

    def __str__(self) -> str:
        return str(self.count) if self.count is not None else f"{self.percent:g}%"


@dataclass(frozen=True, slots=True)
class Goal:
    """A version that a share of the nodes shall serve; `nodes` narrows it to these."""

    model: ModelName
    version: Version
    share: Share = Share()
    nodes: frozenset[NodeName] = frozenset()
    ignore_lost: bool = False


class Missing(BaseModel):
    """A node that does not serve the version, and why."""

    node: NodeName
    state: CellState
    reason: str


class Reach(BaseModel):
    """How far it is."""

    model: ModelName
    version: Version
    serving: int
    needed: int
    total: int
    is_reached: bool
    is_hopeless: bool  # so many nodes cannot come to serve the version that the others are too few
    reason: str = ""  # why it is hopeless
    obstacle: str = ""  # what an operator did that stands against it: removed, pinned, paused
    is_unknown: bool = False  # no node has told of the version yet
    lost: int = 0  # nodes of which nobody knows what they serve, and that are counted all the same
    missing: tuple[Missing, ...]

    @property
    def summary(self) -> str:
        """Say it in a sentence."""
        serve = "node serves" if self.total == 1 else "nodes serve"
        lost = f", {self.lost} of them lost (--ignore-lost leaves lost nodes out)" if self.lost else ""
        return (
            f"{self.serving} of {self.total} {serve} version {self.version} of {self.model}, {self.needed} needed{lost}"
        )


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known besides the model's cells."""

    nodes: frozenset[NodeName] = frozenset()  # the fleet's, where some of them have no cell
    lost: frozenset[NodeName] = frozenset()  # of these
    total: int | None = None  # all nodes of the fleet
    versions: frozenset[Version] | None = None  # of the model, as nodes have told; None where that was not asked
    quarantined: int = 0  # nodes that hold the version in quarantine
    desired: Desired = field(default_factory=Desired)
    revision: int = 0  # of that document


def judge(goal: Goal, cells: Iterable[CellRow], around: Circumstances = Circumstances()) -> Reach:
    """Compare the goal with the model's cells.

    A node without a cell has not heard of the model yet and counts; one that shall not have it does not.
    """
    rows = {cell.node: cell for cell in cells if not goal.nodes or cell.node in goal.nodes}
    nodes = goal.nodes or around.nodes | rows.keys()
    lost = {node for node in nodes if node in around.lost or (node in rows and rows[node].state is CellState.LOST)}
    if goal.ignore_lost:
        nodes, lost = nodes - lost, set()
    counted = sorted(node for node in nodes if goal.nodes or node not in rows or not _is_unwanted(rows[node]))
    serving = [node for node in counted if node in rows and _serves(rows[node], goal.version, revision=around.revision)]
    needed = goal.share.of(len(counted))
    is_reached = bool(counted) and len(serving) >= needed
    obstacle, reason = ("", "") if is_reached else _hopeless(goal, around, counted=counted, nodes=nodes, rows=rows)
    return Reach(
        model=goal.model,
        version=goal.version,
        serving=len(serving),
        needed=needed,
        total=len(counted),
        is_reached=is_reached,
        is_hopeless=bool(reason),
        reason=reason,
        obstacle=obstacle,
        is_unknown=around.versions is not None and goal.version not in around.versions,
        lost=len(lost & set(counted)),
        missing=tuple(
            _missing(node, rows.get(node), goal, revision=around.revision)
            for node in counted
            if node not in set(serving)
        ),
    )


def _hopeless(
    goal: Goal,
    around: Circumstances,
    *,
    counted: Collection[NodeName],
    nodes: Collection[NodeName],
    rows: Mapping[NodeName, CellRow],
) -> tuple[str, str]:
    """Say what an operator did against it, if anything, and why it cannot come true; empty where it can."""
    if around.total is not None and (unknown := sorted(goal.nodes - around.nodes - rows.keys())):
        return "", f"no node {unknown[0]} has ever reported; `nodes` lists those that have"
    most = len(goal.nodes) or (around.total if around.total is not None else None)
    if most and goal.share.count is not None and goal.share.count > most:
        return "", f"{goal.share.count} nodes are asked for, and there {'is' if most == 1 else 'are'} {most}"
    blocked, kind, words = obstacles.worst(around.desired, goal.version, nodes=nodes, cells=rows)
    if blocked and len(nodes) - blocked < goal.share.of(len(nodes)):
        return kind, words
    needed = goal.share.of(len(counted))
    if not goal.nodes and around.quarantined and len(counted) - around.quarantined < needed <= len(counted):
        return "", f"too many nodes hold version {goal.version} in quarantine"
    return "", ""


def _serves(cell: CellRow, version: Version, *, revision: int) -> bool:
    """Serve it, confirmed and as desired, and nothing above that clients would get. Of a lost node nobody knows.

    One that is about to be unloaded does not count; nor does one beside which the version before still goes, nor one
    whose report is from before the last change of what is desired.
    """
    if (
        cell.state is CellState.LOST
        or _is_old(cell, revision)
        or version not in cell.serving
        or version not in cell.desired
    ):
        return False
    return not cell.difference and max(cell.serving) <= max(cell.desired)


def _is_old(cell: CellRow, revision: int) -> bool:
    return cell.revision is not None and cell.revision < revision


def _is_unwanted(cell: CellRow) -> bool:
    return cell.state is CellState.ABSENT and not cell.desired


def _missing(node: NodeName, cell: CellRow | None, goal: Goal, *, revision: int) -> Missing:
    if cell is None:
        return Missing(node=node, state=CellState.ABSENT, reason=f"has not heard of {goal.model}")
    if _is_old(cell, revision) and cell.state is not CellState.LOST:
        words = f"has not told yet that it follows revision {revision} of what is wanted"
        return Missing(node=node, state=cell.state, reason=words)
    reason = cell.reason
    if cell.state is CellState.SERVING and goal.version not in cell.desired:
        wanted = ", ".join(str(version) for version in cell.desired)
        reason = f"wants version {wanted}, not {goal.version}"
    return Missing(node=node, state=cell.state, reason=reason)
