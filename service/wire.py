"""Protobuf messages on the wire, walked without their modules and without being copied.

A message is fields with a number, a wire type and a value. Those few that lead to what is wanted are walked, the others
are stepped over by their length, so a graph of 2 GB costs a few pages. No more than so many fields are looked at.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

VARINT: Final = 0  # the wire type of integers
BYTES: Final = 2  # the wire type of strings and messages
MAX_VARINT_BYTES: Final = 10
MAX_NAME_BYTES: Final = 4096


class Malformed(ValueError):
    """Bytes that are no message."""


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a message or string inside the file."""

    start: int
    end: int


class Wire:
    """A file, or bytes, of messages; no more than `max_fields` fields of it are looked at."""

    def __init__(self, data: mmap.mmap | bytes, *, max_fields: int) -> None:
        self._data = data
        self._max_fields = max_fields
        self._fields_left = max_fields

    @property
    def whole(self) -> Part:
        """The file as one message."""
        return Part(0, len(self._data))

    def name(self, part: Part) -> bytes:
        """Return a short string."""
        if part.end - part.start > MAX_NAME_BYTES:
            raise Malformed(f"a name in it has {part.end - part.start} bytes")
        return self._data[part.start : part.end]

    def find(self, message: Part, *numbers: int) -> Iterator[Part]:
        """Yield what lies at a path of field numbers."""
        first, *rest = numbers
        for number, part in self.fields(message):
            if number == first and rest:
                yield from self.find(part, *rest)
            elif number == first:
                yield part

    def numbers(self, message: Part, number: int) -> Iterator[int]:
        """Yield the integers that a message has under a field's number, as 64 bits with a sign."""
        for found, wire_type, part in self._walk(message):
            if found == number and wire_type == VARINT:
                value = self._varint(part.start, part.end)[0]
                yield value - 2**64 if value >= 2**63 else value

    def fields(self, message: Part) -> Iterator[tuple[int, Part]]:
        """Yield the strings and messages in a message, with their numbers; every other field is stepped over."""
        for number, wire_type, part in self._walk(message):
            if wire_type == BYTES:
                yield number, part

    def _walk(self, message: Part) -> Iterator[tuple[int, int, Part]]:
        position = message.start
        while position < message.end:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise Malformed(f"it has more than {self._max_fields} fields")
            tag, position = self._varint(position, message.end)
            field = self._field(tag & 7, position, message.end)
            if field.end > message.end:
                raise Malformed(
                    f"it is cut off: the field at byte {position} ends {field.end - message.end} bytes late"
                )
            if not tag >> 3:
                raise Malformed(f"the field at byte {position} has the number 0")
            position = field.end
            yield tag >> 3, tag & 7, field

    def _field(self, wire_type: int, position: int, end: int) -> Part:
        match wire_type:
            case 0:  # a number of varying length
                return Part(position, self._varint(position, end)[1])
            case 1:  # 64 bits
                return Part(position, position + 8)
            case 2:  # bytes, after their length
                length, start = self._varint(position, end)
                return Part(start, start + length)
            case 5:  # 32 bits
                return Part(position, position + 4)
            case _:
                raise Malformed(f"the field at byte {position} has the unknown type {wire_type}")

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        number = 0
        for index, byte in enumerate(self._data[position : min(end, position + MAX_VARINT_BYTES)]):
            number |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return number, position + index + 1
        raise Malformed(f"it is cut off or damaged at byte {position}")
