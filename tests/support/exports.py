"""The tiny exports of `tests/models`, copies of them that are broken, and warmup files for them."""

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import google_crc32c
from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from service.tfrecord import masked
from service.wire import Wire

MODELS = Path(__file__).resolve().parents[1] / "models"
DATA = "variables/variables.data-00000-of-00001"
INDEX = "variables/variables.index"
WARMUP = "assets.extra/tf_serving_warmup_requests"
LENGTH_DELIMITED = 2

Defect = Callable[[Path], None]

META_GRAPHS = 2  # the field of a SavedModel


def as_text(graph: bytes, **style: bool) -> bytes:
    """Write a `saved_model.pb` as `saved_model.pbtxt`, in a style of `text_of`."""
    wire = Wire(graph, max_fields=1000)
    found = (MetaGraphDef.FromString(graph[part.start : part.end]) for part in wire.find(wire.whole, META_GRAPHS))
    texts = (f"meta_graphs {{ {text_of(one, **style)} }}\n" for one in found)
    return "".join(["saved_model_schema_version: 1\n", *texts]).encode()


def text_of(
    message: Message, *, as_one_line: bool = False, pointy_brackets: bool = False, as_utf8: bool = False
) -> str:
    """Write a message in text format, as protobuf does."""
    return text_format.MessageToString(
        message, as_one_line=as_one_line, pointy_brackets=pointy_brackets, as_utf8=as_utf8
    )


def copy_export(name: str, base_path: Path, *, version: int | str = 1, defect: Defect | None = None) -> Path:
    """Put a copy of version 1 of a model under a base path, changed by the defect, by one rename."""
    staged = base_path / f".staged-{version}"
    shutil.copytree(MODELS / name / "1", staged)
    if defect:
        defect(staged)
    return staged.rename(base_path / str(version))


def without(name: str) -> Defect:
    """Take a file or folder away."""

    def apply(export: Path) -> None:
        found = export / name
        shutil.rmtree(found) if found.is_dir() else found.unlink()

    return apply


def cut(name: str, size: int) -> Defect:
    """Cut a file to its first bytes."""

    def apply(export: Path) -> None:
        content = (export / name).read_bytes()
        (export / name).write_bytes(content[:size])

    return apply


def flip(name: str, place: int) -> Defect:
    """Turn the bits of one byte of a file."""

    def apply(export: Path) -> None:
        content = bytearray((export / name).read_bytes())
        content[place] ^= 0xFF
        (export / name).write_bytes(content)

    return apply


def put(name: str, content: bytes) -> Defect:
    """Write a file, over another one or new."""

    def apply(export: Path) -> None:
        (export / name).parent.mkdir(exist_ok=True)
        (export / name).write_bytes(content)

    return apply


def rename(name: str, other: str) -> Defect:
    """Call a file by another name."""

    def apply(export: Path) -> None:
        (export / name).rename(export / other)

    return apply


def record(content: bytes) -> bytes:
    """Return one record of a TFRecord file."""
    length = struct.pack("<Q", len(content))
    return (
        length
        + struct.pack("<I", masked(google_crc32c.value(length)))
        + content
        + struct.pack("<I", masked(google_crc32c.value(content)))
    )


def logged(field: int, request: Message) -> bytes:
    """Return a PredictionLog of a request, by hand: its module needs more of TensorFlow than services have."""
    return delimited(field, delimited(1, request.SerializeToString()))


def delimited(field: int, content: bytes) -> bytes:
    """Encode one field that is a message."""
    return varint(field << 3 | LENGTH_DELIMITED) + varint(len(content)) + content


def varint(number: int) -> bytes:
    """Encode a number as protobuf does."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])
