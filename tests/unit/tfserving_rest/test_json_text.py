"""Bodies are read and printed as the official server does."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.tfserving.rest.json_text import DEBUG_BYTES, Json, Writer, debug, parse, write_limited
from infra.tfserving.servable import Code, RequestFailure

leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()
values: st.SearchStrategy[Json] = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "The document is empty"),
        (b"  \n", "The document is empty. at offset: 3"),
        (b"nonsense", "Invalid value. at offset: 0"),
        (b'{"a": }', "Invalid value. at offset: 6"),
        (b'{"a": [1 2]}', "Missing a comma or ] after an array element. at offset: 9"),
        (b'{"a{": [], "b": 1 "c": 2}', "Missing a comma or } after an object member. at offset: 18"),
        (b"{a: 1}", "Missing a name for object member. at offset: 1"),
        (b'{"a" 1}', "Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": "\\x"}', "Invalid escape character in string. at offset: 7"),
        (b'{"a": "\\uXYZW"}', "Incorrect hex digit after \\u escape in string. at offset: 8"),
        (b'{"a": "b', "Missing a closing quotation mark in string. at offset: 6"),
        (b'{"a": "\n"}', "Invalid encoding in string. at offset: 7"),
        ('{"é": "é"; }'.encode(), "Missing a comma or } after an object member. at offset: 11"),
        (b'{"a": ' + b"9" * 5000 + b"}", "Number too big to be stored in double. at offset: 0"),
        (b'{"a": ' + b"[" * 100_000, "Nested too deeply. at offset: 0"),
    ],
)
def test_a_body_that_is_no_json_is_refused_with_the_reason_and_the_place(body: bytes, why: str) -> None:
    """A client sees what is wrong with its JSON, and at which byte."""
    with pytest.raises(RequestFailure) as caught:
        parse(body)
    assert caught.value.code is Code.INVALID_ARGUMENT
    assert caught.value.message == f"JSON Parse error: {why}"


@pytest.mark.parametrize("half", [b"\\ud83d", b"\\uDE00x", b"\\ude00\\ud83d"])
def test_half_a_surrogate_pair_is_refused_and_a_whole_one_is_a_letter(half: bytes) -> None:
    """Anything else would be no text, neither in a message nor in an answer."""
    with pytest.raises(RequestFailure, match="The surrogate pair in string is invalid"):
        parse(b'{"a": ["' + half + b'"]}')
    assert parse(b'{"a": "\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


@pytest.mark.parametrize(("body", "shown"), [(b"[1, 2]", "[1, 2]"), (b'"a"', '"a"'), (b"null", "null")])
def test_a_body_that_is_no_object_is_refused(body: bytes, shown: str) -> None:
    """Anything but an object is refused, and shown."""
    with pytest.raises(RequestFailure, match="Is not object") as caught:
        parse(body)
    assert caught.value.message == f"JSON Value: {shown} Is not object"


def test_what_follows_the_object_is_not_looked_at() -> None:
    """Reading stops after the first value, and a byte order mark before it is no part of it."""
    assert parse(b'\xef\xbb\xbf {"a": 1} and more') == {"a": 1}


def test_names_of_numbers_and_bytes_that_are_no_text_are_let_through() -> None:
    """NaN and infinities are numbers here, and a string may hold any bytes."""
    body = parse(b'{"a": [NaN, Infinity, -Infinity], "b": "\xff"}')
    assert json.dumps(body["a"]) == "[NaN, Infinity, -Infinity]"
    assert body["b"] == "\udcff"


@settings(deadline=None)
@given(values)
def test_what_is_printed_reads_back_equal(value: Json) -> None:
    """Printing loses nothing, on one line or many."""
    for single_line in (False, True):
        writer = Writer(single_line=single_line)
        print_whole(writer, value)
        assert json.loads(writer.text()) == value


def print_whole(writer: Writer, value: Json) -> None:
    """Print a value of any size."""
    if isinstance(value, dict):
        writer.start("{")
        for name, member in value.items():
            writer.string(name)
            print_whole(writer, member)
        writer.end("}")
    elif isinstance(value, list):
        writer.start("[")
        for element in value:
            print_whole(writer, element)
        writer.end("]")
    else:
        writer.raw(json.dumps(value))


def test_lines_are_indented_by_four_spaces_and_arrays_may_stay_on_one() -> None:
    """The layout is that of the official server, down to the spaces."""
    value: Json = {"a": [1, {"b": []}], "c": {}}
    many = Writer()
    print_whole(many, value)
    assert many.text() == (
        '{\n    "a": [\n        1,\n        {\n            "b": []\n        }\n    ],\n    "c": {}\n}'
    )
    assert debug(value) == '{\n    "a": [1, {\n            "b": []\n        }],\n    "c": {}\n}'


def test_a_long_value_is_cut_in_messages() -> None:
    """An error message does not repeat a megabyte of input."""
    writer = Writer(single_line=True)
    assert not write_limited(writer, list(range(10_000)))
    assert len(debug(list(range(10_000)))) <= DEBUG_BYTES + 10
    assert debug(list(range(10_000))).startswith("[0, 1, 2")


def test_control_characters_are_escaped() -> None:
    """A string never breaks out of its quotation marks."""
    writer = Writer()
    writer.string('"\\\n\x00\x1f\x7fé')
    assert writer.text() == '"\\"\\\\\\n\\u0000\\u001F\x7fé"'
