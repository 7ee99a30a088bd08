"""TFRecord files: records one after the other, each a length and a content with their masked CRC32C."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import google_crc32c

from infra.tfserving.servable import Code, LoadFailure


def records(file: Path) -> Iterator[bytes]:
    """Yield the records of a file, or raise `LoadFailure` where it is damaged."""
    with file.open("rb") as stream:
        while header := stream.read(12):
            offset = stream.tell() - len(header)
            if len(header) < 12:
                raise damaged("truncated", offset)
            length, check = struct.unpack("<QI", header)
            if check != masked_crc(header[:8]):
                raise damaged("corrupted", offset)
            yield content(stream, length, offset=offset)


def content(stream: BinaryIO, length: int, *, offset: int) -> bytes:
    """Read one record's content."""
    found = stream.read(length + 4)
    if len(found) < length + 4:
        raise damaged("truncated", offset)
    if struct.unpack("<I", found[length:])[0] != masked_crc(found[:length]):
        raise damaged("corrupted", offset)
    return found[:length]


def damaged(how: str, offset: int) -> LoadFailure:
    """Return the failure of a file that is no whole TFRecord file."""
    return LoadFailure(
        Code.DATA_LOSS, f"{how} record at {offset}. Please verify your warmup data is in TFRecord format."
    )


def masked_crc(content: bytes) -> int:
    """Return the CRC32C as TFRecord stores it: rotated and offset, so that a CRC of CRCs is no weak one."""
    crc: int = google_crc32c.value(content)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
