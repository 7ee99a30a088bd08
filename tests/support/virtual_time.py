"""An event loop whose clock jumps to the next timer as soon as nothing else is left to do.

`run(coroutine)` runs real asyncio code, sleeps and time-outs included, in no time and always with the same result.
For code without threads and sockets: a loop that would wait for one of those ends in an error instead of hanging.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise RuntimeError("everything waits and no timer is left: this would hang for ever")
        self.now += max(timeout, 0.0)
        return ready


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


def run(coroutine: Coroutine[object, object, T]) -> T:
    """Run a coroutine on virtual time that starts at 0."""
    with asyncio.Runner(loop_factory=_VirtualLoop) as runner:
        return runner.run(coroutine)


def now() -> float:
    """Tell the virtual time, in seconds."""
    return asyncio.get_running_loop().time()
