"""Reading what a graph in text format needs, compared with TensorFlow's own messages and with the binary form."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef, MetaGraphDef

from events.names import FileName
from service.errors import Invalid
from service.saved_model import MAX_TEXT_BYTES, MAX_TEXT_PARTS, Needs, needs_of
from service.text_format import TextFormat, TooMuch
from service.wire import Malformed
from tests.support.exports import MODELS, as_text, text_of

NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)
STYLES = st.fixed_dictionaries(
    {"as_one_line": st.booleans(), "pointy_brackets": st.booleans(), "as_utf8": st.booleans()}
)
EXPORTS = sorted(path.parent.parent.name for path in MODELS.glob("*/1/saved_model.pb"))


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """Where a graph in text format is."""
    return tmp_path / "saved_model.pbtxt"


@pytest.mark.parametrize("model", EXPORTS)
@pytest.mark.parametrize("style", [{}, {"pointy_brackets": True}, {"as_one_line": True}, {"as_utf8": True}])
def test_text_says_what_the_binary_form_says(graph: Path, model: str, style: dict[str, bool]) -> None:
    """Needs of real exports, however the text is laid out."""
    binary = MODELS / model / "1/saved_model.pb"
    graph.write_bytes(as_text(binary.read_bytes(), **style))
    assert needs_of(graph) == needs_of(binary)


@given(st.booleans(), st.sets(NAMES, max_size=3), st.sets(NAMES, max_size=3), STYLES)
def test_agrees_with_tensorflows_messages(
    tmp_path_factory: pytest.TempPathFactory,
    has_restore: bool,
    assets: set[str],
    collected: set[str],
    style: dict[str, bool],
) -> None:
    """Restore operation and assets are found, in the fields of TensorFlow 1 and 2, among others that look alike."""
    message = MetaGraphDef()
    message.graph_def.node.add(name='restore_op_name: "no" } # {', op="Const")
    message.saver_def.restore_op_name = "restore" if has_restore else ""
    message.saver_def.max_to_keep = -1
    message.collection_def["other"].node_list.value.append("saved_model_assets")
    message.collection_def["floats"].float_list.value.append(-1.5)
    for name in assets:
        message.asset_file_def.add(filename=name).tensor_info.name = "asset:0"
    for name in collected:
        message.collection_def["saved_model_assets"].any_list.value.add().Pack(AssetFileDef(filename=name))
    message.signature_def["a"].inputs["b"].name = "x:0"
    graph = tmp_path_factory.mktemp("graph") / "saved_model.pbtxt"
    graph.write_text(f"meta_graphs {{ {text_of(message, **style)}\n}}")
    needs = Needs(has_restore, frozenset(FileName(f"assets/{name}") for name in assets | collected), frozenset({"a"}))
    assert needs_of(graph) == needs


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("meta_graphs: <saver_def: {restore_op_name: 'a' \"b\"}>", Needs(variables=True, assets=frozenset())),
        ("meta_graphs [{}, {saver_def {restore_op_name: ''}}];", Needs(variables=False, assets=frozenset())),
        (
            '# a comment "\nmeta_graphs { asset_file_def { filename: "\\303\\251\\x41\\u00e9" "b" } }',
            Needs(variables=False, assets=frozenset({FileName("assets/éAéb")})),
        ),
        (
            (
                'meta_graphs { collection_def { key: "saved_model_assets" value { any_list { value { type_url:'
                ' "type.googleapis.com/tensorflow.AssetFileDef" value: "\\022\\003a\\"b" } } } } }'
            ),
            Needs(variables=False, assets=frozenset({FileName('assets/a"b')})),
        ),
        (
            "meta_graphs { graph_def { a: [1, -2.5e+3] b: - 3 c: [] [x.y/z.T] { d: 1 } e: 'it\\'s }' # }\n } }",
            Needs(variables=False, assets=frozenset()),
        ),
        ("meta_graphs { a: [1, - 2] [x.y/z.T]: { d: 1 } b: nan c: 0x1F }", Needs(variables=False, assets=frozenset())),
    ],
)
def test_forms_that_text_may_have(graph: Path, text: str, needs: Needs) -> None:
    """Brackets, lists, comments, escapes, strings in parts, packed messages."""
    graph.write_text(text)
    assert needs_of(graph) == Needs(needs.variables, needs.assets, frozenset())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("\n", "holds no graph"),
        ("graph", "no text of a message at byte 5"),
        ("meta_graphs {", "no text of a message"),
        ("meta_graphs { graph_def { node {", "cut off: 2 brackets are not closed"),
        ('meta_graphs { saver_def { restore_op_name: "a', "cut off in the string that begins at byte 44"),
        ('meta_graphs { graph_def { name: "a\\" } }', "cut off in the string"),
        ("meta_graphs { 1: 2 }", "no text of a message"),
        ("meta_graphs { a: } }", "no text of a message"),
        ("meta_graphs { [a b] { } }", "no text of a message"),
        ("meta_graphs { } }", "no text of a message"),
        ("\x00", "no text of a message at byte 0"),
        ('meta_graphs { asset_file_def { filename: "../../etc/passwd" } }', "an asset that cannot be one"),
        ('meta_graphs { asset_file_def { filename: "\\377" } }', "an asset that cannot be one"),
        (f'meta_graphs {{ asset_file_def {{ filename: "{"a" * 17_000}" }} }}', "17000 characters"),
    ],
)
def test_what_is_no_graph_is_named(graph: Path, text: str, words: str) -> None:
    """Each way to be none, with the place."""
    graph.write_text(text)
    with pytest.raises(Invalid, match=words):
        needs_of(graph)


@given(st.data())
def test_cut_or_damaged_files_never_do_worse_than_invalid(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A real graph that is cut off or has wrong bytes is read or refused in words; nothing else happens."""
    whole = as_text((MODELS / "with_asset/1/saved_model.pb").read_bytes())
    cut = data.draw(st.integers(1, len(whole)))
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("graph") / "saved_model.pbtxt"
    for content in (whole[:cut], bytes(damaged)):
        path.write_bytes(content)
        try:
            assert isinstance(needs_of(path), Needs)
        except Invalid as error:
            assert str(error).startswith("saved_model.pbtxt is not a SavedModel")  # noqa: PT017 - both are right


