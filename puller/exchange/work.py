"""What a transfer hands to the exchange."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from puller.progress import Meter
from puller.ranges import Piece
from puller.stage import StagedFile


@dataclass(frozen=True, slots=True)
class Work:
    """What a transfer hands over: files with what is missing of them, and how to fetch from the bucket."""

    staged: Sequence[StagedFile]
    meter: Meter
    note: Callable[[StagedFile, Piece], None]
    fetch: Callable[[StagedFile, int, int], Awaitable[None]]
    written: Callable[[StagedFile], None]
