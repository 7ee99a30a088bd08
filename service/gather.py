"""Runs coroutines side by side: the first error ends the others and is raised as itself, not in a group.

Not by a TaskGroup: before Python 3.13 one that fails leaves a cancellation counted on the task it ran in, and before
3.11.4 the next time-out of that task then raises `CancelledError`, which ends the service's loop without a word.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

from service.tasks import end

T = TypeVar("T")


async def gather_all(coroutines: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Return all results in order. None is left running when this returns or raises."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        return await asyncio.gather(*tasks)
    finally:
        await end(tasks)
