"""Where a TensorProto keeps the values of each type, and what TensorFlow calls that type.

Everything that reads or writes tensors, whether from JSON or from TensorFlow's memory, shares this table.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tensorflow.core.framework import types_pb2
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DataType

STRING: int = types_pb2.DT_STRING

# type -> (field of TensorProto, letter of one value as `struct` and `memoryview` have it); strings stand alone.
FIELDS: Mapping[int, tuple[str, str]] = {
    types_pb2.DT_FLOAT: ("float_val", "f"),
    types_pb2.DT_DOUBLE: ("double_val", "d"),
    types_pb2.DT_INT32: ("int_val", "i"),
    types_pb2.DT_UINT8: ("int_val", "B"),
    types_pb2.DT_INT16: ("int_val", "h"),
    types_pb2.DT_INT8: ("int_val", "b"),
    types_pb2.DT_COMPLEX64: ("scomplex_val", "f"),
    types_pb2.DT_INT64: ("int64_val", "q"),
    types_pb2.DT_BOOL: ("bool_val", "?"),
    types_pb2.DT_QINT8: ("int_val", "b"),
    types_pb2.DT_QUINT8: ("int_val", "B"),
    types_pb2.DT_QINT32: ("int_val", "i"),
    types_pb2.DT_BFLOAT16: ("half_val", "H"),
    types_pb2.DT_QINT16: ("int_val", "h"),
    types_pb2.DT_QUINT16: ("int_val", "H"),
    types_pb2.DT_UINT16: ("int_val", "H"),
    types_pb2.DT_COMPLEX128: ("dcomplex_val", "d"),
    types_pb2.DT_HALF: ("half_val", "H"),
    types_pb2.DT_UINT32: ("uint32_val", "I"),
    types_pb2.DT_UINT64: ("uint64_val", "Q"),
}


@dataclass(frozen=True, slots=True)
class Feed:
    """A tensor on its way into a graph: what the signature calls it, what the graph calls it, and its content."""

    alias: str
    name: str
    tensor: TensorProto


def type_name(dtype: int) -> str:
    """Return a type's name as TensorFlow's messages have it: `float`, `int64`, `string`."""
    return str(DataType.Name(dtype)).removeprefix("DT_").lower()
