"""Where loads and unloads run: in a pool of threads or, when it has none, in the thread that asks."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Workers:
    """Runs work in `count` threads; with none, `run` does the work itself and blocks."""

    def __init__(self, count: int, *, name: str) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name) if count > 0 else None

    def run(self, work: Callable[[], None]) -> None:
        """Do the work, now or as soon as a thread is free."""
        if self._pool is None:
            work()
        else:
            # The executor logs what a callback raises, so a bug in the work is not lost.
            self._pool.submit(work).add_done_callback(Future.result)

    def close(self) -> None:
        """Wait for all work given, and take no more."""
        if self._pool is not None:
            self._pool.shutdown()
