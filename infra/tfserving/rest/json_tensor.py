"""One JSON value into one tensor, and back.

Lists become dimensions; binary strings are `{"b64": "..."}`. Numbers print as short as they can and still read back
equal, whole ones with `.0`, and NaN and Infinity by name, which only lenient readers take.
"""

import base64
import binascii
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto

from infra.tfserving.rest.json_text import Json, Writer, debug, json_type, print_bytes, refused
from infra.tfserving.servable import Code, RequestFailure
from infra.tfserving.tensors import FIELDS, STRING, type_name

Value: TypeAlias = "bool | int | float | bytes"
BYTES_SUFFIX = "_bytes"  # outputs of this name are binary


def is_number(value: Json) -> bool:
    """Accept what a float can be read from."""
    return type(value) in (int, float)


def is_integer(low: int, high: int) -> Callable[[Json], bool]:
    """Accept integers from `low` to `high`; 1.0 is none."""
    return lambda value: type(value) is int and low <= value <= high


is_int32 = is_integer(-(2**31), 2**31 - 1)  # small types are read as this: TensorFlow Serving does not check further
ACCEPTED: Mapping[int, Callable[[Json], bool]] = {
    types_pb2.DT_FLOAT: is_number,
    types_pb2.DT_DOUBLE: is_number,
    types_pb2.DT_INT32: is_int32,
    types_pb2.DT_INT16: is_int32,
    types_pb2.DT_INT8: is_int32,
    types_pb2.DT_UINT8: is_int32,
    types_pb2.DT_STRING: lambda value: isinstance(value, str),
    types_pb2.DT_INT64: is_integer(-(2**63), 2**63 - 1),
    types_pb2.DT_BOOL: lambda value: isinstance(value, bool),
    types_pb2.DT_UINT32: is_integer(0, 2**32 - 1),
    types_pb2.DT_UINT64: is_integer(0, 2**64 - 1),
}


@dataclass(frozen=True, slots=True)
class Dense:
    """A tensor's shape and its values in order."""

    shape: tuple[int, ...]
    values: list[Value]

    def tensor(self, dtype: int) -> TensorProto:
        """Return it as a message of this type."""
        proto = TensorProto(dtype=dtype)
        for size in self.shape:
            proto.tensor_shape.dim.add(size=size)
        field = "string_val" if dtype == STRING else FIELDS[dtype][0]
        getattr(proto, field).extend(self.values)
        return proto


def read_dense(value: Json, dtype: int) -> Dense:
    """Read nested lists; the first element of each tells the shape the others must have."""
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    values: list[Value] = []
    read_level(value, 0, into=values, shape=shape, dtype=dtype)
    return Dense(tuple(shape), values)


def read_level(value: Json, level: int, *, into: list[Value], shape: Sequence[int], dtype: int) -> None:
    """Read one list and what is in it, or one leaf."""
    if not isinstance(value, list):
        if level != len(shape):
            raise refused(
                f"JSON Value: {debug(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        into.append(read_leaf(value, dtype))
        return
    if level >= len(shape):
        raise refused(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise refused(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for element in value:
        read_level(element, level + 1, into=into, shape=shape, dtype=dtype)


def read_leaf(value: Json, dtype: int) -> Value:
    """Read one value of the tensor's type."""
    if isinstance(value, dict) and dtype == STRING:
        return read_base64(value)
    if dtype not in ACCEPTED and not isinstance(value, dict):
        raise RequestFailure(
            Code.UNIMPLEMENTED, f"Conversion of JSON Value: {debug(value)} to type: {type_name(dtype)}"
        )
    if isinstance(value, dict) or not ACCEPTED[dtype](value):
        raise refused(
            f"JSON Value: {debug(value)} Type: {json_type(value)} is not of expected type: {type_name(dtype)}"
        )
    if isinstance(value, str):
        return print_bytes(value)
    number = cast("bool | int | float", value)
    return float_of(number) if dtype in (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE) else number


def float_of(number: float) -> float:
    """Return a number as a double; an integer beyond it as infinity."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def is_base64(value: Json) -> bool:
    """Tell a binary string, `{"b64": "..."}`, from other objects."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("b64"), str)


def read_base64(value: Json) -> bytes:
    """Read a binary string; padding and white space are optional."""
    text = value.get("b64") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(text, str):
        raise refused(f"JSON Value: {debug(value)} not formatted correctly for base64 data")
    letters = "".join(text.split()).rstrip("=")
    try:
        return base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise refused("Unable to base64 decode") from error


def write_tensor(writer: Writer, name: str, tensor: TensorProto, *, index: int | None = None) -> None:
    """Print a tensor as nested lists: all of it, or the part at one index of its first dimension."""
    if tensor.dtype not in ACCEPTED:
        raise refused(f"Failed to write JSON value for tensor type: {type_name(tensor.dtype)}")
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    values = getattr(tensor, "string_val" if tensor.dtype == STRING else FIELDS[tensor.dtype][0])
    if index is not None:
        size = math.prod(shape[1:])
        shape, values = shape[1:], values[index * size : (index + 1) * size]
    write_level(writer, shape, values, write=writer_of(tensor.dtype, is_binary=name.endswith(BYTES_SUFFIX)))


def write_level(
    writer: Writer, shape: Sequence[int], values: Sequence[Value], *, write: Callable[[Writer, Value], None]
) -> None:
    """Print values with the shape they have left."""
    if not shape:
        write(writer, values[0])
        return
    size = math.prod(shape[1:])
    writer.start("[")
    for place in range(shape[0]):
        write_level(writer, shape[1:], values[place * size : (place + 1) * size], write=write)
    writer.end("]")


def writer_of(dtype: int, *, is_binary: bool) -> Callable[[Writer, Value], None]:
    """Return what prints one value of a type."""
    if dtype == STRING:
        return write_binary if is_binary else write_string
    if dtype in (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE):
        letter = FIELDS[dtype][1]
        return lambda writer, value: writer.raw(decimal(float(value), letter=letter))
    if dtype == types_pb2.DT_BOOL:
        return lambda writer, value: writer.raw("true" if value else "false")
    return lambda writer, value: writer.raw(str(int(value)))


def write_binary(writer: Writer, value: Value) -> None:
    """Print bytes as a base64 object."""
    writer.start("{")
    writer.string("b64")
    writer.string(base64.b64encode(cast("bytes", value)).decode())
    writer.end("}")


def write_string(writer: Writer, value: Value) -> None:
    """Print bytes as a string."""
    writer.string(cast("bytes", value).decode("utf-8", "surrogateescape"))


def decimal(value: float, *, letter: str = "f") -> str:
    """Print a float (`f`) or a double (`d`)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:g}"
    if struct.unpack(letter, struct.pack(letter, float(text)))[0] != value:
        text = f"{value:.9g}" if letter == "f" else f"{value:.17g}"
    return text if "." in text or "e" in text else text + ".0"
