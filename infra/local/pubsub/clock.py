"""The server's clock, which a rehearsal can put forward, and the bells by which calls wait for it and for messages."""

import asyncio
import time

from infra.local.pubsub.names import SubscriptionName


class Clock:
    """The time of the machine, plus what it was put forward."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Give the seconds since 1970."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Put the clock forward."""
        self._ahead += seconds


class Bells:
    """One bell for each subscription on which somebody waits."""

    def __init__(self) -> None:
        self._bells: dict[SubscriptionName, asyncio.Event] = {}

    def ring(self, name: SubscriptionName) -> None:
        """Wake all who wait on a subscription."""
        bell = self._bells.pop(name, None)
        if bell:
            bell.set()

    def ring_all(self) -> None:
        """Wake all who wait on anything."""
        for name in list(self._bells):
            self.ring(name)

    async def wait(self, name: SubscriptionName, *, seconds: float) -> None:
        """Sleep until the bell rings, at most so long."""
        bell = self._bells.setdefault(name, asyncio.Event())
        try:
            async with asyncio.timeout(None if seconds == float("inf") else max(seconds, 0)):
                await bell.wait()
        except TimeoutError:
            return
