"""JSON as TensorFlow Serving reads and prints it.

Its reader stops after the first value and lets NaN, Infinity and bytes that are no UTF-8 through. Its printer indents
by four spaces, and can keep arrays on one line. Strings hold such bytes as lone surrogates (`surrogateescape`).
"""

import json
import math
import re
from dataclasses import dataclass
from typing import TypeAlias

from infra.tfserving.servable import Code, RequestFailure

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

INDENT = 4
DEBUG_BYTES = 256  # how much of a value an error message shows
DECODER = json.JSONDecoder()
ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
ESCAPED = re.compile(r'["\\\x00-\x1f]')
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
STRINGS = re.compile(r'"(?:\\.|[^"\\])*"')
REASONS = {
    "Expecting value": "Invalid value.",
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid control character at": "Invalid encoding in string.",
}


def parse(body: bytes) -> dict[str, Json]:
    """Read the object a request's body starts with; what follows it is not looked at."""
    text = body.decode("utf-8-sig", "surrogateescape")
    start = len(text) - len(text.lstrip(" \t\r\n"))
    if not body:
        raise refused("JSON Parse error: The document is empty")
    if start == len(text):
        raise parse_failure("The document is empty.", text, at=start)
    try:
        value: Json = DECODER.raw_decode(text, start)[0]
    except json.JSONDecodeError as error:
        raise parse_failure(reason(error), text, at=error.pos) from error
    except RecursionError as error:
        raise parse_failure("Nested too deeply.", text, at=start) from error
    except ValueError as error:  # an integer of thousands of digits
        raise parse_failure("Number too big to be stored in double.", text, at=start) from error
    if SURROGATE.search(text):
        check_pairs(value)
    if not isinstance(value, dict):
        raise refused(f"JSON Value: {debug(value)} Is not object")
    return value


def check_pairs(value: Json) -> None:
    """Refuse strings with one half of a surrogate pair."""
    try:
        print_bytes(json.dumps(value, ensure_ascii=False))
    except UnicodeEncodeError as error:
        raise refused("JSON Parse error: The surrogate pair in string is invalid.") from error


def reason(error: json.JSONDecodeError) -> str:
    """Return why a text is no JSON, in the reader's words."""
    if error.msg != "Expecting ',' delimiter":
        return REASONS.get(error.msg, "Unspecific syntax error.")
    open_brackets: list[str] = []
    for mark in re.findall(r"[\[\]{}]", STRINGS.sub("", error.doc[: error.pos])):
        if mark in "[{":
            open_brackets.append(mark)
        else:
            open_brackets.pop()
    if open_brackets[-1] == "[":
        return "Missing a comma or ] after an array element."
    return "Missing a comma or } after an object member."


def parse_failure(why: str, text: str, *, at: int) -> RequestFailure:
    """Return the failure of a body that is no JSON, with the offset in bytes."""
    offset = len(text[:at].encode("utf-8", "surrogateescape"))
    return refused(f"JSON Parse error: {why} at offset: {offset}")


def refused(message: str) -> RequestFailure:
    """Return the failure of a request that says something wrong."""
    return RequestFailure(Code.INVALID_ARGUMENT, message)


def json_type(value: Json) -> str:
    """Return the name of a value's type as error messages have it."""
    match value:
        case None:
            return "Null"
        case bool():
            return str(value)
        case str():
            return "String"
        case list():
            return "Array"
        case dict():
            return "Object"
        case _:
            return "Number"


def debug(value: Json) -> str:
    """Print a value for an error message, cut after `DEBUG_BYTES`."""
    writer = Writer(single_line=True)
    write_limited(writer, value)
    return writer.text()


def write_limited(writer: "Writer", value: Json) -> bool:
    """Write a value part by part until the limit; false when it was reached."""
    if writer.size() >= DEBUG_BYTES:
        return False
    if not isinstance(value, dict | list):
        writer.raw(quoted(value) if isinstance(value, str) else scalar(value))
        return True
    parts = [part for pair in value.items() for part in pair] if isinstance(value, dict) else value
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    writer.start(opening)
    if not all(write_limited(writer, part) for part in parts):
        return False
    writer.end(closing)
    return True


def scalar(value: float | bool | None) -> str:  # noqa: FBT001, a JSON value like the others
    """Print a value that is neither text nor container."""
    if isinstance(value, float):
        return repr(value).replace("e+", "e") if math.isfinite(value) else json.dumps(value)
    return json.dumps(value)


def quoted(text: str) -> str:
    """Print a string."""
    return '"' + ESCAPED.sub(lambda found: ESCAPES.get(found[0], f"\\u{ord(found[0]):04X}"), text) + '"'


@dataclass(slots=True)
class Level:
    """An open container and how many values it has so far; a name counts as one."""

    is_array: bool
    count: int = 0


class Writer:
    """Prints JSON value by value; in an object every second value is a member's name."""

    def __init__(self, *, single_line: bool = False) -> None:
        self.single_line = single_line
        self._parts: list[str] = []
        self._levels: list[Level] = []

    def start(self, bracket: str) -> None:
        """Open an object or array."""
        self.raw(bracket)
        self._levels.append(Level(bracket == "["))

    def end(self, bracket: str) -> None:
        """Close what was opened last."""
        level = self._levels.pop()
        if level.count and not (level.is_array and self.single_line):
            self._new_line()
        self._parts.append(bracket)

    def raw(self, text: str) -> None:
        """Print a value that is JSON already."""
        if self._levels:
            self._separate(self._levels[-1])
        self._parts.append(text)

    def string(self, text: str) -> None:
        """Print a string, or a member's name."""
        self.raw(quoted(text))

    def size(self) -> int:
        """Return how many bytes are printed."""
        return sum(len(part.encode("utf-8", "surrogatepass")) for part in self._parts)

    def text(self) -> str:
        """Return what is printed."""
        return "".join(self._parts)

    def _separate(self, level: Level) -> None:
        is_value = not level.is_array and level.count % 2 == 1
        if is_value:
            self._parts.append(": ")
        elif level.count:
            self._parts.append(", " if level.is_array and self.single_line else ",")
        if not is_value and not (level.is_array and self.single_line):
            self._new_line()
        level.count += 1

    def _new_line(self) -> None:
        self._parts.append("\n" + " " * INDENT * len(self._levels))


def print_bytes(text: str) -> bytes:
    """Return a string, or printed JSON, as the bytes it stands for."""
    return text.encode("utf-8", "surrogateescape")


def valid_text(text: str) -> str:
    """Return a string for a message's field, which takes no bytes that are no UTF-8."""
    return print_bytes(text).decode(errors="replace")
