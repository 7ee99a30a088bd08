"""Which bytes of a file are there and which are to be fetched: arithmetic, no I/O."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from puller.disk.crc32c import combine

RANGE_BYTES: Final = 32 * 1024 * 1024  # one request: long enough that its start costs nothing, short enough to spread


@dataclass(frozen=True, slots=True, order=True)
class Piece:
    """The bytes [start, end) of a file and their CRC32C."""

    start: int
    end: int
    crc32c: int


def disjoint(pieces: Iterable[Piece], *, size: int) -> list[Piece]:
    """Sort out pieces that overlap others or do not fit into the file."""
    kept: list[Piece] = []
    for piece in sorted(pieces):
        if (kept[-1].end if kept else 0) <= piece.start < piece.end <= size:
            kept.append(piece)
    return kept


def missing(pieces: Iterable[Piece], *, size: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges that disjoint pieces leave open, none longer than `RANGE_BYTES`."""
    position = 0
    for start, end in [*((piece.start, piece.end) for piece in sorted(pieces)), (size, size)]:
        for at in range(position, start, RANGE_BYTES):
            yield at, min(at + RANGE_BYTES, start)
        position = end


def joined_crc32c(pieces: Iterable[Piece]) -> int:
    """The CRC32C of a file out of those of pieces that cover it."""
    crc = 0
    for piece in sorted(pieces):
        crc = combine(crc, piece.crc32c, second_size=piece.end - piece.start)
    return crc
