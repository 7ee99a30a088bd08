"""Tensors of samples: JSON values into TensorProto and back, without TensorFlow or NumPy. Pure."""

import base64
import math
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto

Scalar = bool | int | float | str | bytes
MAX_RANK = 16
FLOAT_MAX = (2 - 2**-23) * 2.0**127  # the largest number of 32 bits


class BadTensor(ValueError):
    """Values that make no tensor of the type they should."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a type is carried: the field of TensorProto, its letter in packed bytes, its range, of floats by amount."""

    field: str
    letter: str
    lowest: int = 0
    highest: int = 0


KINDS = {
    types_pb2.DT_FLOAT: Kind("float_val", "f", highest=int(FLOAT_MAX)),
    types_pb2.DT_DOUBLE: Kind("double_val", "d", highest=int(sys.float_info.max)),
    types_pb2.DT_INT8: Kind("int_val", "b", -(2**7), 2**7 - 1),
    types_pb2.DT_UINT8: Kind("int_val", "B", 0, 2**8 - 1),
    types_pb2.DT_INT16: Kind("int_val", "h", -(2**15), 2**15 - 1),
    types_pb2.DT_INT32: Kind("int_val", "i", -(2**31), 2**31 - 1),
    types_pb2.DT_INT64: Kind("int64_val", "q", -(2**63), 2**63 - 1),
    types_pb2.DT_BOOL: Kind("bool_val", "?"),
    types_pb2.DT_STRING: Kind("string_val", ""),
}


def build(values: object, dtype: int) -> TensorProto:
    """Make a tensor of nested lists; `BadTensor` says why they make none."""
    kind = KINDS.get(dtype)
    if kind is None:
        raise BadTensor(f"tensors of type {_name(dtype)} cannot be written in a sample")
    shape, flat = flatten(values)
    tensor = TensorProto(dtype=dtype)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_shape.SetInParent()
    getattr(tensor, kind.field).extend([_scalar(value, kind, dtype) for value in flat])
    return tensor


def read(tensor: TensorProto, shape: tuple[int, ...]) -> list[Scalar]:
    """Return the values of a tensor that shall have this shape, row by row.

    The shape comes first: a few bytes may stand for any number of equal values (issue 10).
    """
    kind = KINDS.get(tensor.dtype)
    if kind is None:
        raise BadTensor(f"tensors of type {_name(tensor.dtype)} cannot be compared")
    if shape_of(tensor) != shape:
        raise BadTensor(f"the tensor has shape {shown(shape_of(tensor))}, expected {shown(shape)}")
    count = math.prod(shape)
    if tensor.tensor_content and kind.letter:
        size = struct.calcsize(kind.letter)
        if len(tensor.tensor_content) != count * size:
            raise BadTensor(f"{len(tensor.tensor_content)} bytes are no {count} values of {size} bytes")
        return list(struct.unpack(f"<{count}{kind.letter}", tensor.tensor_content))
    values = list(getattr(tensor, kind.field))
    if len(values) > count or (count and not values):
        raise BadTensor(f"{len(values)} values are none for shape {shown(shape)}")
    return values + values[-1:] * (count - len(values))  # the last one stands for all that follow


def shape_of(tensor: TensorProto) -> tuple[int, ...]:
    """Return a tensor's shape, unread and unbounded: any number may stand in it."""
    return tuple(dimension.size for dimension in tensor.tensor_shape.dim)


def shown(shape: tuple[int, ...]) -> str:
    """Write a shape, cut where it has more dimensions than any tensor."""
    return str(list(shape[:MAX_RANK])) + ("…" if len(shape) > MAX_RANK else "")


def flatten(values: object) -> tuple[tuple[int, ...], list[object]]:
    """Return the shape of nested lists and their innermost values; `BadTensor` where they are ragged."""
    shape = _shape(values)
    return shape, list(_leaves(values, shape))


def text(value: object) -> bytes | None:
    """Read a string as TensorFlow Serving's REST API does: plain, or {"b64": "..."}; None if it is neither."""
    match value:
        case str():
            return value.encode()
        case {"b64": str(encoded), **others} if not others:
            try:
                return base64.b64decode(encoded, validate=True)
            except ValueError:
                return None
        case _:
            return None


def _shape(values: object) -> tuple[int, ...]:
    shape: list[int] = []
    while isinstance(values, list):
        shape.append(len(values))
        if len(shape) > MAX_RANK:
            raise BadTensor(f"lists are nested more than {MAX_RANK} deep")
        if not values:
            break
        values = values[0]
    return tuple(shape)


def _leaves(values: object, shape: tuple[int, ...]) -> Iterator[object]:
    if not shape:
        if isinstance(values, list):
            raise BadTensor("lists of different depth stand side by side")
        yield values
        return
    if not isinstance(values, list) or len(values) != shape[0]:
        raise BadTensor("lists of different length stand side by side")
    for value in values:
        yield from _leaves(value, shape[1:])


def _scalar(value: object, kind: Kind, dtype: int) -> Scalar:
    match kind.letter:
        case "":
            if (data := text(value)) is not None:
                return data
        case "?":
            if isinstance(value, bool):
                return value
        case "f" | "d":
            if isinstance(value, int | float) and not isinstance(value, bool) and _fits(value, kind):
                return float(value)
        case _:
            if isinstance(value, int) and not isinstance(value, bool) and kind.lowest <= value <= kind.highest:
                return value
    raise BadTensor(f"{_quoted(value)} is no value of type {_name(dtype)}")


def _fits(value: float, kind: Kind) -> bool:
    """Tell whether a type of floats has a number; all have infinities, and what is not a number."""
    return not kind.highest < abs(value) < math.inf


def _quoted(value: object) -> str:
    """Show the beginning of a value; of integers beyond what Python writes out, only that."""
    try:
        return ascii(str(value)[:40])
    except ValueError:
        return "a number of thousands of digits"


def _name(dtype: int) -> str:
    known: dict[int, str] = {number: name for name, number in types_pb2.DataType.items()}
    return known.get(dtype, str(dtype))
