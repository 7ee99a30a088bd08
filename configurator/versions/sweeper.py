"""Deletes the trash beside the passes, since that may take long."""

import asyncio

from configurator.versions.disk import Disk


class Sweeper:
    """Deletes the trash beside the passes."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._wanted = asyncio.Event()
        self._wanted.set()  # what an earlier life left behind

    def start(self) -> None:
        """Have the trash deleted soon."""
        self._wanted.set()

    async def run(self) -> None:
        """Delete whenever asked, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await asyncio.to_thread(self._disk.sweep)
