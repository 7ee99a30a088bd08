"""From whom a node fetches which unit of one version next: a state machine without clock, disk or network.

Each unit has a first node (`order`), which fetches it from the bucket; the others take it from whoever has it. A node
that is late, or was waited for too long, loses its share to those who come next. All waiting together is bounded:

    a node is idle, waiting for others, for at most `ROUNDS` times max(`PATIENCE_SECONDS`, `SLOWER` times the longest
    time that one of its own units took from the bucket), and `UNMEASURED_SECONDS` in the place of this where it has
    fetched none.

Time that a broken answer took counts as idle, too. Then it goes to the bucket for all that no neighbour gives at once,
and the first broken answer ends the exchange for this version. Where nodes see different neighbours a unit is fetched
twice, never lost. A set of units is an integer's bits.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

from events.names import NodeName
from puller.exchange.neighbours import Availability, Failure, Neighbour, had, offered
from puller.exchange.order import Shares, bits, weight
from puller.exchange.steps import Finished, FromBucket, FromNeighbour, Step, Wait

BUCKET_FETCHES: Final = 8  # of all nodes of a site together: what one node alone has under way
NEIGHBOUR_FETCHES: Final = 4
PATIENCE_SECONDS: Final = 5.0
UNMEASURED_SECONDS: Final = 30.0
SLOWER: Final = 4
ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class _UnderWay:
    step: FromBucket | FromNeighbour
    since: float
    request: int  # the first unit that comes by the same request


class Schedule:
    """Decides for one node and one version. `key` names the version's bytes, and is the same on all nodes."""

    def __init__(self, me: NodeName, *, key: str, units: int, held: int = 0) -> None:
        """Begin alone; `held` are the units that are there already."""
        self.held = held
        self.neighbours: dict[NodeName, Neighbour] = {}
        self._me = me
        self._key = key
        self._all = (1 << units) - 1
        self._shift = weight(key, units, me) % max(1, units)
        self._shares = Shares(key, units)
        self._shares.add(me)
        self._under_way: dict[int, _UnderWay] = {}
        self._slowest: float | None = None
        self._idle_since: float | None = None
        self._idle_seconds = 0.0
        self._rounds = 0
        self._liars: set[NodeName] = set()
        self._has_ended = False

    @property
    def coming(self) -> int:
        """The units that this node fetches from the bucket now."""
        return sum(1 << unit for unit, one in self._under_way.items() if isinstance(one.step, FromBucket))

    @property
    def places(self) -> int:
        """How many requests of this node to the bucket may be under way."""
        return -(-BUCKET_FETCHES // len(self._shares.nodes))

    @property
    def is_alone(self) -> bool:
        """Whether nobody shares the work."""
        return self._shares.nodes == {self._me}

    def hear(self, node: NodeName, word: Availability, *, now: float) -> None:
        """Take a neighbour's word about the version; the first one makes it take part."""
        if node in self._liars or self._has_ended:
            return
        if (known := self.neighbours.get(node)) is not None:
            known.hear(word, now=now)
            return
        is_late = self._rounds >= ROUNDS
        self.neighbours[node] = Neighbour(word.has, word.coming, word.bytes_there, progressed_at=now, is_late=is_late)
        if not is_late:
            self._shares.add(node)

    def lose(self, node: NodeName) -> None:
        """Forget a neighbour that is gone; what comes from it fails by itself."""
        self.neighbours.pop(node, None)
        self._shares.remove(node)

    def next(self, *, now: float) -> Step:
        """Decide what to do with a free place; a step that is returned counts as begun."""
        self._judge(now)
        step = self._ask(now) or self._fetch(now)
        if step is not None:
            self._under_way[step.unit] = _UnderWay(step, now, step.unit)
            self._end_idle(now)
            return step
        if self.held == self._all:
            return Finished()
        if not self._under_way and self._idle_since is None:
            self._idle_since = now
        return Wait()

    def follow(self, unit: int, *, last: int) -> range:
        """Begin with the units up to `last`, too, that come by the same request as one from the bucket; all of them.

        Only while nobody shares the work: long requests cost least, short ones are passed on sooner.
        """
        end = unit + 1
        while self.is_alone and end <= last and self._open >> end & 1:
            end += 1
        since = self._under_way[unit].since
        for number in range(unit, end):
            self._under_way[number] = _UnderWay(FromBucket(number), since, unit)
        return range(unit, end)

    def release(self, unit: int) -> None:
        """Give up a unit that is under way; whoever is to fetch it does so anew."""
        del self._under_way[unit]

    def arrived(self, unit: int, *, now: float) -> None:
        """Note that a unit is there and right."""
        done = self._under_way.pop(unit)
        self.held |= 1 << unit
        match done.step:
            case FromBucket():
                self._slowest = max(self._slowest or 0.0, (now - done.since) / (unit - done.request + 1))
            case FromNeighbour(node=node):
                if node in self.neighbours:
                    self.neighbours[node].asked -= 1
                    self.neighbours[node].failures = 0

    def failed(self, unit: int, why: Failure, *, now: float) -> None:
        """Note that a unit did not come; it is fetched again, from whoever is next."""
        done = self._under_way.pop(unit)
        if isinstance(done.step, FromBucket):
            return
        node = done.step.node
        if why in {Failure.BROKEN, Failure.LIED}:
            self._idle_seconds += now - done.since
            self._has_ended = self._rounds >= ROUNDS
        if why is Failure.LIED:
            self._liars.add(node)
            self.lose(node)
        elif node in self.neighbours:
            self.neighbours[node].asked -= 1
            self.neighbours[node].fail(unit, why, now=now)
            if self.neighbours[node].is_avoided:
                self._set_aside(node)
        if self._has_ended:
            for other in tuple(self.neighbours):
                self.lose(other)

    @property
    def _open(self) -> int:
        """The units that are neither there nor under way."""
        return self._all & ~self.held & ~sum(1 << unit for unit in self._under_way)

    @property
    def _wait_seconds(self) -> float:
        return UNMEASURED_SECONDS if self._slowest is None else max(PATIENCE_SECONDS, SLOWER * self._slowest)

    def _ask(self, now: float) -> FromNeighbour | None:
        """Choose a unit that a neighbour has, and which neighbour: the one that is asked least."""
        if sum(isinstance(one.step, FromNeighbour) for one in self._under_way.values()) >= NEIGHBOUR_FETCHES:
            return None
        units = self._open & offered(self.neighbours.values(), now=now)
        if not units:
            return None
        unit = self._lowest(units)
        holders = [node for node, one in self.neighbours.items() if one.offers(now=now) >> unit & 1]
        node = min(holders, key=lambda node: (self.neighbours[node].asked, weight(self._me, unit, node)))
        self.neighbours[node].asked += 1
        return FromNeighbour(unit, node)

    def _fetch(self, now: float) -> FromBucket | None:
        """Choose a unit of this node's share that nobody has and nobody fetches."""
        requests = {one.request for one in self._under_way.values() if isinstance(one.step, FromBucket)}
        if len(requests) >= self.places:
            return None
        units = self._shares.of(self._me) & self._open & ~self._had(now) & ~self._awaited()
        return FromBucket(self._lowest(units)) if units else None

    def _had(self, now: float) -> int:
        """The units that are to come from neighbours; once patience has ended, those that come at once."""
        return (had if self._rounds < ROUNDS else partial(offered, now=now))(self.neighbours.values())

    def _awaited(self) -> int:
        """The units that neighbours fetch, as far as these are not late."""
        units = 0
        for neighbour in self.neighbours.values():
            units |= 0 if neighbour.is_late else neighbour.coming
        return units

    def _lowest(self, units: int) -> int:
        """Choose from a set: nodes begin at different places, so that they have different units to pass on."""
        shift = 0 if self.is_alone else self._shift
        later = units >> shift << shift
        return next(iter(bits(later or units)))

    def _judge(self, now: float) -> None:
        """Take their shares from those that are late, and from the one that owes most when patience has ended."""
        lacking = self._open & ~self._had(now)
        debts = {node: (self._shares.of(node) | one.coming) & lacking for node, one in self.neighbours.items()}
        for node, neighbour in self.neighbours.items():
            if not neighbour.is_late and neighbour.is_quiet(owed=debts[node], now=now):
                self._set_aside(node)
        if self._idle(now) >= (self._rounds + 1) * self._wait_seconds:
            self._end_round(debts)

    def _end_round(self, debts: dict[NodeName, int]) -> None:
        self._rounds += 1
        if self._rounds >= ROUNDS:
            for node in self.neighbours:
                self._set_aside(node)
        elif any(debts.values()):
            self._set_aside(max(debts, key=lambda node: debts[node].bit_count()))

    def _set_aside(self, node: NodeName) -> None:
        """Wait no longer for what a neighbour is to fetch; what it has is still taken."""
        self.neighbours[node].is_late = True
        self._shares.remove(node)

    def _idle(self, now: float) -> float:
        return self._idle_seconds + (now - self._idle_since if self._idle_since is not None else 0.0)

    def _end_idle(self, now: float) -> None:
        self._idle_seconds = self._idle(now)
        self._idle_since = None
