"""JSON from strangers: a name that stands twice in one object is an error, since readers differ in which one counts."""

import json

from events.bounds import Bounds


class BadJson(ValueError):
    """A text that is no JSON, or not one that all readers understand alike."""


def loads(data: bytes, bounds: Bounds) -> object:
    """Read a JSON document of such a size at most; raises `BadJson`."""
    if problem := bounds.problem(data):
        raise BadJson(f"it is {problem}")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse, parse_int=_integer)
    except RecursionError as error:
        raise BadJson("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise BadJson("it is no UTF-8") from error
    except json.JSONDecodeError as error:
        raise BadJson(f"{error.msg} at character {error.pos}") from error


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise BadJson("a name stands twice in one object")
    return read


def _refuse(constant: str) -> object:
    raise BadJson(f"{constant} is no value of JSON")


def _integer(digits: str) -> int:
    if len(digits) > 20:
        raise BadJson("it has a number of more than 20 digits")
    return int(digits)
