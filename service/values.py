"""The values of a sample's tensors: their shape, and whether a type has them. Pure, and without TensorFlow.

The one rule for the configurator, which asks a version its sample, and for whoever publishes one.
"""

import base64
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

Scalar = bool | int | float | str | bytes

MAX_RANK: Final = 16
FLOAT_MAX: Final = (2 - 2**-23) * 2.0**127  # the largest number of 32 bits
# Numbers and names of TensorFlow's types.proto.
NAMES: Final = {
    1: "DT_FLOAT",
    2: "DT_DOUBLE",
    3: "DT_INT32",
    4: "DT_UINT8",
    5: "DT_INT16",
    6: "DT_INT8",
    7: "DT_STRING",
    8: "DT_COMPLEX64",
    9: "DT_INT64",
    10: "DT_BOOL",
    14: "DT_BFLOAT16",
    18: "DT_COMPLEX128",
    19: "DT_HALF",
    20: "DT_RESOURCE",
    21: "DT_VARIANT",
    22: "DT_UINT32",
    23: "DT_UINT64",
}


class BadTensor(ValueError):
    """Values that make no tensor of the type they should."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a type is carried: the field of TensorProto, its letter in packed bytes, its range, of floats by amount."""

    field: str
    letter: str
    lowest: int = 0
    highest: int = 0


KINDS: Final = {  # by the type's number
    1: Kind("float_val", "f", highest=int(FLOAT_MAX)),
    2: Kind("double_val", "d", highest=int(sys.float_info.max)),
    3: Kind("int_val", "i", -(2**31), 2**31 - 1),
    4: Kind("int_val", "B", 0, 2**8 - 1),
    5: Kind("int_val", "h", -(2**15), 2**15 - 1),
    6: Kind("int_val", "b", -(2**7), 2**7 - 1),
    7: Kind("string_val", ""),
    9: Kind("int64_val", "q", -(2**63), 2**63 - 1),
    10: Kind("bool_val", "?"),
}


def tensor(values: object, dtype: int) -> tuple[tuple[int, ...], list[Scalar]]:
    """Return the shape of nested lists, and their values as this type has them.

    `BadTensor` says why they make no tensor of it.
    """
    kind = KINDS.get(dtype)
    if kind is None:
        raise BadTensor(f"tensors of type {name(dtype)} cannot be written in a sample")
    shape, flat = flatten(values)
    return shape, [_scalar(value, kind, dtype) for value in flat]


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


def may_equal(expected: object, dtype: int) -> bool:
    """Tell whether an output of this type could ever hold what a sample expects."""
    match KINDS[dtype].letter:
        case "":
            return text(expected) is not None
        case "?":
            return isinstance(expected, bool)
        case _:
            return isinstance(expected, int | float) and not isinstance(expected, bool)


def name(dtype: int) -> str:
    """Return TensorFlow's name of a type; its number where it has none here."""
    return NAMES.get(dtype, str(dtype))


def quoted(value: object) -> str:
    """Show the beginning of a value; of integers beyond what Python writes out, only that."""
    try:
        return ascii(str(value)[:40])
    except ValueError:
        return "a number of thousands of digits"


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
    raise BadTensor(f"{quoted(value)} is no value of type {name(dtype)}")


def _fits(value: float, kind: Kind) -> bool:
    """Tell whether a type of floats has a number; all have infinities, and what is not a number."""
    return not kind.highest < abs(value) < math.inf
