"""Room on the disk: how much there is, what a model takes of it, and whether more may come."""

import os

from events.names import ModelName
from events.status import Disk
from service.errors import NoSpaceLeft
from service.files import disk_errors
from service.layout import Layout, read_receipt, versions


class NoRoom(NoSpaceLeft):
    """The disk was not written to: it cannot take what is needed and keep the reserve."""

    def __init__(self, sentence: str, *, bytes_needed: int, bytes_free: int) -> None:
        super().__init__(sentence)
        self.bytes_needed = bytes_needed
        self.bytes_free = bytes_free


def space(layout: Layout, *, reserve_bytes: int, models: int | None = None) -> Disk:
    """Measure the file system that holds the models, which take so many bytes of it."""
    with disk_errors(f"cannot measure {layout.models_dir}"):
        found = os.statvfs(layout.models_dir)
    return Disk(
        total=found.f_blocks * found.f_frsize,
        free=found.f_bavail * found.f_frsize,
        reserve=reserve_bytes,
        models=models,
    )


def admit(layout: Layout, *, needed: int, reserve_bytes: int) -> None:
    """Raise `NoRoom` where the disk cannot take that many bytes and keep the reserve."""
    free = space(layout, reserve_bytes=reserve_bytes).free
    if needed and needed + reserve_bytes > free:
        sentence = f"{layout.models_dir} has {free} bytes free; {needed} are needed and {reserve_bytes} stay in reserve"
        raise NoRoom(sentence, bytes_needed=needed, bytes_free=free)


def held(layout: Layout, model: ModelName) -> int:
    """Add up the files of a model's published versions, as their receipts have them; raises `Transient`. Blocking."""
    receipts = (read_receipt(layout, model, version) for version in versions(layout, model))
    return sum(record.size for receipt in receipts if receipt for record in receipt.files)
