"""Names from outside: parsed once, and then unable to leave their folder."""

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from events.names import BadName, FileName, Ignored, ModelName, NodeName, ObjectPath, Version, locate, parse_prefix


@pytest.mark.parametrize("text", ["m", "a.b", "A-1_x", "0", "x" * 128])
def test_model_names_that_hold(text: str) -> None:
    """Letters, digits, '.', '_' and '-', the first a letter or digit."""
    assert ModelName.parse(text) == text


@pytest.mark.parametrize(
    "text", ["", ".", "..", ".hidden", "-x", "a/b", "a b", "é", "a\n", "x" * 129, "a\0", "models.config"]
)
def test_model_names_that_do_not(text: str) -> None:
    """Everything else is refused, so that a model is always one plain folder."""
    with pytest.raises(BadName):
        ModelName.parse(text)


@pytest.mark.parametrize("text", ["0", "1", "1700000000", str(2**63 - 1)])
def test_canonical_version_numbers(text: str) -> None:
    """A version is read and written the same."""
    assert str(Version.parse(text)) == text


@pytest.mark.parametrize("text", ["", "01", "+1", "-1", " 1", "1 ", "1_0", "0x1", "1.0", "٣", str(2**63), "9" * 40])
def test_other_spellings_are_no_version(text: str) -> None:
    """What TensorFlow Serving would read as a number, or fail on, is not published under another spelling."""
    with pytest.raises(BadName):
        Version.parse(text)


@pytest.mark.parametrize(
    ("object_name", "reason"),
    [
        ("other/m/1/f", "outside the prefix"),
        ("models/m/1/variables/", "folder placeholder"),
        ("models/m/1", "not inside a version folder"),
        ("models/m/latest/f", "not a version number"),
        (f"models/m/{2**63}/f", "not a version number"),
        ("models/../1/f", "not a model name"),
        ("models//m/1/f", "not a model name"),
        ("models/models.config/1/f", "not a model name"),
        ("models/models.config.before-model-manager/1/f", "not a model name"),
        ("models/m/1/../2/f", "unsafe file name"),
        ("models/m/1//etc/passwd", "unsafe file name"),
        ("models/m/1/a\\b", "unsafe file name"),
        ("models/m/1/a\0b", "unsafe file name"),
        ("models/m/1/a\nb", "unsafe file name"),
        ("models/m/1/" + "x" * 2000, "unsafe file name"),
        ("models/m/1/" + "d/" * 200 + "f", "unsafe file name"),
        ("models/m/1/" + "x" * 256, "unsafe file name"),
        ("models/m/1/\ud800", "unsafe file name"),
    ],
)
def test_hostile_and_foreign_objects_are_ignored_with_a_reason(object_name: str, reason: str) -> None:
    """Each object that is no file of a version is counted under one of few reasons."""
    assert locate(object_name, "models/") == Ignored(reason)


def test_file_of_a_version_is_found() -> None:
    """The layout is TensorFlow Serving's own."""
    assert locate("p/m/7/variables/variables.index", "p/") == ObjectPath(
        ModelName("m"), Version(7), FileName("variables/variables.index")
    )


@given(st.text(max_size=60) | st.lists(st.sampled_from(["..", ".", "", "m", "1", "a\\b", "\0", "x"])).map("/".join))
def test_no_object_leaves_its_version_folder(object_name: str) -> None:
    """Whatever the object is called, a located file lies below its version's folder."""
    place = locate(object_name, "")
    if isinstance(place, ObjectPath):
        model, folder, _ = object_name.split("/", 2)
        path = PurePosixPath("/models", place.model, str(place.version), place.file)
        assert ".." not in path.parts
        assert path.parts[:4] == ("/", "models", place.model, str(place.version))
        assert (model, int(folder)) == (place.model, place.version)
        assert str(path) == f"/models/{model}/{place.version}/{object_name.split('/', 2)[2]}"
        assert place.is_plain == (folder == str(place.version))


@pytest.mark.parametrize(("text", "prefix"), [("", ""), ("/", ""), ("a", "a/"), ("/a/b/", "a/b/")])
def test_prefix_is_written_as_object_names_start(text: str, prefix: str) -> None:
    """Operators may write slashes as they like."""
    assert parse_prefix(text) == prefix


def test_prefix_cannot_climb() -> None:
    """A prefix is a path like any other."""
    with pytest.raises(BadName):
        parse_prefix("a/../b")


def test_refusal_quotes_what_it_refuses_in_short() -> None:
    """A hostile name can neither flood nor forge a log line."""
    with pytest.raises(BadName) as caught:
        NodeName.parse("x\n" * 1000)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_schemas_state_the_rule_of_a_name() -> None:
    """Whoever writes a client from our schemas learns what a name may be, and how big a version."""
    assert re.fullmatch(TypeAdapter(ModelName).json_schema()["pattern"], "a.b-1")
    assert not re.fullmatch(TypeAdapter(NodeName).json_schema()["pattern"], "../x")
    assert TypeAdapter(Version).json_schema()["maximum"] == 2**63 - 1


@pytest.mark.parametrize(
    "name",
    ["a\x85b", "a\x9bb", "a\u202eb", "a\u2028b", "a\u2066b", "a\u200bb", "a\nb", "a\tb", "a\U000e0041b", "\ufeffa"],
)
def test_a_name_that_cannot_be_seen_as_it_is_is_none(name: str) -> None:
    """Controls of both kinds, marks of direction and separators of lines: whoever lists the files would be misled."""
    with pytest.raises(BadName, match="cannot be seen"):
        FileName.parse(f"variables/{name}")
    assert locate(f"m/1/{name}", "") == Ignored("unsafe file name")
