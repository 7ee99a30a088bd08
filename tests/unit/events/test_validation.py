"""What is wrong with a value, in words of ours."""

import json
from collections import defaultdict
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import core_schema

from events import validation, wording
from events.changes import Change
from events.desired import Desired

CHANGES: TypeAdapter[Change] = TypeAdapter(Change)
LIBRARY = (
    "Input",
    "Field required",
    "String should",
    "valid integer",
    "Extra inputs",
    "should be",
    "tag",
    "Value error",
)
WRONG: dict[str, tuple[object, str]] = {
    "a field is missing": ({"kind": "pin"}, "pin.versions: is missing"),
    "a field is not known": ({"kind": "pause", "why": 1}, "pause.why: is not known here; leave it out"),
    "no list": ({"kind": "pin", "versions": 3}, "pin.versions: must be a list"),
    "too few": ({"kind": "pin", "versions": []}, "pin.versions: must have 1 or more entries"),
    "no number": ({"kind": "unpin", "count": "many"}, "unpin.count: must be a whole number"),
    "a fraction": ({"kind": "unpin", "count": 1.5}, "unpin.count: must be a whole number"),
    "too large": ({"kind": "unpin", "count": 99}, "unpin.count: must be 16 or less"),
    "too small": ({"kind": "unpin", "count": 0}, "unpin.count: must be 1 or more"),
    "no truth": ({"kind": "rollback", "keep_labels": "perhaps"}, "rollback.keep_labels: must be true or false"),
    "no text": ({"kind": "pause", "reason": 1}, "pause.reason: must be a text"),
    "too long": ({"kind": "pause", "reason": "x" * 501}, "pause.reason: may have 500 characters at most"),
    "two lines": ({"kind": "pause", "reason": "a\nb"}, "pause.reason: holds characters that may not stand there"),
    "no such kind": ({"kind": "pine"}, "change: is of no known kind; there are 'pin', "),
    "no kind": ({}, "change: does not say of which kind it is (kind)"),
    "no object": (7, "change: must be an object"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_in_our_own_words(case: str) -> None:
    """With the place, what is expected there, and nothing of what was sent."""
    given, words = WRONG[case]
    with pytest.raises(ValidationError) as found:
        CHANGES.validate_json(json.dumps(given))
    told = wording.problems(found.value, whole="change")
    assert told.startswith(words)
    assert not any(text in told for text in LIBRARY)


def test_text_that_is_no_json_is_told_with_its_place() -> None:
    """As a slip of the pen in a document that was put in place by hand."""
    with pytest.raises(ValidationError) as found:
        Desired.model_validate_json(b'{"policy": ')
    assert wording.problems(found.value).startswith("document: is no JSON: EOF while parsing")


@pytest.mark.parametrize("kind", get_args(core_schema.ErrorType))
def test_every_kind_of_fault_has_words(kind: str) -> None:
    """Also those that no field of ours has today; none needs what the library would have said."""
    context: defaultdict[str, object] = defaultdict(lambda: 3)
    told = validation.sentence({"type": kind, "loc": ("field",), "msg": "RAW", "input": "RAW", "ctx": context})
    assert told
    assert "RAW" not in told
