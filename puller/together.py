"""Runs coroutines side by side: the first error ends the others and is raised as itself, not in a group."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import TypeVar

from service.errors import ModelManagerError

T = TypeVar("T")


async def together(coroutines: Iterable[Coroutine[None, None, T]]) -> list[T]:
    """Return all results in order. None is left running when this returns or raises."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(coroutine) for coroutine in coroutines]
    except BaseExceptionGroup as errors:
        ours, bugs = errors.split(ModelManagerError)
        if ours is None or bugs is not None:
            raise
        raise _first(ours) from errors
    return [task.result() for task in tasks]


def _first(errors: BaseExceptionGroup[ModelManagerError]) -> ModelManagerError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
