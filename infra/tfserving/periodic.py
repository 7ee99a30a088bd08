"""A thread that calls a function at once and then every so often, until it is stopped."""

import time
from collections.abc import Callable
from threading import Event, Thread


class Periodic:
    """Calls `function` every `seconds`, never twice at a time; a late call is not made up for."""

    def __init__(self, function: Callable[[], None], seconds: float, *, name: str) -> None:
        self._function = function
        self._seconds = seconds
        self._stopped = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Make the first call, in the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Make no further call; wait for the one under way."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            self._function()
            self._stopped.wait(max(0.0, self._seconds - (time.monotonic() - began)))
