"""The filter language of Pub/Sub subscriptions: parsed when a subscription is made, applied to each message.

Google's emulator stores filters and applies none, so a wrong filter shows only in production. Here it shows at
once. The grammar is that of Google's page on subscription message filters, its refusals included: AND and OR side by
side need parentheses, a value is a quoted string, a filter has at most 256 bytes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from infra.local.pubsub.errors import InvalidArgument

MAX_BYTES = 256

Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Has:
    """The attribute is there, whatever its value."""

    key: str


@dataclass(frozen=True, slots=True)
class Equals:
    """The attribute is there and has exactly this value."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class HasPrefix:
    """The attribute is there and its value begins with this."""

    key: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Expression"


@dataclass(frozen=True, slots=True)
class All:
    """Each part holds."""

    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One part holds at least."""

    parts: "tuple[Expression, ...]"


Expression = Has | Equals | HasPrefix | Not | All | AnyOf


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as its author wrote it, and what it means."""

    text: str
    expression: Expression

    def matches(self, attributes: Attributes) -> bool:
        """Tell whether a message with these attributes is delivered."""
        return _holds(self.expression, attributes)


def parse_filter(text: str) -> Filter:
    """Read a filter, or refuse it with the place where it goes wrong."""
    size = len(text.encode())
    if size > MAX_BYTES:
        raise InvalidArgument(f"The filter is too long: it has {size} bytes, the maximum is {MAX_BYTES}.")
    return Filter(text, _Parser(text).parse())


def _holds(expression: Expression, attributes: Attributes) -> bool:
    match expression:
        case Has(key):
            return key in attributes
        case Equals(key, value):
            return attributes.get(key) == value
        case HasPrefix(key, prefix):
            return key in attributes and attributes[key].startswith(prefix)
        case Not(part):
            return not _holds(part, attributes)
        case All(parts):
            return all(_holds(part, attributes) for part in parts)
        case AnyOf(parts):
            return any(_holds(part, attributes) for part in parts)
        case _:
            assert_never(expression)


_SPACE = re.compile(r"\s*")
_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_SIMPLE_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
    "?": "?",
}


class _Parser:
    """Recursive descent without a token list: what a character means depends on where it stands (`-`, keys)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def parse(self) -> Expression:
        expression = self._expression()
        self._skip_space()
        if self._at < len(self._text):
            raise self._wrong("AND, OR or the end")
        return expression

    def _expression(self) -> Expression:
        parts = [self._term()]
        joint = "AND" if self._word("AND") else "OR" if self._word("OR") else None
        if joint is None:
            return parts[0]
        parts.append(self._term())
        while self._word(joint):
            parts.append(self._term())
        if self._word("AND") or self._word("OR"):
            raise self._wrong("parentheses, because AND and OR are mixed")
        return All(tuple(parts)) if joint == "AND" else AnyOf(tuple(parts))

    def _term(self) -> Expression:
        if self._word("NOT") or self._sign("-"):
            return Not(self._positive())
        return self._positive()

    def _positive(self) -> Expression:
        if self._sign("("):
            inner = self._expression()
            self._need(")")
            return inner
        if self._word("hasPrefix"):
            return self._prefix()
        return self._comparison()

    def _prefix(self) -> Expression:
        self._need("(")
        self._attributes()
        self._need(".")
        key = self._key()
        self._need(",")
        prefix = self._string()
        self._need(")")
        return HasPrefix(key, prefix)

    def _comparison(self) -> Expression:
        self._attributes()
        if self._sign(":"):
            return Has(self._key())
        self._need(".")
        key = self._key()
        if self._sign("!="):
            return Not(Equals(key, self._string()))
        self._need("=")
        return Equals(key, self._string())

    def _attributes(self) -> None:
        if not self._word("attributes"):
            raise self._wrong("attributes, hasPrefix, NOT or (")

    def _key(self) -> str:
        self._skip_space()
        found = _KEY.match(self._text, self._at)
        if not found:
            return self._string()
        self._at = found.end()
        return found[0]

    def _string(self) -> str:
        self._skip_space()
        found = _STRING.match(self._text, self._at)
        if not found:
            raise self._wrong("a string in double quotes")
        value = _ESCAPE.sub(self._unescape, found[1])
        self._at = found.end()
        return value

    def _unescape(self, escape: re.Match[str]) -> str:
        code = escape[1] or escape[2] or escape[3]
        if not code and not escape[4]:
            return self._simple(escape[5])
        number = int(code, 16) if code else int(escape[4], 8)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise self._wrong(f"an escape that names a character, not {escape[0]},")
        return chr(number)

    def _simple(self, letter: str) -> str:
        if letter not in _SIMPLE_ESCAPES:
            raise self._wrong(f"a known escape, not \\{letter},")
        return _SIMPLE_ESCAPES[letter]

    def _word(self, word: str) -> bool:
        self._skip_space()
        found = _KEY.match(self._text, self._at)
        if not found or found[0] != word:
            return False
        self._at = found.end()
        return True

    def _sign(self, sign: str) -> bool:
        self._skip_space()
        if not self._text.startswith(sign, self._at):
            return False
        self._at += len(sign)
        return True

    def _need(self, sign: str) -> None:
        if not self._sign(sign):
            raise self._wrong(f"'{sign}'")

    def _skip_space(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _wrong(self, wanted: str) -> InvalidArgument:
        return InvalidArgument(f"Invalid filter (filter={self._text}): wanted {wanted} at position {self._at}.")
