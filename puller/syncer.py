"""Sends staged bytes to the device while more are coming in, so that little is left to wait for when all are there.

Publishing syncs every file in any case; this only takes the waiting out of it.
"""

import asyncio
import os
from functools import partial
from pathlib import Path

from puller.threads import in_thread
from service.files import disk_errors


class Syncer:
    """Syncs files one at a time: the device is the bound, not the number of requests to it."""

    def __init__(self) -> None:
        self._waiting: dict[Path, None] = {}
        self._changed = asyncio.Event()
        self._is_finished = False

    def add(self, path: Path) -> None:
        """This file has new bytes."""
        self._waiting[path] = None
        self._changed.set()

    def finish(self) -> None:
        """Nothing will be added any more; what waits is left to the publication."""
        self._is_finished = True
        self._changed.set()

    async def run(self) -> None:
        """Sync what is added, until finished. Raises what the device said: it says it only once."""
        while not self._is_finished:
            await self._changed.wait()
            self._changed.clear()
            while self._waiting and not self._is_finished:
                path = next(iter(self._waiting))
                del self._waiting[path]
                with disk_errors(f"cannot sync {path}"):
                    await in_thread(partial(_sync, path))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)
