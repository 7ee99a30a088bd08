"""Whether something outside answers, since when, and what it said last."""

from collections.abc import Callable
from datetime import datetime

from events.status import Connection
from service import logs

log = logs.get("puller.link")


class ConnectionState:
    """One outside thing. Says something only on change."""

    def __init__(self, name: str, *, clock: Callable[[], datetime], on_change: Callable[[], None]) -> None:
        self._name = name
        self._clock = clock
        self._on_change = on_change
        self._has_said = False
        self.state = Connection(is_connected=False, since=clock(), reason="not connected yet")

    def wait(self, reason: str) -> None:
        """Say what the first connection waits for; a reason why there is none says more."""
        if not self._has_said:
            self.state = self.state.model_copy(update={"reason": reason})
            self._on_change()

    def up(self) -> None:
        """It answers."""
        if self._note(is_connected=True, reason=""):
            log.info("connected", to=self._name)

    def down(self, reason: str) -> None:
        """It does not answer, or not as it should."""
        if self._note(is_connected=False, reason=reason):
            log.warning("away", what=self._name, reason=reason)

    def _note(self, *, is_connected: bool, reason: str) -> bool:
        self._has_said = True
        before = self.state
        if (before.is_connected, before.reason) == (is_connected, reason):
            return False
        since = before.since if before.is_connected == is_connected else self._clock()
        self.state = Connection(is_connected=is_connected, since=since, reason=reason)
        self._on_change()
        return True
