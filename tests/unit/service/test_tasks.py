"""The end of a process: tasks are ended, whatever they do with a cancellation."""

import asyncio
import contextlib

import pytest

from service.tasks import end, until
from tests.support.virtual_time import run


def test_a_task_that_loses_a_cancellation_is_ended_all_the_same() -> None:
    """A library that swallows the cancellation while it connects does not keep the process from ending."""

    async def story() -> None:
        async def careless() -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)
            await asyncio.sleep(3600)

        async def careful() -> None:
            await asyncio.sleep(3600)

        tasks = [asyncio.create_task(job()) for job in (careless, careful)]
        await asyncio.sleep(1)
        await end(tasks)
        assert all(task.cancelled() for task in tasks)

    run(story())


def test_jobs_end_with_the_event() -> None:
    """What runs while a connection lasts is over when it is lost."""
    ended: list[str] = []

    async def job() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("job")

    async def story() -> None:
        event = asyncio.Event()
        asyncio.get_running_loop().call_later(5, event.set)
        await until(event, [job(), job()])

    run(story())
    assert ended == ["job", "job"]


def test_a_job_that_breaks_ends_the_others_and_is_told() -> None:
    """A bug in one job is not waited out."""

    async def broken() -> None:
        raise KeyError("bug")

    async def story() -> None:
        with pytest.raises(KeyError):
            await until(asyncio.Event(), [broken(), asyncio.sleep(3600)])

    run(story())
