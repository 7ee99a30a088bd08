"""A limit on bytes per second over all transfers of the process; off by default."""

import asyncio
from typing import Final

BURST_SECONDS: Final = 0.25  # what may be taken at once after a quiet time


class Bandwidth:
    """Limits bytes per second: whoever took some waits until they were due."""

    def __init__(self, bytes_per_second: int | None) -> None:
        self._rate = bytes_per_second
        self._due = 0.0  # when, by the loop's clock, all that was taken so far is paid for

    async def take(self, count: int) -> None:
        """Wait as long as the limit asks for these bytes."""
        if self._rate is None:
            return
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now - BURST_SECONDS) + count / self._rate
        if self._due > now:
            await asyncio.sleep(self._due - now)
