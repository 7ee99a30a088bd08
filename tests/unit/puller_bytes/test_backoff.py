"""Bandwidth and progress, on virtual time."""

import asyncio

from events.status import Progress
from puller.download.bandwidth import BURST_SECONDS, Bandwidth
from puller.download.progress import Meter
from tests.support import virtual_time


def test_a_rate_is_kept_over_all_who_take() -> None:
    """Ten seconds' worth of bytes, taken by three at once, take ten seconds but for the first burst."""

    async def scenario() -> float:
        bandwidth = Bandwidth(1000)
        await asyncio.gather(*(take(bandwidth, 100, times) for times in (30, 30, 40)))
        return virtual_time.now()

    assert 10 - BURST_SECONDS <= virtual_time.run(scenario()) <= 10


def test_a_quiet_time_is_not_saved_up() -> None:
    """After a pause only a short burst is free."""

    async def scenario() -> float:
        bandwidth = Bandwidth(1000)
        await asyncio.sleep(3600)
        await take(bandwidth, 1000, 10)
        return virtual_time.now() - 3600

    assert 10 - BURST_SECONDS <= virtual_time.run(scenario()) <= 10


def test_no_limit_never_waits() -> None:
    """The default costs nothing."""

    async def scenario() -> float:
        await take(Bandwidth(None), 1 << 40, 1000)
        return virtual_time.now()

    assert virtual_time.run(scenario()) == 0


async def take(bandwidth: Bandwidth, count: int, times: int) -> None:
    for _ in range(times):
        await bandwidth.take(count)


def test_progress_is_told_once_a_second_with_rate_and_time_left() -> None:
    """A steady stream of pieces gives one word a second, a true rate and what is left of the way."""
    told: list[Progress] = []
    now = 0.0
    meter = Meter(10_000, done=1000, clock=lambda: now, tell=told.append)
    for step in range(1, 51):
        now = step / 10
        meter.add(100)
    assert [progress.bytes_done for progress in told] == [2000, 3000, 4000, 5000, 6000]
    assert {round(progress.bytes_per_second) for progress in told} == {1000}
    assert told[-1].seconds_left is not None
    assert round(told[-1].seconds_left, 6) == 4
    assert meter.moved == 5000


def test_the_rate_follows_a_change_slowly() -> None:
    """One slow second does not make the time left jump to its rate."""
    told: list[Progress] = []
    now = 0.0
    meter = Meter(1 << 40, done=0, clock=lambda: now, tell=told.append)
    for _ in range(10):
        now += 1
        meter.add(1000)
    now += 1
    meter.add(0)
    assert 500 < told[-1].bytes_per_second < 1000


def test_bytes_fetched_again_are_taken_back() -> None:
    """A damaged file makes the way longer, not the total."""
    told: list[Progress] = []
    meter = Meter(100, done=0, clock=lambda: 0.0, tell=told.append)
    meter.add(100)
    meter.lose(40)
    meter.add(40)
    meter.tell()
    assert (told[-1].bytes_done, told[-1].bytes_total, meter.moved) == (100, 100, 140)
    assert told[-1].seconds_left is None
