"""Coroutines side by side: what the first error does, and what it leaves behind."""

import asyncio

import pytest

from service.errors import Transient
from service.gather import gather_all
from tests.support.virtual_time import run


async def late(value: int, *, ended: list[int]) -> int:
    try:
        await asyncio.sleep(10)
    finally:
        ended.append(value)
    return value


async def broken() -> int:
    await asyncio.sleep(1)
    raise Transient("away")


def test_results_come_in_order() -> None:
    """What ran side by side comes back in the order in which it was given; nothing gives nothing."""

    async def story() -> None:
        assert await gather_all(late(number, ended=[]) for number in (3, 1, 2)) == [3, 1, 2]
        assert await gather_all([]) == []

    run(story())


def test_first_error_ends_the_others_and_leaves_no_trace() -> None:
    """The error is raised as itself when the others are over, and no cancellation stays counted on the caller.

    A count that stays makes a later time-out of the same task a `CancelledError`, on Pythons before 3.11.4.
    """

    async def story() -> None:
        ended: list[int] = []
        with pytest.raises(Transient, match="away"):
            await gather_all([late(1, ended=ended), broken(), broken(), late(2, ended=ended)])
        assert sorted(ended) == [1, 2]
        caller = asyncio.current_task()
        assert caller is not None
        assert caller.cancelling() == 0

    run(story())


def test_cancelled_with_its_caller() -> None:
    """A caller that is cancelled takes what it ran with it."""

    async def story() -> None:
        ended: list[int] = []
        caller = asyncio.create_task(gather_all([late(1, ended=ended), late(2, ended=ended)]))
        await asyncio.sleep(1)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert sorted(ended) == [1, 2]

    run(story())
