"""From whom a unit is fetched: decisions at single moments."""

from events.names import NodeName
from puller.exchange import schedule
from puller.exchange.neighbours import BUSY_SECONDS, QUIET_SECONDS, Availability, Failure
from puller.exchange.schedule import Schedule
from puller.exchange.steps import Finished, FromBucket, FromNeighbour, Wait

A, B, C = NodeName("a"), NodeName("b"), NodeName("c")
ALL = 0b1111


def test_alone() -> None:
    """A node without neighbours fetches everything from the bucket, at once."""
    one = Schedule(A, key="k", units=3)
    steps = [one.next(now=0) for _ in range(3)]
    assert {step.unit for step in steps if isinstance(step, FromBucket)} == {0, 1, 2}
    assert isinstance(one.next(now=0), Wait)
    for unit in range(3):
        one.arrived(unit, now=1)
    assert isinstance(one.next(now=1), Finished)


def test_nothing_to_do() -> None:
    """A version that is there whole, or has no bytes, is finished."""
    assert isinstance(Schedule(A, key="k", units=0).next(now=0), Finished)
    assert isinstance(Schedule(A, key="k", units=2, held=0b11).next(now=0), Finished)


def test_whole_neighbour() -> None:
    """A node that comes late takes everything from a neighbour that has it."""
    one = Schedule(A, key="k", units=4)
    one.hear(B, Availability(ALL), now=0)
    assert [type(one.next(now=0)) for _ in range(4)] == [FromNeighbour] * 4


def test_shares_are_disjoint() -> None:
    """Nodes that know each other fetch different units from the bucket, together all of them."""
    nodes = {name: Schedule(name, key="k", units=4) for name in (A, B, C)}
    for name, one in nodes.items():
        for other in nodes.keys() - {name}:
            one.hear(other, Availability(0), now=0)
    taken = [step.unit for one in nodes.values() for step in _steps(one) if isinstance(step, FromBucket)]
    assert sorted(taken) == [0, 1, 2, 3]


def test_under_way_elsewhere() -> None:
    """What a neighbour fetches already is waited for, whosever share it is."""
    one = Schedule(A, key="k", units=4)
    one.hear(B, Availability(0, coming=ALL), now=0)
    assert isinstance(one.next(now=0), Wait)


def test_lost_neighbour() -> None:
    """The share of a neighbour that is gone is fetched by who is left."""
    one = Schedule(A, key="k", units=4)
    one.hear(B, Availability(0, coming=ALL), now=0)
    one.lose(B)
    assert len(_steps(one)) == 4


def test_quiet_neighbour() -> None:
    """A neighbour that fetches and whose bytes do not grow loses its share after a while."""
    one = Schedule(A, key="k", units=4)
    one.hear(B, Availability(0, coming=ALL, bytes_there=10), now=0)
    assert isinstance(one.next(now=0), Wait)
    one.hear(B, Availability(0, coming=ALL, bytes_there=10), now=QUIET_SECONDS - 1)
    assert isinstance(one.next(now=QUIET_SECONDS - 1), Wait)
    assert isinstance(one.next(now=QUIET_SECONDS), FromBucket)


def test_progress_is_patience() -> None:
    """A neighbour whose bytes grow keeps its share, until patience with all neighbours has ended."""
    one = Schedule(A, key="k", units=4)
    now = 0.0
    while now < schedule.ROUNDS * schedule.UNMEASURED_SECONDS + 1:
        one.hear(B, Availability(0, coming=ALL, bytes_there=int(now)), now=now)
        if isinstance(one.next(now=now), FromBucket):
            break
        now += 1
    assert now == schedule.UNMEASURED_SECONDS


def test_busy_neighbour() -> None:
    """A neighbour without a free place is asked again a moment later."""
    one = Schedule(A, key="k", units=1)
    one.hear(B, Availability(1), now=0)
    assert one.next(now=0) == FromNeighbour(0, B)
    one.failed(0, Failure.BUSY, now=0)
    assert isinstance(one.next(now=0), Wait)
    assert one.next(now=BUSY_SECONDS) == FromNeighbour(0, B)


