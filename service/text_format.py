"""Protobuf messages in text format, walked without their modules and without being copied (issue 12).

Those few fields that are wanted are kept, as places in the text; the others are stepped over by their brackets. So a
graph costs its length once, and no memory. No more than so many parts (words, brackets, quotes) are looked at.
"""

import mmap
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from service.wire import MAX_NAME_BYTES, Malformed, Part

MAX_KEPT: Final = 200_000  # wanted fields; real graphs have hundreds
MAX_CODE_POINT: Final = 0x10FFFF
WINDOW: Final = 64  # bytes that are looked at for backslashes at once

_SPACE: Final = rb"(?:[ \t\r\n\v\f,;]++|#[^\n]*+)*+"
_TOKEN: Final = re.compile(_SPACE + rb"([-+.0-9A-Za-z_]++|[{}<>\[\]:\"'/]|\Z)")
_FIELD: Final = re.compile(rb"[A-Za-z_][0-9A-Za-z_]*", re.ASCII)
_EXTENSION: Final = re.compile(rb"[ \t\r\n]*+([-0-9A-Za-z_./]{1,200})[ \t\r\n]*+\]")  # or the type of an Any
_BRACKET: Final = re.compile(rb"[{}<>\"'#]")
_ESCAPE: Final = re.compile(rb"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.S)
_CLOSING: Final = {b"{": b"}", b"<": b">"}
_QUOTES: Final = (b'"', b"'")
_LETTERS: Final = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}

String = tuple[Part, ...]  # what is between quotes; strings that follow each other are one
Wants = Mapping[str, "Wants | None"]  # fields by name: of messages, what is wanted of them; None for a string


class TooMuch(Exception):
    """The text may be a message; to read it would cost too much."""


class Fields:
    """The wanted fields of a message, in the order of the text."""

    def __init__(self) -> None:
        self._messages: defaultdict[str, list[Fields]] = defaultdict(list)
        self._strings: defaultdict[str, list[String]] = defaultdict(list)

    def add(self, name: str, value: "Fields | String") -> None:
        """Keep the value of a field."""
        if isinstance(value, Fields):
            self._messages[name].append(value)
        else:
            self._strings[name].append(value)

    def find(self, *names: str) -> Iterator["Fields"]:
        """Yield the messages at a path of names."""
        if not names:
            yield self
        else:
            for message in self._messages.get(names[0], ()):
                yield from message.find(*names[1:])

    def strings(self, *names: str) -> Iterator[String]:
        """Yield the strings at a path of names."""
        *path, last = names
        for message in self.find(*path):
            yield from message._strings.get(last, ())  # noqa: SLF001 - of the same class


class TextFormat:
    """A text; no more than `max_parts` parts of it are looked at."""

    def __init__(self, data: mmap.mmap | bytes, *, max_parts: int) -> None:
        self._data = data
        self._at = 0
        self._max_parts = max_parts
        self._parts_left = max_parts
        self._kept_left = MAX_KEPT

    def read(self, wants: Wants) -> Fields:
        """Read the whole text as one message; raises `Malformed` where it is none, and `TooMuch`."""
        return self._message(wants, end=b"")

    def name(self, string: String) -> bytes:
        """Return a short string."""
        size = sum(part.end - part.start for part in string)
        if size > 4 * MAX_NAME_BYTES:  # a byte may be written with four
            raise Malformed(f"a name in it has {size} characters")
        return b"".join(_ESCAPE.sub(_unescaped, self._data[part.start : part.end]) for part in string)

    def _message(self, wants: Wants, *, end: bytes) -> Fields:
        found = Fields()
        while (token := self._next()) != end:
            name = self._name(token)
            token = self._next()
            self._values(self._next() if token == b":" else token, name, wants, found)
        return found

    def _name(self, token: bytes) -> str:
        if token == b"[":
            extension = _EXTENSION.match(self._data, self._at)
            if extension is None:
                raise self._malformed()
            self._at = extension.end()
            return extension[1].decode().rpartition("/")[2]
        if not _FIELD.fullmatch(token):
            raise self._malformed()
        return token.decode()

    def _values(self, token: bytes, name: str, wants: Wants, found: Fields) -> None:
        """Take the value of a field, or the list of them."""
        if token != b"[":
            self._value(token, name, wants, found)
            return
        while (token := self._next()) != b"]":
            self._value(token, name, wants, found)

    def _value(self, token: bytes, name: str, wants: Wants, found: Fields) -> None:
        if token in _CLOSING:
            wanted = wants.get(name)
            if wanted is None:
                self._step_over()
            else:
                self._keep()
                found.add(name, self._message(wanted, end=_CLOSING[token]))
        elif token in _QUOTES:
            string = self._string(token)
            if name in wants:
                self._keep()
                found.add(name, string)
        elif token == b"-":  # a number may stand apart from its sign
            self._next()
        elif not token or not (token[:1].isalnum() or token[:1] in b"-+._"):
            raise self._malformed()

    def _string(self, quote: bytes) -> String:
        parts = []
        while True:
            start = self._at
            end = self._end_of_string(quote, start)
            parts.append(Part(start, end))
            self._at = end + 1
            quote = self._next()
            if quote not in _QUOTES:
                self._at = end + 1
                return tuple(parts)

    def _end_of_string(self, quote: bytes, start: int) -> int:
        at = self._data.find(quote, start)
        while at >= 0 and self._backslashes(start, at) % 2:
            self._count()
            at = self._data.find(quote, at + 1)
        if at < 0:
            raise Malformed(f"it is cut off in the string that begins at byte {start}")
        return at

    def _backslashes(self, start: int, end: int) -> int:
        """Count the backslashes directly before a place."""
        count = 0
        while end > start:
            window = self._data[max(start, end - WINDOW) : end]
            found = len(window) - len(window.rstrip(b"\\"))
            count += found
            if found < len(window):
                break
            end -= found
        return count

    def _step_over(self) -> None:
        """Go behind the bracket that closes the message whose bracket was opened last."""
        depth = 1
        while depth:
            self._count()
            found = _BRACKET.search(self._data, self._at)
            if found is None:
                raise Malformed(f"it is cut off: {depth} brackets are not closed")
            self._at = found.end()
            match found[0]:
                case b"{" | b"<":
                    depth += 1
                case b"}" | b">":
                    depth -= 1
                case b"#":
                    line = self._data.find(b"\n", self._at)
                    self._at = line if line >= 0 else len(self._data)
                case quote:
                    self._at = self._end_of_string(quote, self._at) + 1

    def _next(self) -> bytes:
        """The next word, bracket or mark; empty at the end."""
        self._count()
        found = _TOKEN.match(self._data, self._at)
        if found is None:
            raise self._malformed()
        self._at = found.end()
        return found[1]

    def _count(self) -> None:
        self._parts_left -= 1
        if self._parts_left < 0:
            raise TooMuch(f"has more than {self._max_parts:,} words and brackets, and no more are read")

    def _keep(self) -> None:
        self._kept_left -= 1
        if self._kept_left < 0:
            raise Malformed(f"it has more than {MAX_KEPT} fields of one kind")

    def _malformed(self) -> Malformed:
        return Malformed(f"it is no text of a message at byte {self._at}")


def _unescaped(found: "re.Match[bytes]") -> bytes:
    octal, two, four, eight, letter = found.groups()
    if octal:
        return bytes([int(octal, 8) & 0xFF])
    if two:
        return bytes([int(two, 16)])
    if four or eight:
        code = int(four or eight, 16)
        return chr(code).encode(errors="replace") if code <= MAX_CODE_POINT else b"?"
    return _LETTERS.get(letter, letter)
