"""How much of the disk one model may take: checked before a version's first byte, whatever else is free.

A model that is uploaded again and again, or by somebody who should not, cannot push out the others. What is too much
is a disk without room for that model: the configurator is asked to apply retention, and the version is tried again.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from events.names import ModelName
from events.status import Progress
from puller.disk.room import NoRoom
from puller.download.dependencies import Fetcher
from puller.download.transfer import Fetched, Wanted


class ModelQuota:
    """Refuses a version that would take its model over its share of the disk, and stages the others."""

    def __init__(self, fetcher: Fetcher, *, held: Callable[[ModelName], Awaitable[int]], model_bytes: int) -> None:
        """Keep what was given; `held` adds up what is on disk of a model."""
        self._fetcher = fetcher
        self._held = held
        self._model_bytes = model_bytes
        self._coming: dict[ModelName, int] = {}

    async def fetch(self, wanted: Wanted, *, on_progress: Callable[[Progress], None]) -> Fetched:
        """Stage the files, or raise `NoRoom` where they would be more than the model may have."""
        held = await self._held(wanted.model)
        held += self._coming.get(wanted.model, 0)
        needed = wanted.size - wanted.bytes_held
        if held + needed > self._model_bytes:
            sentence = (
                f"model {wanted.model} has {held} bytes on this disk and on their way, and may have"
                f" {self._model_bytes} (MM_MAX_MODEL_GIB); {needed} more are needed"
            )
            free = max(0, self._model_bytes - held)
            raise NoRoom(sentence, bytes_needed=needed, bytes_free=free)
        with self._noted(wanted):
            return await self._fetcher.fetch(wanted, on_progress=on_progress)

    @contextmanager
    def _noted(self, wanted: Wanted) -> Iterator[None]:
        self._coming[wanted.model] = self._coming.get(wanted.model, 0) + wanted.size - wanted.bytes_held
        try:
            yield
        finally:
            self._coming[wanted.model] -= wanted.size - wanted.bytes_held
            if not self._coming[wanted.model]:
                del self._coming[wanted.model]
