"""JSON values become tensors and tensors become JSON, without a change."""

import json
import math
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto

from infra.tfserving.rest.json_tensor import decimal, read_base64, read_dense, write_tensor
from infra.tfserving.rest.json_text import Json, Writer
from infra.tfserving.servable import Code, RequestFailure

FLOAT, DOUBLE, INT32, INT64 = types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, types_pb2.DT_INT32, types_pb2.DT_INT64
STRING, BOOL, UINT8 = types_pb2.DT_STRING, types_pb2.DT_BOOL, types_pb2.DT_UINT8
UINT32, UINT64, HALF = types_pb2.DT_UINT32, types_pb2.DT_UINT64, types_pb2.DT_HALF

ELEMENTS: dict[int, st.SearchStrategy[Json]] = {
    FLOAT: st.floats(width=32, allow_nan=False, allow_infinity=False),
    DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    INT32: st.integers(-(2**31), 2**31 - 1),
    INT64: st.integers(-(2**63), 2**63 - 1),
    UINT32: st.integers(0, 2**32 - 1),
    UINT64: st.integers(0, 2**64 - 1),
    BOOL: st.booleans(),
    STRING: st.text(),
}


@st.composite
def tensors(draw: st.DrawFn) -> tuple[int, Json]:
    """Draw a type and nested lists of a regular shape in it; no dimension but the last may be empty."""
    dtype = draw(st.sampled_from(sorted(ELEMENTS)))
    shape = draw(st.lists(st.integers(1, 3), max_size=3))
    return dtype, draw(nested(shape, ELEMENTS[dtype]))


