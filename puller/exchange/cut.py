"""Cuts the files of a version into the units of the exchange: pieces of large files, and batches of small ones.

Every node of a site cuts alike, from names and sizes alone, so a number says the same bytes on all of them. A batch
keeps many small files from being as many decisions; its files are still fetched and checked one by one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from events import pieces
from events.names import FileName

BATCH_FILES: Final = 256
REQUEST_BYTES: Final = 32 * 1024 * 1024  # as a node without an exchange asks for at a time


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes [start, end) of a file: its piece of that number."""

    name: FileName
    start: int
    end: int
    number: int

    @property
    def size(self) -> int:
        """Bytes in it."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Unit:
    """What one node fetches from the bucket and passes on: one piece of a large file, or some small files."""

    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Bytes in it."""
        return sum(part.size for part in self.parts)


def cut(sizes: Mapping[FileName, int]) -> tuple[Unit, ...]:
    """Cut files; empty ones have nothing to pass on. The large files come first, each group in the order of names."""
    names = sorted(name for name, size in sizes.items() if size)
    large = [name for name in names if sizes[name] >= pieces.LEAST_BYTES]
    small = [name for name in names if sizes[name] < pieces.LEAST_BYTES]
    units = [Unit((part,)) for name in large for part in _parts(name, sizes[name])]
    return (*units, *_batches(small, sizes))


def last_of_request(units: tuple[Unit, ...], number: int) -> int:
    """Return the last unit that can come by one request with this one: of the same file, within a request's length."""
    first = units[number].parts[0]
    while number + 1 < len(units):
        after = units[number + 1].parts[0]
        if after.name != first.name or after.end - first.start > REQUEST_BYTES:
            break
        number += 1
    return number


def _parts(name: FileName, size: int) -> Iterator[Part]:
    for number, (start, end) in enumerate(pieces.ranges(size)):
        yield Part(name, start, end, number)


def _batches(names: list[FileName], sizes: Mapping[FileName, int]) -> Iterator[Unit]:
    batch: list[Part] = []
    taken = 0
    for name in names:
        if batch and (taken + sizes[name] > pieces.LEAST_BYTES or len(batch) == BATCH_FILES):
            yield Unit(tuple(batch))
            batch, taken = [], 0
        batch.append(Part(name, 0, sizes[name], 0))
        taken += sizes[name]
    if batch:
        yield Unit(tuple(batch))
