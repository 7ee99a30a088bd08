"""What a service knows of itself: ready once a pass has succeeded and nothing it needs is missing; alive while no pass
is stuck.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from events.status import Pass

STUCK_SECONDS = 300.0


class Health:
    """Kept by the loop, read by `/livez`, `/readyz` and the report."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._pass_started: float | None = None
        self._begun = 0
        self._ended = 0
        self._turned = asyncio.Event()
        self._has_succeeded = False
        self.missing = ""  # what the service cannot do its work without, in words; empty while it is there
        self.last_pass = Pass()

    @property
    def is_ready(self) -> bool:
        """Whether a pass has succeeded since the start, and nothing the service needs is missing now."""
        return self._has_succeeded and not self.missing

    @property
    def unready(self) -> str:
        """Why the service is not ready, in words."""
        return self.missing or self.last_pass.error or "the first pass has not ended"

    @property
    def is_alive(self) -> bool:
        """Whether the loop turns: no pass has been under way for longer than any pass may take."""
        return self._pass_started is None or self._monotonic() - self._pass_started < STUCK_SECONDS

    async def next_pass(self) -> Pass:
        """Wait for the end of the first pass that begins from now on."""
        number = self._begun + 1
        while self._ended < number:
            await self._turned.wait()
        return self.last_pass

    def begin(self) -> None:
        """Note that a pass begins."""
        self._begun += 1
        self._pass_started = self._monotonic()

    def succeed(self) -> None:
        """Note that the pass has succeeded."""
        self._has_succeeded = True
        self._end("")

    def fail(self, reason: str) -> None:
        """Note that the pass has failed."""
        self._end(reason)

    def _end(self, error: str) -> None:
        seconds = self._monotonic() - (self._pass_started or self._monotonic())
        self._pass_started = None
        self.last_pass = Pass(finished=datetime.now(UTC), seconds=round(seconds, 6), error=error)
        self._ended = self._begun
        self._turned.set()
        self._turned = asyncio.Event()