@pytest.mark.parametrize("part", [b"a:{", b"a:{}", b"a:1 ", b'a:"" ', b'"a"', b"[", b"a:{b{}}"])
def test_a_flood_of_parts_ends(part: bytes) -> None:
    """Whatever is repeated, no more parts are looked at than was said."""
    with pytest.raises((Malformed, TooMuch)):
        TextFormat(part * 10_000, max_parts=1000).read({"a": {"b": {}}})


def test_backslashes_cost_their_length(graph: Path) -> None:
    """Whether a quote is escaped is told by the backslashes before it, however many."""
    graph.write_bytes(b'meta_graphs { saver_def { restore_op_name: "' + b"\\" * 200_001 + b'" other" } }')
    with pytest.raises(Invalid, match="200008 characters"):
        needs_of(graph)


def test_what_costs_too_much_is_not_read_and_says_so(graph: Path) -> None:
    """It may be a good graph: nothing is known of it, which is no verdict."""
    graph.write_bytes(b"meta_graphs { graph_def {" + b"a{}" * (MAX_TEXT_PARTS // 2) + b"} }")
    found = needs_of(graph)
    assert found.unread == "saved_model.pbtxt has more than 4,000,000 words and brackets, and no more are read"
    with graph.open("wb") as file:
        file.truncate(MAX_TEXT_BYTES + 1)
    assert "has 134,217,729 bytes, and at most 134,217,728 are read" in needs_of(graph).unread
