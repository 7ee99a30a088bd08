"""What is wrong with a value that somebody sent, in words of ours. Pure.

The checking library's own words speak of its types and of a programmer's input; they reach no reader. A kind of fault
that has no words here has a plain sentence. What was sent is not shown back.
"""

from collections.abc import Callable, Mapping

from pydantic_core import ErrorDetails

OTHERWISE = "has a value that does not fit here"
WORDS: Mapping[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not known here; leave it out, or look for a slip in its name",
    "invalid_key": "has a name that is no text",
    "string_unicode": "holds text that is no Unicode",
    "string_pattern_mismatch": "holds characters that may not stand there",
    "int_parsing_size": "is a number that is too large",
    "int_from_float": "must be a whole number",
    "finite_number": "must be a finite number",
    "union_tag_not_found": "does not say of which kind it is (kind)",
    "recursion_loop": "holds itself",
}
KINDS: Mapping[str, str] = {
    "string": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "an object",
    "model": "an object",
    "mapping": "an object",
    "dataclass": "an object",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "datetime": "a time with date and zone, such as 2026-01-31T12:00:00Z",
    "timezone": "a time with date and zone, such as 2026-01-31T12:00:00Z",
    "date": "a date, such as 2026-01-31",
    "bytes": "bytes",
    "none": "null",
    "path": "a path",
    "url": "an address",
}
BOUNDS: Mapping[str, Callable[[Mapping[str, object]], str]] = {
    "greater_than": lambda of: f"must be more than {of['gt']}",
    "greater_than_equal": lambda of: f"must be {of['ge']} or more",
    "less_than": lambda of: f"must be less than {of['lt']}",
    "less_than_equal": lambda of: f"must be {of['le']} or less",
    "multiple_of": lambda of: f"must be a multiple of {of['multiple_of']}",
    "string_too_short": lambda of: f"must have {of['min_length']} or more characters",
    "string_too_long": lambda of: f"may have {of['max_length']} characters at most",
    "too_short": lambda of: f"must have {of['min_length']} or more entries",
    "too_long": lambda of: f"may have {of['max_length']} entries at most",
    "literal_error": lambda of: f"must be {of['expected']}",
    "enum": lambda of: f"must be {of['expected']}",
    "union_tag_invalid": lambda of: f"is of no known kind; there are {of['expected_tags']}",
    "json_invalid": lambda of: f"is no JSON: {of['error']}",
}


def sentence(error: ErrorDetails) -> str:
    """Say what is wrong at a place; the words follow the place's name and a colon. `error` comes with its context."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in {"value_error", "assertion_error"}:
        return str(context.get("error", OTHERWISE))
    if kind in BOUNDS:
        return BOUNDS[kind](context)
    return WORDS.get(kind) or _expected(kind)


def _expected(kind: str) -> str:
    """Say of which kind a value has to be, out of a name such as `int_parsing` or `frozen_set_type`."""
    names = [name for name in KINDS if kind == name or kind.startswith(f"{name}_")]
    return f"must be {KINDS[max(names, key=len)]}" if names else OTHERWISE
