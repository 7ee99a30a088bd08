"""Errors in words, the same wherever something from outside is read or a library has failed."""

import re
from collections.abc import Callable

from pydantic import ValidationError

MAX_NAMED = 8
MAX_QUOTED = 300  # of what a library says

# What may be secret in an address: a user with a password, and the query, in which a signature or an upload's id is.
_SECRETS = re.compile(r"(?<=//)[^/\s@]*@|\?[^\s'\"),;]*")


def problems(error: ValidationError, *, whole: str = "document", rename: Callable[[str], str] = str) -> str:
    """Say what is wrong and where, in one line.

    `whole` stands for the place where the document itself is wrong; `rename` turns a field's path into the name that
    the reader knows it by.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    named = [f"{_place(one['loc'], whole, rename)}: {_plain(one['msg'])}" for one in found[:MAX_NAMED]]
    more = [f"and {len(found) - MAX_NAMED} more"] if len(found) > MAX_NAMED else []
    return "; ".join([*named, *more])


def of_library(error: object) -> str:
    """Quote what a library says: its first line, without what may be secret in the addresses it names."""
    return _SECRETS.sub("", str(error).strip().partition("\n")[0])[:MAX_QUOTED]


def _place(path: tuple[int | str, ...], whole: str, rename: Callable[[str], str]) -> str:
    return rename(".".join(str(part) for part in path)) if path else whole


def _plain(message: str) -> str:
    return message.removeprefix("Value error, ")