def test_always_busy() -> None:
    """Units that only neighbours without a free place have come from the bucket when patience has ended."""
    one = Schedule(A, key="k", units=1)
    one.hear(B, Availability(1), now=0)
    now = 0.0
    while now < 1000 and not isinstance(step := one.next(now=now), FromBucket):
        if isinstance(step, FromNeighbour):
            one.failed(0, Failure.BUSY, now=now)
        else:
            now += 0.1
    assert now <= schedule.ROUNDS * schedule.UNMEASURED_SECONDS + 1


def test_liar() -> None:
    """A neighbour that gave a wrong unit is left alone, also when it comes again."""
    one = Schedule(A, key="k", units=2)
    one.hear(B, Availability(0b11), now=0)
    step = one.next(now=0)
    assert isinstance(step, FromNeighbour)
    one.failed(step.unit, Failure.LIED, now=0)
    one.hear(B, Availability(0b11), now=1)
    assert [type(one.next(now=1)) for _ in range(2)] == [FromBucket] * 2


def test_broken_twice() -> None:
    """A neighbour that broke two answers is asked no more, and its units come from elsewhere."""
    one = Schedule(A, key="k", units=1)
    one.hear(B, Availability(1), now=0)
    for _ in range(2):
        assert isinstance(one.next(now=0), FromNeighbour)
        one.failed(0, Failure.BROKEN, now=0)
        one.hear(B, Availability(1), now=0)
    assert one.next(now=0) == FromBucket(0)


def test_bucket_failure() -> None:
    """A unit that the bucket did not give is open again."""
    one = Schedule(A, key="k", units=1)
    assert one.next(now=0) == FromBucket(0)
    one.failed(0, Failure.BROKEN, now=0)
    assert one.next(now=0) == FromBucket(0)


def test_alone_by_long_requests() -> None:
    """A node alone takes units that follow by the same request; they count as one, and as under way."""
    one = Schedule(A, key="k", units=20)
    first = one.next(now=0)
    assert first == FromBucket(0)
    assert one.follow(0, last=7) == range(8)
    assert one.coming == 0xFF
    assert one.next(now=0) == FromBucket(8)
    assert one.follow(8, last=8) == range(8, 9)
    assert len(_steps(one)) == schedule.BUCKET_FETCHES - 2


def test_shared_by_short_requests() -> None:
    """A node with neighbours takes nothing by the way: it may be another's share."""
    one = Schedule(A, key="k", units=20)
    one.hear(B, Availability(0), now=0)
    step = one.next(now=0)
    assert isinstance(step, FromBucket)
    assert one.follow(step.unit, last=19) == range(step.unit, step.unit + 1)


def test_long_requests_end_at_what_is_there() -> None:
    """A request does not go over units that are there or under way already."""
    one = Schedule(A, key="k", units=6, held=0b010000)
    assert one.next(now=0) == FromBucket(0)
    assert one.next(now=0) == FromBucket(1)
    assert one.follow(1, last=5) == range(1, 4)
    assert one.follow(0, last=5) == range(1)


def test_long_requests_are_no_slow_line() -> None:
    """Others are waited for by the time of one unit, also where several come by one request."""
    waits = []
    for last in (0, 7):
        one = Schedule(A, key="k", units=20)
        one.next(now=0)
        run = one.follow(0, last=last)
        for unit in run:
            one.arrived(unit, now=10 * (unit + 1))
        waits.append(one._wait_seconds)
    assert waits == [schedule.SLOWER * 10, schedule.SLOWER * 10]


def _steps(one: Schedule) -> list[FromBucket | FromNeighbour]:
    """All that a node begins now."""
    found = []
    while isinstance(step := one.next(now=0), FromBucket | FromNeighbour):
        found.append(step)
    return found
