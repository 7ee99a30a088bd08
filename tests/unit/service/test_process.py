"""The end of a process: tasks are ended, whatever they do with a cancellation."""

import asyncio
import contextlib

from service.process import end
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
