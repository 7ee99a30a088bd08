"""Makes staged files durable while more are coming in, so that little is left to wait for when all are there.

A file that is whole gets its final mode before its last sync: publishing then has no file to touch any more.
"""

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

from puller.disk import publication
from service.disk_threads import in_thread
from service.files import disk_errors
from service.gather import gather_all

WORKERS: Final = 4  # syncs at the same time share one commit of the file system's journal; more of them gain nothing


class Syncer:
    """Syncs the files that are added, a few at a time."""

    def __init__(self) -> None:
        self._waiting: dict[Path, bool] = {}
        self._changed = asyncio.Event()
        self._is_finished = False

    def add(self, path: Path, *, is_whole: bool) -> None:
        """This file has new bytes, perhaps its last ones."""
        self._waiting[path] = is_whole
        self._changed.set()

    def finish(self) -> None:
        """Nothing will be added any more."""
        self._is_finished = True
        self._changed.set()

    async def run(self) -> None:
        """Sync all that is added, until finished. Raises what the device said: it says it only once."""
        await gather_all(self._work() for _ in range(WORKERS))

    async def _work(self) -> None:
        while self._waiting or not self._is_finished:
            if not self._waiting:
                self._changed.clear()
                await self._changed.wait()
                continue
            path = next(iter(self._waiting))
            mode = publication.FILE_MODE if self._waiting.pop(path) else None
            with disk_errors(f"cannot sync {path}"):
                await in_thread(partial(publication.sync_file, path, mode=mode))
