"""A service is all of its parts, or it is not there."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine

import pytest

from service.process import together


async def for_ever() -> None:
    await asyncio.sleep(3600)


async def breaks() -> None:
    raise KeyError("bug")


async def returns() -> None:
    return


async def cancels_itself() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize(("job", "error"), [(breaks, KeyError), (cancels_itself, RuntimeError)])
async def test_a_part_that_fails_ends_the_service(
    job: Callable[[], Coroutine[None, None, None]], error: type[Exception]
) -> None:
    """Whatever way a part fails, the process ends with an error, and is started again by whoever keeps it."""
    with pytest.raises(error):
        await together(for_ever(), job())


async def test_a_signal_ends_all_parts() -> None:
    """SIGTERM is the good end, also where a part had nothing more to do."""
    asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGTERM)
    await together(for_ever(), returns(), for_ever())
