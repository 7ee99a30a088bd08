"""The loop's promises, on virtual time."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from service.errors import Transient
from service.health import Health
from service.loop import Outcome, Timing, Wakeup, run
from tests.support import virtual_time
from tests.support.virtual_time import now

TIMING = Timing(poll_seconds=100, settle_min_seconds=1, settle_max_seconds=5, backoff_min_seconds=2)


class Passes:
    """A pass that notes when it ran and does as the test says."""

    def __init__(self, *results: Outcome | Exception) -> None:
        self.times: list[float] = []
        self.results = list(results)

    async def __call__(self) -> Outcome:
        self.times.append(now())
        result = self.results.pop(0) if self.results else Outcome()
        if isinstance(result, Exception):
            raise result
        return result


def play(passes: Callable[[], Awaitable[Outcome]], *, rings: tuple[float, ...] = (), until: float) -> Health:
    """Run the loop on virtual time with rings at the given seconds."""
    health = Health(monotonic=now)

    async def scene() -> None:
        wakeup = Wakeup()
        loop = asyncio.get_running_loop()
        for moment in rings:
            loop.call_at(moment, wakeup.wake)
        try:
            async with asyncio.timeout(until):
                await run(passes, wakeup=wakeup, timing=TIMING, health=health)
        except TimeoutError:
            pass

    virtual_time.run(scene())
    return health


def test_first_pass_runs_at_once() -> None:
    """A start needs no event."""
    passes = Passes()
    play(passes, until=1)
    assert passes.times == [0]


def test_tick_alone_is_enough() -> None:
    """With every hint lost, a pass still runs each poll period."""
    passes = Passes()
    play(passes, until=350)
    assert passes.times == [0, 100, 200, 300]


def test_ring_starts_a_pass_after_the_shortest_quiet() -> None:
    """One hint is answered as soon as the bell was quiet for the minimum."""
    passes = Passes()
    play(passes, rings=(10,), until=50)
    assert passes.times == [0, 11]


def test_burst_of_rings_is_one_pass() -> None:
    """Hints coalesce."""
    passes = Passes()
    play(passes, rings=(10, 10.2, 10.4, 11.3), until=50)
    assert passes.times == [0, pytest.approx(12.3)]


def test_steady_rings_cannot_hold_a_pass_up() -> None:
    """A stream of hints that never pauses is answered after the maximum."""
    passes = Passes()
    play(passes, rings=tuple(10 + 0.5 * step for step in range(60)), until=21)
    assert passes.times[:3] == [0, pytest.approx(15), pytest.approx(20.5, abs=0.6)]


def test_ring_in_a_pass_is_not_lost() -> None:
    """What happens while a pass looks is looked at by the next."""
    times: list[float] = []

    async def slow() -> Outcome:
        times.append(now())
        await asyncio.sleep(3)
        return Outcome()

    play(slow, rings=(1,), until=50)
    assert times == [0, pytest.approx(4)]


def test_pass_may_ask_to_look_again() -> None:
    """Settle times and grace times need no event."""
    passes = Passes(Outcome(again_in_seconds=7))
    play(passes, until=50)
    assert passes.times == [0, 7]


def test_failures_back_off_and_success_resets() -> None:
    """A failing pass is tried again with growing delay, and the poll period returns after a success."""
    passes = Passes(Transient("bucket away"), Transient("bucket away"), Transient("bucket away"))
    play(passes, until=30)
    gaps = [later - earlier for earlier, later in zip(passes.times, passes.times[1:], strict=False)]
    assert gaps == [pytest.approx(2 + 2, abs=0.5), pytest.approx(2 + 4, abs=0.5), pytest.approx(2 + 8, abs=1)]


def test_bug_in_a_pass_does_not_end_the_loop() -> None:
    """An exception outside our tree is reported, and the next pass runs."""
    passes = Passes(KeyError("oops"))
    health = play(passes, until=10)
    assert len(passes.times) == 2
    assert health.is_ready


def test_ready_means_a_pass_has_succeeded() -> None:
    """A service whose first pass fails is not ready, and says why."""
    health = play(Passes(*[Transient("bucket away")] * 9), until=20)
    assert not health.is_ready
    assert health.last_pass.error == "bucket away"


def test_alive_ends_when_a_pass_is_stuck() -> None:
    """Liveness notices a pass that never ends."""
    moments = [0.0]
    health = Health(monotonic=lambda: moments[0])
    health.begin()
    moments[0] = 299
    assert health.is_alive
    moments[0] = 301
    assert not health.is_alive


def test_next_pass_is_one_that_began_after_the_question() -> None:
    """Who asks for a look gets the outcome of a pass that saw the world after that, not of one under way."""

    async def scene() -> str:
        health = Health(monotonic=now)
        health.begin()
        waiting = asyncio.create_task(health.next_pass())
        await asyncio.sleep(1)
        health.succeed()
        await asyncio.sleep(1)
        assert not waiting.done()
        health.begin()
        health.fail("the bucket is away")
        return (await waiting).error

    assert virtual_time.run(scene()) == "the bucket is away"
