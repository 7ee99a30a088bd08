"""How files become units, and whose each unit is."""

from hypothesis import given
from hypothesis import strategies as st

from events import pieces
from events.names import FileName, NodeName
from puller.exchange.cut import BATCH_FILES, cut
from puller.exchange.order import Shares, bits

SIZES = st.dictionaries(
    st.from_regex(r"[a-z]{1,8}", fullmatch=True).map(FileName),
    st.one_of(st.integers(0, 2**20), st.integers(0, 2**36)),
    max_size=30,
)
NODES = st.sets(st.from_regex(r"[a-z]{1,6}", fullmatch=True).map(NodeName), min_size=1, max_size=8)


@given(sizes=SIZES)
def test_every_byte_once(sizes: dict[FileName, int]) -> None:
    """The units hold every byte of every file once."""
    found: dict[FileName, int] = dict.fromkeys(sizes, 0)
    parts = [part for unit in cut(sizes) for part in unit.parts]
    for part in sorted(parts, key=lambda part: (part.name, part.start)):
        assert part.start == found[part.name] < part.end
        found[part.name] = part.end
    assert found == sizes


@given(sizes=SIZES)
def test_bounds(sizes: dict[FileName, int]) -> None:
    """A unit is one piece of a large file, or a bounded number of small files of a bounded size."""
    for unit in cut(sizes):
        assert 0 < unit.size <= pieces.MOST_BYTES
        assert len(unit.parts) == 1 or (unit.size <= pieces.LEAST_BYTES and len(unit.parts) <= BATCH_FILES)


@given(size=st.integers(0, 2**41))
def test_piece_bytes(size: int) -> None:
    """Pieces are 4 to 32 MiB long, and few as far as that lets them."""
    length = pieces.piece_bytes(size)
    assert length in {4 << 20, 8 << 20, 16 << 20, 32 << 20}
    assert pieces.count(size) <= pieces.MOST_OF_A_FILE or length == pieces.MOST_BYTES


@given(nodes=NODES, units=st.integers(0, 64))
def test_shares(nodes: set[NodeName], units: int) -> None:
    """Every unit is one node's, whatever order the nodes came in."""
    shares, others = Shares("k", units), Shares("k", units)
    for node in sorted(nodes):
        shares.add(node)
    for node in sorted(nodes, reverse=True):
        others.add(node)
    taken = [unit for node in nodes for unit in bits(shares.of(node))]
    assert sorted(taken) == list(range(units))
    assert all(shares.of(node) == others.of(node) for node in nodes)


@given(nodes=NODES, units=st.integers(0, 64))
def test_leaving(nodes: set[NodeName], units: int) -> None:
    """A node that goes gives its share away and moves nothing else."""
    shares = Shares("k", units)
    for node in nodes:
        shares.add(node)
    gone = min(nodes)
    before = {node: shares.of(node) for node in nodes}
    shares.remove(gone)
    assert all(shares.of(node) & before[node] == before[node] for node in nodes - {gone})
    assert sum(shares.of(node).bit_count() for node in nodes - {gone}) == (units if len(nodes) > 1 else 0)
