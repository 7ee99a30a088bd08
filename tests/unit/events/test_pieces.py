"""The SHA-256 of pieces."""

import hashlib

from events import pieces
from events.names import FileName
from events.pieces import LEAST_BYTES, Table


def test_digests() -> None:
    """Each piece has the SHA-256 of its own bytes, however they were given."""
    data = b"a" * LEAST_BYTES + b"b" * LEAST_BYTES + b"c" * 7
    expected = tuple(hashlib.sha256(data[start:end]).digest() for start, end in pieces.ranges(len(data)))
    assert len(expected) == 3
    for length in (1_000_000, LEAST_BYTES, 3 * LEAST_BYTES):
        blocks = [data[at : at + length] for at in range(0, len(data), length)]
        assert pieces.digests(len(data), blocks) == expected


def test_empty_file() -> None:
    """An empty file has no pieces."""
    assert pieces.digests(0, [b""]) == ()
    assert pieces.count(0) == 0


def test_too_many_bytes() -> None:
    """Bytes behind the end of the file do not count."""
    assert pieces.digests(1, [b"ab"]) == (hashlib.sha256(b"a").digest(),)


def test_table() -> None:
    """The table says what it knows, and no more."""
    table = Table({FileName("a"): (b"1", b"2")})
    assert table.digest(FileName("a"), 1) == b"2"
    assert table.digest(FileName("a"), 2) is None
    assert table.digest(FileName("b"), 0) is None
