"""Tensors without TensorFlow: values in, the same values out."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto

from configurator.serving import tensors
from service import values

VALUES = {
    types_pb2.DT_FLOAT: st.floats(width=32, allow_nan=False),
    types_pb2.DT_DOUBLE: st.floats(allow_nan=False),
    types_pb2.DT_INT8: st.integers(-(2**7), 2**7 - 1),
    types_pb2.DT_UINT8: st.integers(0, 2**8 - 1),
    types_pb2.DT_INT16: st.integers(-(2**15), 2**15 - 1),
    types_pb2.DT_INT32: st.integers(-(2**31), 2**31 - 1),
    types_pb2.DT_INT64: st.integers(-(2**63), 2**63 - 1),
    types_pb2.DT_BOOL: st.booleans(),
}


@pytest.mark.parametrize("dtype", VALUES)
@given(data=st.data(), rows=st.integers(0, 3), columns=st.integers(1, 3))
def test_what_is_built_is_read_back(dtype: int, data: st.DataObject, rows: int, columns: int) -> None:
    """Every type, any shape."""
    row = st.lists(VALUES[dtype], min_size=columns, max_size=columns)
    drawn = data.draw(st.lists(row, min_size=rows, max_size=rows))
    shape = (rows, columns) if rows else (0,)
    assert tensors.read(tensors.build(drawn, dtype), shape) == [value for line in drawn for value in line]


def test_types_have_the_numbers_of_tensorflow() -> None:
    """They stand in the code, so that whoever publishes needs nothing of TensorFlow."""
    known = {number: name for name, number in types_pb2.DataType.items()}
    assert {number: known[number] for number in values.NAMES} == values.NAMES
    assert values.KINDS.keys() == {*VALUES, types_pb2.DT_STRING}


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1.5, types_pb2.DT_INT32),
        (True, types_pb2.DT_INT32),
        (True, types_pb2.DT_FLOAT),
        (1, types_pb2.DT_BOOL),
        (2**31, types_pb2.DT_INT32),
        (-1, types_pb2.DT_UINT8),
        (None, types_pb2.DT_FLOAT),
        ({"b64": "?"}, types_pb2.DT_STRING),
        ({"b64": "", "other": 1}, types_pb2.DT_STRING),
        ([[1.0], 1.0], types_pb2.DT_FLOAT),
        ([1.0, [1.0]], types_pb2.DT_FLOAT),
        (1e300, types_pb2.DT_FLOAT),
        (-3.5e38, types_pb2.DT_FLOAT),
    ],
)
def test_a_value_of_another_type_is_refused(value: object, dtype: int) -> None:
    """Nothing is converted silently."""
    with pytest.raises(values.BadTensor):
        tensors.build(value, dtype)


@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("digits", [401, 5001])
def test_a_number_of_hundreds_of_digits_is_refused(digits: int, dtype: int) -> None:
    """It fits no type, and cannot even be shown where it has thousands of digits."""
    with pytest.raises(values.BadTensor):
        tensors.build(10 ** (digits - 1), dtype)


def test_nesting_has_a_limit() -> None:
    """A hostile sample cannot exhaust the stack."""
    value: object = 1.0
    for _ in range(values.MAX_RANK + 1):
        value = [value]
    with pytest.raises(values.BadTensor, match="nested"):
        tensors.build(value, types_pb2.DT_FLOAT)


def test_packed_bytes_are_read() -> None:
    """TensorFlow Serving may send a tensor's bytes instead of its values."""
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=2)])
    packed = TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=shape, tensor_content=struct.pack("<2f", 1.5, 2.5))
    assert tensors.read(packed, (2,)) == [1.5, 2.5]


def test_one_value_stands_for_many() -> None:
    """A tensor of equal values is written with one."""
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=3)])
    equal = TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=shape, float_val=[1.0])
    assert tensors.read(equal, (3,)) == [1.0] * 3


@pytest.mark.parametrize(
    ("dims", "held", "content"),
    [
        ((200_000_000,), [1.0], b""),  # 17 bytes that stand for 1.5 GB
        ((2**62, 2**62), [1.0], b""),
        ((-1,), [1.0], b""),
        ((2,), [], b""),
        ((2,), [1.0, 2.0, 3.0], b""),
        ((2,), [], b"\0" * 7),
        ((2,), [], b"\0" * 12),
    ],
)
def test_a_tensor_of_another_shape_is_not_expanded(dims: tuple[int, ...], held: list[float], content: bytes) -> None:
    """What a tensor claims to hold is compared before it is made."""
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in dims])
    hostile = TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=shape, float_val=held, tensor_content=content)
    with pytest.raises(values.BadTensor):
        tensors.read(hostile, (2,))
