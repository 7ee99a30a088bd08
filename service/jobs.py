"""What a service keeps doing while NATS is there, and since when one of these things fails and why.

A connection alone says little: JetStream may be off, full, without a majority, or refuse one thing and do the rest.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from nats.errors import Error as NatsError

from service import jetstream, logs

log = logs.get("service.jobs")

RETRY_SECONDS = 0.5
MOST_RETRY_SECONDS = 5.0  # two thousand services that ask in vain ask four hundred times a second


class Job:
    """One of these things; `what` names it in sentences."""

    def __init__(self, what: str, *, on_change: Callable[[], None]) -> None:
        self._what = what
        self._on_change = on_change
        self.since = datetime.now(UTC)  # that it fails, while there is a reason
        self.reason = ""  # why it fails, empty while it does not

    @property
    def problem(self) -> str:
        """What is wrong, in one sentence; empty where nothing is."""
        return f"{self._what} fails since {self.since:%Y-%m-%d %H:%M:%S} UTC: {self.reason}" if self.reason else ""

    def succeed(self) -> None:
        """Note that it works."""
        if self.reason:
            self.reason = ""
            log.info("nats request succeeds again", what=self._what)
            self._on_change()

    def fail(self, reason: str) -> None:
        """Note that it does not."""
        if reason == self.reason:
            return
        if not self.reason:
            self.since = datetime.now(UTC)
        self.reason = reason
        log.warning("nats request failed, trying again", what=self._what, reason=reason)
        self._on_change()

    async def persist(self, attempt: Callable[[], Awaitable[None]]) -> None:
        """Attempt it again and again; after a failure wait first, longer each time until it succeeds."""
        delay = RETRY_SECONDS
        while True:
            try:
                await attempt()
                delay = RETRY_SECONDS
            except (NatsError, OSError, TimeoutError) as error:
                delay = min(MOST_RETRY_SECONDS, 2 * delay) if self.reason else RETRY_SECONDS
                self.fail(jetstream.words(error))
                await asyncio.sleep(delay)
