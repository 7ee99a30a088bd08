"""TFRecord files: records one after the other, each a length and a content with their masked CRC32C."""

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import google_crc32c

from service.wire import Part

HEADER_BYTES: Final = 12
PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Damaged(Exception):
    """A file that is no whole TFRecord file."""

    how: str
    offset: int

    def __str__(self) -> str:
        """Name the place as TensorFlow does."""
        return f"{self.how} record at {self.offset}"


def records(data: mmap.mmap) -> Iterator[Part]:
    """Yield where each record's content is; raises `Damaged`. A record costs no memory, whatever its length."""
    offset = 0
    while offset < len(data):
        start = offset + HEADER_BYTES
        if start > len(data):
            raise Damaged("truncated", offset)
        length, check = struct.unpack("<QI", data[offset:start])
        if check != masked(google_crc32c.value(data[offset : offset + 8])):
            raise Damaged("corrupted", offset)
        end = start + length
        if end + 4 > len(data):
            raise Damaged("truncated", offset)
        if struct.unpack("<I", data[end : end + 4])[0] != masked(_crc(data, start, end)):
            raise Damaged("corrupted", offset)
        yield Part(start, end)
        offset = end + 4


def masked(crc: int) -> int:
    """Return a CRC32C as TFRecord stores it: rotated and offset, so that a CRC of CRCs is no weak one."""
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def _crc(data: mmap.mmap, start: int, end: int) -> int:
    crc = 0
    for position in range(start, end, PIECE_BYTES):
        crc = google_crc32c.extend(crc, data[position : min(end, position + PIECE_BYTES)])
    return crc
