"""Which bytes of a file are there and which are not."""

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from puller.disk import crc32c
from puller.disk.ranges import RANGE_BYTES, Piece, disjoint, joined_crc32c, missing

SIZES = st.integers(0, 5 * RANGE_BYTES)


@st.composite
def notes(draw: st.DrawFn) -> tuple[int, list[Piece]]:
    """A file's size and notes about it, wrong ones among them."""
    size = draw(SIZES)
    edge = st.integers(-1, size + 10)
    return size, draw(st.lists(st.builds(Piece, edge, edge, st.just(0)), max_size=8))


@given(notes())
def test_pieces_and_gaps_cover_the_file_once(given_notes: tuple[int, list[Piece]]) -> None:
    """Whatever was noted, kept pieces and missing ranges lie side by side from the first byte to the last."""
    size, noted = given_notes
    kept = disjoint(noted, size=size)
    gaps = list(missing(kept, size=size))
    position = 0
    for start, end in sorted([*((piece.start, piece.end) for piece in kept), *gaps]):
        assert start == position < end
        position = end
    assert position == size


@given(notes())
def test_no_range_is_longer_than_one_request(given_notes: tuple[int, list[Piece]]) -> None:
    """Missing bytes are cut into ranges of bounded size."""
    size, noted = given_notes
    assert all(end - start <= RANGE_BYTES for start, end in missing(disjoint(noted, size=size), size=size))


@given(st.binary(max_size=500), st.lists(st.integers(0, 500), max_size=6), st.randoms(use_true_random=False))
def test_crc_of_pieces_is_that_of_the_file(data: bytes, cuts: list[int], order: Random) -> None:
    """Pieces in any order give the CRC32C of the file."""
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [Piece(a, b, crc32c.extend(0, data[a:b])) for a, b in pairwise(edges)]
    order.shuffle(pieces)
    assert joined_crc32c(pieces) == crc32c.extend(0, data)
