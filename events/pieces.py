"""The one rule by which files are cut into pieces, and the table of what each piece must be.

A piece is what nodes pass on to each other, and the least that can be checked by itself. Every file is cut by its size
alone, so that two nodes mean the same bytes by the same number. The table has the SHA-256 of each piece: a manifest
brings it, and whoever checks bytes by pieces reads it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from events.names import FileName

MIB: Final = 1024 * 1024
LEAST_BYTES: Final = 4 * MIB
MOST_BYTES: Final = 32 * MIB
MOST_OF_A_FILE: Final = 512  # a file has no more pieces, unless they would be longer than `MOST_BYTES`
DIGEST_BYTES: Final = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Table:
    """What is known of a version's pieces: for each file the SHA-256 of its pieces, in order."""

    digests: Mapping[FileName, tuple[bytes, ...]]

    def digest(self, name: FileName, number: int) -> bytes | None:
        """Return the SHA-256 of a file's piece, counted from 0; None where the table does not say it."""
        digests = self.digests.get(name, ())
        return digests[number] if number < len(digests) else None


class Digests:
    """Computes the SHA-256 of the pieces of one file, whose bytes are given in order."""

    def __init__(self, size: int) -> None:
        """Expect a file of so many bytes."""
        self._left_of_file = size
        self._length = piece_bytes(size)
        self._done: list[bytes] = []
        self._hash = hashlib.sha256()
        self._left = min(self._length, size)

    def add(self, data: bytes) -> None:
        """Take the next bytes; what is more than the file's size is left out."""
        rest = memoryview(data)[: self._left_of_file]
        while rest:
            part = rest[: self._left]
            self._hash.update(part)
            self._left -= len(part)
            self._left_of_file -= len(part)
            rest = rest[len(part) :]
            if not self._left:
                self._end_piece()

    def result(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of each piece that is whole."""
        return tuple(self._done)

    def _end_piece(self) -> None:
        self._done.append(self._hash.digest())
        self._hash = hashlib.sha256()
        self._left = min(self._length, self._left_of_file)


def piece_bytes(size: int) -> int:
    """Tell how long the pieces of a file of so many bytes are, its last one aside: a power of two."""
    length = LEAST_BYTES
    while length < MOST_BYTES and length * MOST_OF_A_FILE < size:
        length *= 2
    return length


def count(size: int) -> int:
    """Tell how many pieces a file of so many bytes has; an empty one has none."""
    return -(-size // piece_bytes(size))


def ranges(size: int) -> Iterator[tuple[int, int]]:
    """Yield where each piece of a file begins and ends."""
    length = piece_bytes(size)
    for start in range(0, size, length):
        yield start, min(start + length, size)


def digests(size: int, blocks: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the SHA-256 of each piece of a file that comes in blocks."""
    computed = Digests(size)
    for block in blocks:
        computed.add(block)
    return computed.result()
