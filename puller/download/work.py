"""What a transfer hands to the exchange."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from puller.disk.ranges import Piece
from puller.disk.stage import StagedFile
from puller.download.progress import Meter


@dataclass(frozen=True, slots=True)
class Work:
    """What a transfer hands over: files with what is missing of them, and how to fetch from the bucket."""

    staged: Sequence[StagedFile]
    meter: Meter
    note: Callable[[StagedFile, Piece], None]
    fetch: Callable[[StagedFile, int, int], Awaitable[None]]
    written: Callable[[StagedFile], None]
