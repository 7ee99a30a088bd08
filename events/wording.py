"""Errors in words, the same wherever something from outside is read or a library has failed."""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from pydantic import ValidationError

from events import validation

MAX_NAMED = 8
MAX_ASKED = 100  # pydantic makes a dict of each error that it is asked for, of several kB
MAX_QUOTED = 300  # of what a library says
MAX_WORDS = 1000  # characters of any text from outside that is kept
CUT = "…"
LIKENESS = 0.5  # of two words, from 0 to 1, from which on one may be mistyped for the other

# What changes a terminal or the order of what is read: control characters aside from the line feed, marks of direction,
# separators of lines, characters without width (but the two joiners that scripts need), and lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)

# Escapes, bytes of characters beyond ASCII, and texts that are too long.
_SUSPICIOUS = re.compile(rb'\\|[\x7f-\xff]|"[^"]{%d}' % (MAX_WORDS + 1))

# What may be secret in an address: a user with a password, and the query, in which a signature or an upload's id is.
_SECRETS = re.compile(r"(?<=//)[^/\s@]*@|\?[^\s'\"),;]*")


def problems(error: ValidationError, *, whole: str = "document", rename: Callable[[str], str] = str) -> str:
    """Say what is wrong and where, in one line.

    `whole` stands for the place where the document itself is wrong; `rename` turns a field's path into the name that
    the reader knows it by.
    """
    if error.error_count() > MAX_ASKED:
        return f"{rename(whole)}: {error.error_count()} things are wrong with it"
    found = error.errors(include_url=False, include_input=False)
    named = [f"{_place(one['loc'], whole, rename)}: {validation.sentence(one)}" for one in found[:MAX_NAMED]]
    more = [f"and {len(found) - MAX_NAMED} more"] if len(found) > MAX_NAMED else []
    return "; ".join([*named, *more])


def few(names: Sequence[str], *, most: int, of: int | None = None) -> str:
    """Name the first few, and count the others; `of` is how many there are, where not all of them are named."""
    more = (len(names) if of is None else of) - len(names[:most])
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def clean(words: str, *, most: int = MAX_WORDS) -> str:
    """Make a text from outside safe to keep and to show: so long at most, unsafe characters written as escapes.

    It is used once, where a text comes in. Line feeds stay; `in_one_line` writes them as escapes, too.
    """
    shown = _UNSAFE.sub(_escape, words[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - len(CUT)]}{CUT}"


def is_safe(words: str) -> bool:
    """Tell whether a text holds nothing that `clean` would write as an escape, nor a line feed."""
    return "\n" not in words and not _UNSAFE.search(words)


def clean_texts(value: object) -> object:
    """Clean every text of what was read from JSON, names of fields among them."""
    match value:
        case str():
            return clean(value)
        case list():
            return [clean_texts(one) for one in value]
        case dict():
            return {clean(name): clean_texts(one) for name, one in value.items()}
        case _:
            return value


def may_be_unsafe(data: bytes) -> bool:
    """Tell whether JSON may hold a text that `clean` changes: a hundred times faster than a look at each."""
    return _SUSPICIOUS.search(data) is not None


def for_terminal(words: str) -> str:
    """Write a text so that a terminal shows it and does nothing else; it is not cut."""
    return _UNSAFE.sub(_escape, words)


def json_for_terminal(text: str) -> str:
    """Write JSON so that a terminal shows it and does nothing else; what is read from it stays the same."""
    return _UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], text)


def in_one_line(words: str, *, most: int = MAX_WORDS) -> str:
    """Do as `clean`, for a place that has one line."""
    return clean(words[: most + 1].replace("\n", "\\n"), most=most)


def first_line(words: str, *, most: int = MAX_QUOTED) -> str:
    """Return the first line of a text, cut; it says so where there was more."""
    line, _, rest = words.strip().partition("\n")
    cut = clean(line, most=most)
    return f"{cut} {CUT}" if rest and not cut.endswith(CUT) else cut


def closest(given: str, there: Iterable[object]) -> str:
    """Return the one of what is there that was most likely meant; empty where nothing is like it."""
    found = get_close_matches(given, [str(one) for one in there], n=1, cutoff=LIKENESS)
    return found[0] if found else ""


def of_library(error: object) -> str:
    """Quote what a library says: its first line, without what may be secret in the addresses it names."""
    return clean(_SECRETS.sub("", str(error).strip().partition("\n")[0]), most=MAX_QUOTED)


def _place(path: tuple[int | str, ...], whole: str, rename: Callable[[str], str]) -> str:
    return rename(".".join(str(part) for part in path)) if path else whole


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
