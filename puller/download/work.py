"""What a transfer hands to the exchange."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from puller.disk.ranges import Piece
from puller.disk.stage import StagedFile
from puller.download.progress import Meter


class Fetch(Protocol):
    """Fetches the bytes [start, end) of a file from the bucket."""

    async def __call__(
        self, file: StagedFile, start: int, end: int, *, on_piece: Callable[[], bool] | None = None
    ) -> None:
        """Fetch them; `on_piece` is called for each piece of the file that came, and ends the request by False.

        Raises `Transient`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """What a transfer hands over: files with what is missing of them, and how to fetch from the bucket."""

    staged: Sequence[StagedFile]
    meter: Meter
    note: Callable[[StagedFile, Piece], None]
    fetch: Fetch
    written: Callable[[StagedFile], None]
