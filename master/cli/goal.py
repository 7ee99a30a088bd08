"""What `wait` waits for, and how far it is: pure, from what the master shows of a model."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel

from events.names import ModelName, NodeName, Version
from master.views import CellRow, CellState

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
    is_hopeless: bool  # so many nodes hold the version in quarantine that the others are too few
    missing: tuple[Missing, ...]

    @property
    def summary(self) -> str:
        """Say it in a sentence."""
        serve = "node serves" if self.total == 1 else "nodes serve"
        return f"{self.serving} of {self.total} {serve} version {self.version} of {self.model}, {self.needed} needed"


def judge(goal: Goal, cells: Iterable[CellRow], *, known: Iterable[NodeName], quarantined: int) -> Reach:
    """Compare the goal with the model's cells; `known` are the fleet's nodes, `quarantined` counts this version's.

    A node without a cell has not heard of the model yet and counts; one that shall not have it does not.
    """
    rows = {cell.node: cell for cell in cells if not goal.nodes or cell.node in goal.nodes}
    nodes = goal.nodes or frozenset(known) | rows.keys()
    counted = sorted(node for node in nodes if goal.nodes or node not in rows or not _is_unwanted(rows[node]))
    serving = [node for node in counted if node in rows and _serves(rows[node], goal.version)]
    needed = goal.share.of(len(counted))
    return Reach(
        model=goal.model,
        version=goal.version,
        serving=len(serving),
        needed=needed,
        total=len(counted),
        is_reached=bool(counted) and len(serving) >= needed,
        is_hopeless=not goal.nodes and quarantined > 0 and len(counted) - quarantined < needed <= len(counted),
        missing=tuple(_missing(node, rows.get(node), goal) for node in counted if node not in set(serving)),
    )


def _serves(cell: CellRow, version: Version) -> bool:
    """Serve it and mean to: one that is about to be unloaded does not count. Of a lost node nobody knows."""
    return version in cell.serving and version in cell.desired and cell.state is not CellState.LOST


def _is_unwanted(cell: CellRow) -> bool:
    return cell.state is CellState.ABSENT and not cell.desired


def _missing(node: NodeName, cell: CellRow | None, goal: Goal) -> Missing:
    if cell is None:
        return Missing(node=node, state=CellState.ABSENT, reason=f"has not heard of {goal.model}")
    reason = cell.reason
    if cell.state is CellState.SERVING and goal.version not in cell.desired:
        wanted = ", ".join(str(version) for version in cell.desired)
        reason = f"wants version {wanted}, not {goal.version}"
    return Missing(node=node, state=cell.state, reason=reason)
