"""Blocking calls whose end is not ours to choose, off the event loop.

Before a process ends Python waits for the threads of its executors, so a server that does not answer would hold up
SIGTERM until the call's own time-out. The threads here are left behind instead: they are for calls that ask somebody,
and not for those that write something.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

R = TypeVar("R")


class Threads:
    """Runs so many blocking calls at once; a call that nobody waits for any more keeps its place until it ends."""

    def __init__(self, count: int) -> None:
        self._places = asyncio.Semaphore(count)

    async def run(self, call: Callable[[], R]) -> R:
        """Run a blocking call in a thread."""
        await self._places.acquire()
        outcome: Future[R] = Future()
        ended = asyncio.wrap_future(outcome)
        ended.add_done_callback(self._end)
        try:
            threading.Thread(target=partial(_settle, outcome, call), daemon=True).start()
        except RuntimeError as error:  # the machine has no thread left
            outcome.set_exception(error)
        return await asyncio.shield(ended)

    def _end(self, ended: "asyncio.Future[R]") -> None:
        self._places.release()
        ended.exception()  # whoever still waits has it raised; asking keeps asyncio from reporting it as lost


def _settle(outcome: "Future[R]", call: Callable[[], R]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
        outcome.set_exception(error)
