"""How files are read whole: how much at a time, how many at once, and who hears of the bytes as they go by."""

from collections.abc import Callable

READ_BYTES = 1024 * 1024
READERS = 4  # a checksum runs at a gigabyte a second and more; what waits is the disk

Read = Callable[[int], None]


def nobody(_bytes: int) -> None:
    """Tell nobody about bytes that went by."""
