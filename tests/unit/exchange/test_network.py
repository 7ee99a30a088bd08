"""A whole site in virtual time: every honest node gets the version, the line carries it once, waiting has an end."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bench.virtual_site import NEVER, STALL_SECONDS, Habits, Network
from events.names import NodeName
from puller.exchange.schedule import BUCKET_FETCHES, PATIENCE_SECONDS, ROUNDS, UNMEASURED_SECONDS

HONEST = st.builds(
    Habits, joins_at=st.sampled_from([0.0, 0.0, 0.3, 2.0, 30.0]), line_share=st.sampled_from([1.0, 1.0, 0.2])
)
DYING = st.builds(Habits, dies_at=st.floats(0.1, 20), is_noticed_after=st.sampled_from([0.0, 1.0, 10.0]))
STALLING = st.builds(Habits, stalls_at=st.floats(0.0, 20))
LYING = st.builds(Habits, lies=st.just(True))
POISONING = st.builds(Habits, poisons=st.just(True))
BOASTING = st.builds(Habits, boasts=st.just(True))
UNITS = st.integers(0, 40)


@given(units=UNITS, nodes=st.integers(1, 10))
def test_nothing_goes_wrong(units: int, nodes: int) -> None:
    """Where all nodes begin together, the line carries the version once, and takes as long as for one node."""
    site = _site(units, [Habits()] * nodes)
    site.run(until=1000)
    assert site.egress <= units + 1e-6
    assert _last(site) <= units / site.line * 1.25 + 1.5


@given(units=UNITS, honest=st.integers(1, 5), dying=st.lists(DYING, max_size=4))
def test_deaths(units: int, honest: int, dying: list[Habits]) -> None:
    """A death costs what the node had under way at the line, and one unit that it had not passed on yet."""
    habits = [*[Habits()] * honest, *dying]
    site = _site(units, habits)
    site.run(until=1000)
    under_way = -(-BUCKET_FETCHES // honest)  # by a node, when the others are gone
    assert all(node.done_at is not None for node in site.honest())
    assert site.egress <= units + len(dying) * (under_way + 1) + 1e-6


@given(units=st.integers(0, 100), joins=st.lists(st.floats(0.0, 30.0), min_size=1, max_size=6))
def test_arriving_in_the_middle(units: int, joins: list[float]) -> None:
    """Nodes that come while one fetches alone, by long requests, share with it: all comes once over the line."""
    site = _site(units, [Habits(), *(Habits(joins_at=at) for at in joins)])
    site.run_units = 8
    site.run(until=1000)
    assert all(node.done_at is not None for node in site.honest())
    assert site.egress <= units + 1e-6


@given(units=UNITS, honest=st.integers(1, 5), lying=st.integers(0, 3), poisoning=st.integers(0, 3))
def test_without_sha256(units: int, honest: int, lying: int, poisoning: int) -> None:
    """A piece that is not what its first node said is found at once, and its giver left alone.

    What its first node said wrongly itself is passed on and found by the whole file; the pieces that came by way of
    honest nodes alone are right, and of these nobody is accused.
    """
    habits = [*[Habits()] * honest, *[Habits(lies=True)] * lying, *[Habits(poisons=True)] * poisoning]
    site = _site(units, habits)
    site.run(until=3000)
    liars = {name for name, one in site.habits.items() if one.lies}
    assert all(node.done_at is not None for node in site.honest())
    assert set().union(*(node.accused for node in site.honest())) <= liars
    if not poisoning:
        assert not any(node.poisoned for node in site.honest())


@settings(deadline=None, max_examples=60)
@given(
    units=UNITS,
    honest=st.lists(HONEST, min_size=1, max_size=4),
    others=st.lists(st.one_of(DYING, STALLING, LYING, POISONING, BOASTING), max_size=4),
    run_units=st.sampled_from([1, 8]),
    hidden=st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12),
    heals_at=st.sampled_from([0.0, 5.0, NEVER]),
)
def test_anything(
    units: int,
    honest: list[Habits],
    others: list[Habits],
    run_units: int,
    hidden: set[tuple[int, int]],
    heals_at: float,
) -> None:
    """Whatever neighbours do and whoever sees whom, every honest node has the version after a bounded wait."""
    names = [NodeName(f"n{number}") for number in range(8)]
    apart = {(names[one], names[other]) for one, other in hidden}
    site = _site(units, [*honest, *others])
    site.run_units = run_units
    site.sees = lambda one, other, now: now >= heals_at or (one, other) not in apart
    site.run(until=3000)
    assert all(node.done_at is not None for node in site.honest())
    slowest_alone = len(site.nodes) * units / site.line / min(one.line_share for one in honest)
    longest_unit = len(site.nodes) * BUCKET_FETCHES / site.line / min(one.line_share for one in honest)
    patience = max(PATIENCE_SECONDS, UNMEASURED_SECONDS, 4 * longest_unit)
    joined = max(one.joins_at for one in honest)
    assert _last(site) <= joined + slowest_alone + ROUNDS * patience + len(others) * STALL_SECONDS + 5


def _site(units: int, habits: list[Habits]) -> Network:
    return Network(units, {NodeName(f"n{number}"): one for number, one in enumerate(habits)})


def _last(site: Network) -> float:
    return max(node.done_at if node.done_at is not None else NEVER for node in site.honest())
