"""Ending tasks for sure.

A library may lose a cancellation that comes at the wrong moment (nats-py does, while it connects or flushes), and the
process would then wait for ever.
"""

import asyncio
from collections.abc import Collection, Coroutine, Iterable

CANCEL_SECONDS = 2.0  # longer than a task takes to clean up, twice is still within what containers are given


async def end(tasks: Collection["asyncio.Task[object]"]) -> None:
    """Cancel tasks until they are done."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_SECONDS)


async def until(event: asyncio.Event, jobs: Iterable[Coroutine[None, None, None]]) -> None:
    """Run jobs until the event, then end them; an exception out of one of them ends them all and is raised."""
    waiting = asyncio.create_task(event.wait())
    running = [asyncio.create_task(job) for job in jobs]
    try:
        done, _ = await asyncio.wait([waiting, *running], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end([waiting, *running])
    for task in done:
        task.result()