def nested(shape: Sequence[int], elements: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    """Return lists in lists of this shape."""
    if not shape:
        return elements
    return st.lists(nested(shape[1:], elements), min_size=shape[0], max_size=shape[0]).map(list)


def printed(tensor: TensorProto, name: str = "y") -> str:
    """Print a tensor on one line."""
    writer = Writer(single_line=True)
    write_tensor(writer, name, tensor)
    return writer.text()


@settings(deadline=None)
@given(tensors())
def test_a_tensor_comes_back_as_it_went_in(given_tensor: tuple[int, Json]) -> None:
    """Whatever the type and shape, JSON to tensor to JSON changes no value."""
    dtype, value = given_tensor
    tensor = read_dense(value, dtype).tensor(dtype)
    again = json.loads(printed(TensorProto.FromString(tensor.SerializeToString())))
    assert read_dense(again, dtype).tensor(dtype) == tensor
    if dtype != FLOAT:  # a float's shortest text is another double than the one given
        assert again == value


@settings(deadline=None)
@given(st.binary())
def test_bytes_come_back_as_they_went_in(content: bytes) -> None:
    """A binary string survives as base64, whatever it holds."""
    tensor = TensorProto(dtype=STRING, string_val=[content])
    assert read_base64(json.loads(printed(tensor, "y_bytes"))) == content


@settings(deadline=None)
@given(st.floats(width=32))
def test_a_float_prints_as_its_shortest_equal_text(value: float) -> None:
    """No noise digits appear, and nothing is lost."""
    text = decimal(value)
    again = struct.unpack("f", struct.pack("f", float(text.replace("Infinity", "inf"))))[0]
    assert again == value or (math.isnan(again) and math.isnan(value))


@pytest.mark.parametrize(
    ("value", "letter", "text"),
    [
        (2.5, "f", "2.5"),
        (3.0, "f", "3.0"),
        (-0.0, "f", "-0.0"),
        (0.20000000298023224, "f", "0.2"),
        (0.2, "d", "0.2"),
        (0.1234567, "d", "0.1234567"),
        (1 / 3, "d", "0.33333333333333331"),
        (16777216.0, "f", "16777216.0"),
        (9000000.0, "f", "9e+06"),
        (3e-05, "d", "3e-05"),
        (math.nan, "f", "NaN"),
        (math.inf, "f", "Infinity"),
        (-math.inf, "d", "-Infinity"),
    ],
)
def test_decimals_print_as_the_official_server_prints_them(value: float, letter: str, text: str) -> None:
    """Whole numbers keep a point, others take six digits or as many as they need."""
    assert decimal(value, letter=letter) == text


@pytest.mark.parametrize(
    ("value", "dtype", "shape", "field", "content"),
    [
        (1, FLOAT, (), "float_val", [1.0]),
        ([1.5, 2], FLOAT, (2,), "float_val", [1.5, 2.0]),
        ([[1], [2]], INT32, (2, 1), "int_val", [1, 2]),
        ([9007199254740993], INT64, (1,), "int64_val", [9007199254740993]),
        ([2**64 - 1], UINT64, (1,), "uint64_val", [2**64 - 1]),
        (["é", {"b64": "AAH/"}], STRING, (2,), "string_val", [b"\xc3\xa9", b"\x00\x01\xff"]),
        ([True, False], BOOL, (2,), "bool_val", [True, False]),
        ([300], UINT8, (1,), "int_val", [300]),
        ([], FLOAT, (0,), "float_val", []),
        ([[], []], FLOAT, (2, 0), "float_val", []),
        (10**400, DOUBLE, (), "double_val", [math.inf]),
    ],
)
def test_values_go_into_the_field_of_their_type(
    value: Json, dtype: int, shape: tuple[int, ...], field: str, content: list[object]
) -> None:
    """Shape and values are those of the nested lists."""
    tensor = read_dense(value, dtype).tensor(dtype)
    assert tuple(dim.size for dim in tensor.tensor_shape.dim) == shape
    assert list(getattr(tensor, field)) == content


@pytest.mark.parametrize(
    ("value", "dtype", "message"),
    [
        ("a", FLOAT, 'JSON Value: "a" Type: String is not of expected type: float'),
        (True, FLOAT, "JSON Value: true Type: True is not of expected type: float"),
        (None, FLOAT, "JSON Value: null Type: Null is not of expected type: float"),
        (1.0, INT64, "JSON Value: 1.0 Type: Number is not of expected type: int64"),
        (2**31, INT32, "JSON Value: 2147483648 Type: Number is not of expected type: int32"),
        (-1, UINT32, "JSON Value: -1 Type: Number is not of expected type: uint32"),
        (1, BOOL, "JSON Value: 1 Type: Number is not of expected type: bool"),
        (1, STRING, "JSON Value: 1 Type: Number is not of expected type: string"),
        ({"b64": "AA=="}, FLOAT, 'JSON Value: {\n    "b64": "AA=="\n} Type: Object is not of expected type: float'),
        ({"b64": 1}, STRING, 'JSON Value: {\n    "b64": 1\n} not formatted correctly for base64 data'),
        ({"b64": "*"}, STRING, "Unable to base64 decode"),
        ({"b64": "A"}, STRING, "Unable to base64 decode"),
        ([[1], 2], FLOAT, "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ([1, [2]], FLOAT, "Encountered list at unexpected level: 1 expected < 1"),
        ([[1], [2, 3]], FLOAT, "Encountered list at unexpected size: 2 at level: 1 expected size: 1"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_the_reason(value: Json, dtype: int, message: str) -> None:
    """The words are those of the official server."""
    with pytest.raises(RequestFailure) as caught:
        read_dense(value, dtype)
    assert (caught.value.code, caught.value.message) == (Code.INVALID_ARGUMENT, message)


def test_types_that_json_does_not_know_are_unimplemented_in_and_refused_out() -> None:
    """Half precision has no JSON."""
    with pytest.raises(RequestFailure) as caught:
        read_dense(1.0, HALF)
    assert caught.value.code is Code.UNIMPLEMENTED
    assert caught.value.message == "Conversion of JSON Value: 1.0 to type: half"
    with pytest.raises(RequestFailure, match="Failed to write JSON value for tensor type: half"):
        printed(TensorProto(dtype=HALF, half_val=[0]))


def test_text_that_is_no_utf8_goes_out_as_the_bytes_it_is() -> None:
    """A string output is not checked, only one whose name ends in `_bytes` becomes base64."""
    tensor = TensorProto(dtype=STRING, string_val=[b"\xff"])
    assert printed(tensor) == '"\udcff"'
    assert json.loads(printed(tensor, "y_bytes")) == {"b64": "/w=="}
