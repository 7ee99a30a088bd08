"""The puller's side of the local disk: room, stage, publication, leftovers.

Publishing is a row of small steps with one rename among them; a crash between any two leaves either nothing visible
or the whole version, and `sweep` at the start of a pass removes what was left.
"""

from collections.abc import Callable, Collection

from events.names import ModelName, Version
from events.status import Disk
from service.errors import NoSpaceLeft
from service.layout import Layout, Receipt


class NoRoom(NoSpaceLeft):
    """The disk was not written to: it cannot take what is needed and keep the reserve."""

    def __init__(self, sentence: str, *, bytes_needed: int, bytes_free: int) -> None:
        super().__init__(sentence)
        self.bytes_needed = bytes_needed
        self.bytes_free = bytes_free


def space(layout: Layout, *, reserve_bytes: int) -> Disk:
    """Measure the file system that holds the models."""
    raise NotImplementedError


def publish(layout: Layout, receipt: Receipt, *, step: Callable[[str], None] = lambda _: None) -> None:
    """Make the staged version visible under its number, durably and at once.

    The stage must hold the receipt's files, verified by `Transfer.fetch`; anything else in it is dropped. Refuses to
    touch a version that is already there. `step` is told each step's name before it is taken (tests stop there).
    Blocking: call it in a thread.
    """
    raise NotImplementedError


def discard(layout: Layout, model: ModelName, version: Version) -> None:
    """Drop a version's stage: it is not wanted any more. Blocking."""
    raise NotImplementedError


def sweep(layout: Layout, *, keep: Collection[tuple[ModelName, Version]]) -> int:
    """Remove stages of versions that nobody wants any more and receipts without a version; tell how many.

    `keep`: versions that are wanted or under way. Call at the start of a pass, while nothing is being published.
    Blocking.
    """
    raise NotImplementedError
