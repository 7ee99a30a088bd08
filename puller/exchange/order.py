"""Which node fetches a unit from the bucket: the first in the unit's own order of nodes (rendezvous hashing).

Nodes with the same list of nodes come to the same answer without a word. A node that comes or goes changes the answer
for its own share alone.
"""

import hashlib
from collections.abc import Iterable

from events.names import NodeName


def weight(key: str, unit: int, node: NodeName) -> int:
    """Say how high a node stands in the order of a unit; the highest is first."""
    digest = hashlib.blake2b(f"{key}/{unit}/{node}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


class Shares:
    """Whose each unit of a version is, kept up to date while nodes come and go. A set of units is an integer's bits."""

    def __init__(self, key: str, units: int) -> None:
        """Begin without nodes; `key` is the version's and the same on all nodes."""
        self._key = key
        self._units = units
        self._first: list[tuple[int, NodeName] | None] = [None] * units
        self._shares: dict[NodeName, int] = {}

    @property
    def nodes(self) -> frozenset[NodeName]:
        """The nodes among which the units are shared."""
        return frozenset(self._shares)

    def of(self, node: NodeName) -> int:
        """Return the units that are a node's."""
        return self._shares.get(node, 0)

    def add(self, node: NodeName) -> None:
        """Give a node its share."""
        if node in self._shares:
            return
        self._shares[node] = 0
        for unit in range(self._units):
            self._offer(unit, node)

    def remove(self, node: NodeName) -> None:
        """Give a node's share to those who come next."""
        rest = self._shares.pop(node, 0)
        for unit in bits(rest):
            self._first[unit] = None
            for other in self._shares:
                self._offer(unit, other)

    def _offer(self, unit: int, node: NodeName) -> None:
        before, mine = self._first[unit], (weight(self._key, unit, node), node)
        if before is not None and before > mine:
            return
        if before is not None:
            self._shares[before[1]] &= ~(1 << unit)
        self._first[unit] = mine
        self._shares[node] |= 1 << unit


def bits(units: int) -> Iterable[int]:
    """Yield the numbers of the units in a set, ascending."""
    while units:
        lowest = units & -units
        yield lowest.bit_length() - 1
        units ^= lowest
