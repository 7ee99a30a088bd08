"""The one reload that may be under way: sent here, beside the passes, since it waits for the models it introduces.

TensorFlow Serving takes reloads one after the other and never gives up on one, so a second is not sent before the
first came back or its deadline passed; the plan decides what then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from configurator.serving.client import ServingAway, ServingLate, ServingRefused
from service import metrics


@dataclass(frozen=True, slots=True)
class Accepted:
    """OK; for a new model that means that it has settled, not that it serves."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An error; what was changed all the same must be seen."""

    reason: str


@dataclass(frozen=True, slots=True)
class Overdue:
    """No answer in time; TensorFlow Serving may still be at it."""


Result = Accepted | Rejected | Overdue


class Reloader:
    """Sends one config at a time, and wakes the loop when the answer has come."""

    def __init__(self, send: Callable[[ModelServerConfig], Awaitable[None]], *, wake: Callable[[], None]) -> None:
        self._send = send
        self._wake = wake
        self._next: asyncio.Queue[ModelServerConfig] = asyncio.Queue()
        self._result: Result | None = None
        self.is_busy = False

    def start(self, config: ModelServerConfig) -> None:
        """Send a config; only while not busy."""
        self.is_busy = True
        self._result = None
        self._next.put_nowait(config)

    def take(self) -> Result | None:
        """Return how the last reload ended, once."""
        result, self._result = self._result, None
        return result

    async def run(self) -> None:
        """Send what is given, until cancelled."""
        while True:
            config = await self._next.get()
            self._result = await self._outcome(config)
            metrics.RELOADS.labels(outcome=type(self._result).__name__.lower()).inc()
            self.is_busy = False
            self._wake()

    async def _outcome(self, config: ModelServerConfig) -> Result:
        try:
            await self._send(config)
        except ServingLate:
            return Overdue()
        except (ServingRefused, ServingAway) as error:
            return Rejected(str(error))
        return Accepted()
