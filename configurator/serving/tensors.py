"""Tensors of samples: JSON values into TensorProto and back, without TensorFlow or NumPy. Pure."""

import math
import struct

from tensorflow.core.framework.tensor_pb2 import TensorProto

from service import values
from service.values import KINDS, MAX_RANK, BadTensor, Scalar


def build(given: object, dtype: int) -> TensorProto:
    """Make a tensor of nested lists; `BadTensor` says why they make none."""
    shape, flat = values.tensor(given, dtype)
    tensor = TensorProto(dtype=dtype)
    for size in shape:
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_shape.SetInParent()
    getattr(tensor, KINDS[dtype].field).extend(flat)
    return tensor


def read(tensor: TensorProto, shape: tuple[int, ...]) -> list[Scalar]:
    """Return the values of a tensor that shall have this shape, row by row.

    The shape comes first: a few bytes may stand for any number of equal values (issue 10).
    """
    kind = KINDS.get(tensor.dtype)
    if kind is None:
        raise BadTensor(f"tensors of type {values.name(tensor.dtype)} cannot be compared")
    if shape_of(tensor) != shape:
        raise BadTensor(f"the tensor has shape {shown(shape_of(tensor))}, expected {shown(shape)}")
    count = math.prod(shape)
    if tensor.tensor_content and kind.letter:
        size = struct.calcsize(kind.letter)
        if len(tensor.tensor_content) != count * size:
            raise BadTensor(f"{len(tensor.tensor_content)} bytes are no {count} values of {size} bytes")
        return list(struct.unpack(f"<{count}{kind.letter}", tensor.tensor_content))
    found = list(getattr(tensor, kind.field))
    if len(found) > count or (count and not found):
        raise BadTensor(f"{len(found)} values are none for shape {shown(shape)}")
    return found + found[-1:] * (count - len(found))  # the last one stands for all that follow


def shape_of(tensor: TensorProto) -> tuple[int, ...]:
    """Return a tensor's shape, unread and unbounded: any number may stand in it."""
    return tuple(dimension.size for dimension in tensor.tensor_shape.dim)


def shown(shape: tuple[int, ...]) -> str:
    """Write a shape, cut where it has more dimensions than any tensor."""
    return str(list(shape[:MAX_RANK])) + ("…" if len(shape) > MAX_RANK else "")
