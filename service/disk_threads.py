"""Blocking calls that write to the disk, off the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

R = TypeVar("R")


async def in_thread(
    call: Callable[[], R], *, executor: Executor | None = None, wake: Callable[[], None] | None = None
) -> R:
    """Run a blocking call in a thread. When cancelled, wait for it first: nothing may write behind the caller's back.

    So a call must be short, a piece of a file and not a file, or `wake` must end it early.
    """
    running = asyncio.get_running_loop().run_in_executor(executor, call)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if wake:
            wake()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # its outcome no longer matters; asking keeps asyncio from reporting it as lost
        raise
