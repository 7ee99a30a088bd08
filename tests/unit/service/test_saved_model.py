"""Reading what a graph needs, compared with TensorFlow's own messages."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef, MetaGraphDef

from events.names import FileName
from service.errors import Invalid, Transient
from service.saved_model import MAX_FIELDS, Needs, read_needs

MODELS = Path(__file__).parents[2] / "models"
NAMES = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=12)


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, data: bytes) -> bytes:
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def saved_model(*graphs: MetaGraphDef) -> bytes:
    """A SavedModel of schema version 1; the message itself is not among the installed ones."""
    return b"\x08\x01" + b"".join(field(2, graph.SerializeToString()) for graph in graphs)


def read(data: bytes) -> Needs:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "saved_model.pb")
        path.write_bytes(data)
        return asyncio.run(read_needs(path))


def try_to_read(data: bytes) -> Needs | str:
    """What it needs, or the words in which it is refused."""
    try:
        return read(data)
    except Invalid as error:
        return str(error)


@pytest.mark.parametrize(
    ("model", "needs"),
    [
        ("half_plus_two/1", Needs(variables=True, assets=frozenset())),
        ("half_plus_two_tf1/1", Needs(variables=True, assets=frozenset())),
        ("tf1_no_variables/1", Needs(variables=False, assets=frozenset())),
        ("no_variables/1", Needs(variables=True, assets=frozenset())),  # TensorFlow 2 always writes variables
        ("with_asset/1", Needs(variables=True, assets=frozenset({FileName("assets/words.txt")}))),
    ],
)
def test_real_exports(model: str, needs: Needs) -> None:
    """What real exports need is read as it is, and they name the signature that everybody asks for."""
    found = asyncio.run(read_needs(MODELS / model / "saved_model.pb"))
    assert replace(found, signatures=None) == needs
    assert "serving_default" in (found.signatures or ())


@given(
    st.lists(st.tuples(st.booleans(), st.sets(NAMES, max_size=3), st.sets(NAMES, max_size=3)), min_size=1, max_size=3)
)
def test_agrees_with_tensorflows_messages(graphs: list[tuple[bool, set[str], set[str]]]) -> None:
    """Restore operations and assets of every graph are found, in the fields of TensorFlow 1 and 2, among others."""
    messages = []
    for has_restore, assets, collected in graphs:
        graph = MetaGraphDef()
        graph.meta_info_def.tensorflow_version = "2.21.0"
        graph.graph_def.node.add(name="x" * 300, op="Const")
        graph.saver_def.filename_tensor_name = "saver_filename:0"
        graph.saver_def.restore_op_name = "StatefulPartitionedCall_1" if has_restore else ""
        graph.collection_def["other"].node_list.value.append("saved_model_assets")
        graph.collection_def["floats"].float_list.value.append(1.5)
        for name in assets:
            graph.asset_file_def.add(filename=name).tensor_info.name = "asset:0"
        for name in collected:
            value = graph.collection_def["saved_model_assets"].any_list.value.add()
            value.Pack(AssetFileDef(filename=name))
        graph.signature_def["a"].inputs["b"].name = "x:0"
        graph.signature_def["b"].method_name = "c"
        messages.append(graph)
    wanted = {f"assets/{name}" for _, assets, collected in graphs for name in assets | collected}
    needs = Needs(any(has for has, _, _ in graphs), frozenset(map(FileName, wanted)), frozenset({"a", "b"}))
    assert read(saved_model(*messages)) == needs


@given(st.data())
def test_cut_or_damaged_files_never_do_worse_than_invalid(data: st.DataObject) -> None:
    """A real graph that is cut off or has wrong bytes is read or refused in words; nothing else happens."""
    whole = (MODELS / "with_asset/1/saved_model.pb").read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    at = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[at] = data.draw(st.integers(0, 255))
    for content in (whole[:cut], bytes(damaged)):
        outcome = try_to_read(content)
        assert isinstance(outcome, Needs) or outcome.startswith("saved_model.pb is")


@given(st.binary(max_size=200))
def test_noise_never_does_worse_than_invalid(noise: bytes) -> None:
    """Bytes that are no graph at all are read or refused in words."""
    outcome = try_to_read(noise)
    assert isinstance(outcome, Needs) or outcome.startswith("saved_model.pb is")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x08\x01", "holds no graph"),
        (saved_model(MetaGraphDef())[:-1] + b"\x05", "cut off"),
        (field(2, b"")[:1] + b"\xff" * 9 + b"\x01", "cut off"),  # a length of 2^64 - 1
        (b"\xff" * 11, "damaged"),
        (b"\x0b\x0c", "unknown type 3"),
        (field(2, field(6, field(2, b"../../../etc/passwd"))), "an asset that cannot be one"),
        (field(2, field(6, field(2, b"\xff\xfe"))), "an asset that cannot be one"),
        (field(2, field(6, field(2, b"a" * 5000))), "5000 bytes"),
    ],
)
def test_hostile_files(content: bytes, words: str) -> None:
    """Each way to lie is named."""
    with pytest.raises(Invalid, match=words):
        read(content)


def test_a_flood_of_fields_is_refused() -> None:
    """A file of millions of tiny fields does not cost minutes."""
    with pytest.raises(Invalid, match="more than"):
        read(b"\x08\x01" * (MAX_FIELDS + 1))


def test_a_missing_file_is_transient(tmp_path: Path) -> None:
    """A staged file that is gone says nothing about the version."""
    with pytest.raises(Transient, match="cannot read"):
        asyncio.run(read_needs(tmp_path / "saved_model.pb"))


def test_a_large_graph_is_not_read_whole(tmp_path: Path) -> None:
    """A graph of 1.9 GB is stepped over: the file is a hole that nobody reads."""
    path = tmp_path / "saved_model.pb"
    size = 1_900_000_000
    saver = field(3, field(3, b"restore"))
    graph_header = varint(2 << 3 | 2) + varint(size)
    with path.open("wb") as file:
        file.write(varint(2 << 3 | 2) + varint(len(graph_header) + size + len(saver)) + graph_header)
        file.seek(size, 1)
        file.write(saver)
    assert asyncio.run(read_needs(path)).variables
