"""A site in virtual time: nodes with schedules, one line to the bucket, ports of a LAN. No sockets, no clock.

One unit of a version is the unit of bytes. The line is shared by all that fetch from the bucket at a time, and a node's
port by all that it serves.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from events.names import NodeName
from puller.exchange.neighbourhood import MAX_NEIGHBOURS
from puller.exchange.neighbours import Availability, Failure
from puller.exchange.order import weight
from puller.exchange.schedule import Schedule
from puller.exchange.steps import Finished, FromBucket, FromNeighbour, Wait

STEP_SECONDS = 0.05
WORD_SECONDS = 0.1
PLACES = 8
STALL_SECONDS = 5.0
SERVED_AT_ONCE = 8
NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Habits:
    """How a node behaves; times are seconds since the version is there."""

    joins_at: float = 0.0
    dies_at: float = NEVER
    is_noticed_after: float = 0.0  # its death, by the others
    stalls_at: float = NEVER  # it answers, and neither fetches nor sends
    lies: bool = False  # what it sends is wrong
    poisons: bool = False  # the same, and no checksum of the piece tells: what it says of it is wrong, too
    boasts: bool = False  # it says that it fetches, with ever more bytes, and never has a unit
    line_share: float = 1.0  # how fast it is at the line, of what the others get


@dataclass(slots=True)
class Node:
    """A node of the site."""

    name: NodeName
    habits: Habits
    schedule: Schedule
    left: dict[int, float] = field(default_factory=dict)  # of units under way
    silent: dict[int, float] = field(default_factory=dict)  # seconds without a byte
    runs: dict[int, range] = field(default_factory=dict)  # the units that are to come by the same request
    poisoned: set[int] = field(default_factory=set)  # units that are here, and wrong
    accused: set[NodeName] = field(default_factory=set)
    steps: dict[int, FromBucket | FromNeighbour] = field(default_factory=dict)
    done_at: float | None = None
    line: float = 0.0
    from_neighbours: int = 0

    def is_there(self, now: float) -> bool:
        """Whether it runs."""
        return self.habits.joins_at <= now < self.habits.dies_at

    def moves(self, now: float) -> bool:
        """Whether it fetches and sends."""
        return self.is_there(now) and now < self.habits.stalls_at

    def word(self, now: float) -> Availability:
        """What it says."""
        if self.habits.boasts:
            return Availability(has=0, coming=(1 << 60) - 1, bytes_there=int(now * 1000))
        return Availability(self.schedule.held, self.schedule.coming, int(self.line * 1000) + self.from_neighbours)


@dataclass(slots=True)
class Network:
    """Runs a site; `sees` tells whether the first node hears of the second."""

    units: int
    habits: Mapping[NodeName, Habits]
    line: float = 6.0  # units per second
    run_units: int = 1  # that a node alone fetches by one request
    port: float = 30.0
    sees: Callable[[NodeName, NodeName, float], bool] = lambda _one, _other, _now: True
    nodes: dict[NodeName, Node] = field(init=False)
    step: float = STEP_SECONDS  # how finely time runs; large sites need coarser steps
    now: float = 0.0
    _hears: dict[NodeName, list[NodeName]] = field(init=False)  # whom each node listens to
    _serves: Counter[NodeName] = field(default_factory=Counter)  # units that a node gives at the moment

    def __post_init__(self) -> None:
        self._hears = {name: nearest(name, self.habits) for name in self.habits}
        self.nodes = {
            name: Node(name, habits, Schedule(name, key="k", units=self.units)) for name, habits in self.habits.items()
        }

    def run(self, *, until: float) -> None:
        """Go on until every honest node that runs is done, or so many seconds."""
        while self.now < until and not all(node.done_at is not None for node in self.honest()):
            self._talk()
            for node in self.nodes.values():
                if node.moves(self.now) and not node.habits.boasts:
                    self._decide(node)
            self._flow()
            self.now += self.step

    def honest(self) -> list[Node]:
        """The nodes that must get the version."""
        return [
            node
            for node in self.nodes.values()
            if not node.habits.boasts and node.habits.dies_at == NEVER and node.habits.stalls_at == NEVER
        ]

    @property
    def egress(self) -> float:
        """Units that came over the line."""
        return sum(node.line for node in self.nodes.values())

    def _talk(self) -> None:
        words = {name: node.word(self.now) for name, node in self.nodes.items()}
        for node in self.nodes.values():
            if not node.is_there(self.now):
                continue
            for other in (self.nodes[name] for name in self._hears[node.name]):
                if other.is_there(self.now) and self.sees(node.name, other.name, self.now):
                    if self._is_time(node, other):
                        node.schedule.hear(other.name, words[other.name], now=self.now)
                elif self.now >= other.habits.dies_at + other.habits.is_noticed_after or other.is_there(self.now):
                    node.schedule.lose(other.name)

    def _is_time(self, node: Node, other: Node) -> bool:
        return other.name not in node.schedule.neighbours or self.now % WORD_SECONDS < self.step

    def _decide(self, node: Node) -> None:
        while len(node.left) < PLACES:
            match node.schedule.next(now=self.now):
                case FromBucket() | FromNeighbour() as step:
                    if isinstance(step, FromNeighbour) and (why := self._refusal(step)):
                        node.schedule.failed(step.unit, why, now=self.now)
                        continue
                    self._begin(node, step, self._run(node, step))
                case Wait():
                    return
                case Finished():
                    node.done_at = self.now if node.done_at is None else node.done_at
                    return

    def _run(self, node: Node, step: FromBucket | FromNeighbour) -> range:
        if isinstance(step, FromNeighbour):
            return range(step.unit, step.unit + 1)
        return node.schedule.follow(step.unit, last=min(step.unit + self.run_units, self.units) - 1)

    def _refusal(self, step: FromNeighbour) -> Failure | None:
        other = self.nodes[step.node]
        if not other.is_there(self.now):
            return Failure.BROKEN
        if self._serves[step.node] >= SERVED_AT_ONCE:
            return Failure.BUSY
        return None if other.schedule.held >> step.unit & 1 else Failure.MISSING

    def _flow(self) -> None:
        weights = sum(
            node.habits.line_share
            for node in self.nodes.values()
            if node.moves(self.now)
            for step in node.steps.values()
            if isinstance(step, FromBucket)
        )
        served = self._serves.copy()
        for node in self.nodes.values():
            if node.moves(self.now):
                for unit in tuple(node.steps):
                    self._move(node, unit, weights=weights, served=served)

    def _move(self, node: Node, unit: int, *, weights: float, served: Mapping[NodeName, int]) -> None:
        step = node.steps[unit]
        if isinstance(step, FromBucket):
            count = min(node.left[unit], self.line * node.habits.line_share / max(weights, 1) * self.step)
            node.line += count
        else:
            other = self.nodes[step.node]
            if not other.is_there(self.now) or node.silent[unit] >= STALL_SECONDS:
                self._end(node, unit, Failure.BROKEN)
                return
            count = self.port / max(1, served[step.node]) * self.step if other.moves(self.now) else 0.0
        node.silent[unit] = 0.0 if count else node.silent[unit] + self.step
        node.left[unit] -= count
        if node.left[unit] <= 1e-9:
            self._complete(node, unit)

    def _complete(self, node: Node, unit: int) -> None:
        step = node.steps[unit]
        if isinstance(step, FromNeighbour):
            giver = self.nodes[step.node]
            if giver.habits.lies:
                node.accused.add(step.node)
                self._end(node, unit, Failure.LIED)
                return
            node.from_neighbours += 1
            if giver.habits.poisons or unit in giver.poisoned:
                node.poisoned.add(unit)
        node.schedule.arrived(unit, now=self.now)
        rest = node.runs[unit][1:]
        self._forget(node, unit)
        if rest and node.schedule.is_alone:
            self._begin(node, FromBucket(rest[0]), rest)
        else:
            for number in rest:
                node.schedule.release(number)

    def _begin(self, node: Node, step: FromBucket | FromNeighbour, run: range) -> None:
        node.steps[step.unit], node.runs[step.unit] = step, run
        node.left[step.unit], node.silent[step.unit] = 1.0, 0.0
        if isinstance(step, FromNeighbour):
            self._serves[step.node] += 1

    def _end(self, node: Node, unit: int, why: Failure) -> None:
        node.schedule.failed(unit, why, now=self.now)
        self._forget(node, unit)

    def _forget(self, node: Node, unit: int) -> None:
        if isinstance(step := node.steps[unit], FromNeighbour):
            self._serves[step.node] -= 1
        del node.steps[unit], node.left[unit], node.silent[unit], node.runs[unit]


def nearest(name: NodeName, site: Mapping[NodeName, Habits]) -> list[NodeName]:
    """Whom a node talks to: everybody, of very many those that stand next to it, as `Neighbourhood` chooses."""
    others = [other for other in site if other != name]
    if len(others) <= MAX_NEIGHBOURS:
        return others
    return sorted(others, key=lambda other: weight(name, 0, other))[:MAX_NEIGHBOURS]
