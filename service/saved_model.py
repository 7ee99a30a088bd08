"""What a SavedModel needs beside its graph, read out of `saved_model.pb` without TensorFlow.

TensorFlow Serving loads an export whose variables have not arrived yet, and calls it AVAILABLE. The graph knows better:
it names its restore operation and its assets. A protobuf message is fields with a number, a wire type and a value; we
walk those few that lead to the names and skip the others by their length, so a graph of 2 GB costs a few pages.
"""

import asyncio
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from events.names import BadName, FileName
from service.errors import Invalid
from service.files import disk_errors

# Field numbers of TensorFlow's saved_model.proto, meta_graph.proto, saver.proto and of protobuf's Any.
META_GRAPHS: Final = 2  # SavedModel
SAVER_DEF, COLLECTION_DEF, SIGNATURE_DEF, ASSET_FILE_DEF = 3, 4, 5, 6  # MetaGraphDef
SIGNATURE_INPUTS, SIGNATURE_OUTPUTS = 1, 2  # SignatureDef
RESTORE_OP_NAME: Final = 3  # SaverDef
FILE_NAME: Final = 2  # AssetFileDef
KEY, VALUE = 1, 2  # an entry of a map
ANY_LIST: Final = 5  # CollectionDef
ANY_LIST_VALUE: Final = 1
ANY_VALUE: Final = 2
ASSETS_COLLECTION: Final = b"saved_model_assets"  # where TensorFlow 1 names its assets

BYTES: Final = 2  # the wire type of strings and messages
MAX_VARINT_BYTES: Final = 10
MAX_FIELDS: Final = 200_000  # real graphs have hundreds on the way to the names; a hostile one shall not cost minutes
MAX_NAME_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Needs:
    """What the graph says must exist beside it."""

    variables: bool
    assets: frozenset[FileName]  # names below the version's folder: "assets/words.txt"


async def read_needs(path: Path) -> Needs:
    """Do as `needs_of`, in a thread."""
    return await asyncio.to_thread(needs_of, path)


def needs_of(path: Path) -> Needs:
    """Read a local `saved_model.pb`; `Invalid` says why it is none, `Transient` that it cannot be read now."""
    with disk_errors(f"cannot read {path}"), path.open("rb") as file:
        if not path.stat().st_size:
            raise Invalid(f"{path.name} is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _Message(data).needs()
            except _Malformed as error:
                raise Invalid(f"{path.name} is not a SavedModel: {error}") from error


@dataclass(frozen=True, slots=True)
class Signature:
    """The names of what a signature takes and gives."""

    inputs: frozenset[str]
    outputs: frozenset[str]


def signatures_of(path: Path) -> dict[str, Signature]:
    """Read the signatures in a local `saved_model.pb`; `Invalid` says why it is none."""
    with (
        disk_errors(f"cannot read {path}"),
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        try:
            return _Message(data).signatures()
        except (_Malformed, UnicodeDecodeError) as error:
            raise Invalid(f"{path.name} is not a SavedModel: {error}") from error


class _Malformed(ValueError):
    pass


@dataclass(frozen=True, slots=True)
class _Part:
    """The bytes of a message or string inside the file."""

    start: int
    end: int


class _Message:
    """A serialized SavedModel."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._fields_left = MAX_FIELDS

    def needs(self) -> Needs:
        graphs = list(self._find(_Part(0, len(self._data)), META_GRAPHS))
        if not graphs:
            raise _Malformed("it holds no graph")
        restores = [name for graph in graphs for name in self._find(graph, SAVER_DEF, RESTORE_OP_NAME)]
        assets = frozenset(_asset(name) for graph in graphs for name in self._asset_names(graph))
        return Needs(any(name.end > name.start for name in restores), assets)

    def signatures(self) -> dict[str, Signature]:
        whole = _Part(0, len(self._data))
        entries = [entry for graph in self._find(whole, META_GRAPHS) for entry in self._find(graph, SIGNATURE_DEF)]
        return {
            key: Signature(self._keys(value, SIGNATURE_INPUTS), self._keys(value, SIGNATURE_OUTPUTS))
            for entry in entries
            for key in self._key(entry)
            for value in self._find(entry, VALUE)
        }

    def _keys(self, message: _Part, number: int) -> frozenset[str]:
        """Name the keys of a map."""
        return frozenset(key for entry in self._find(message, number) for key in self._key(entry))

    def _key(self, entry: _Part) -> Iterator[str]:
        yield from (self._bytes(key).decode() for key in self._find(entry, KEY))

    def _asset_names(self, graph: _Part) -> Iterator[bytes]:
        for asset in (*self._find(graph, ASSET_FILE_DEF), *self._collected_assets(graph)):
            for name in self._find(asset, FILE_NAME):
                yield self._bytes(name)

    def _collected_assets(self, graph: _Part) -> Iterator[_Part]:
        for entry in self._find(graph, COLLECTION_DEF):
            if any(self._bytes(key) == ASSETS_COLLECTION for key in self._find(entry, KEY)):
                yield from self._find(entry, VALUE, ANY_LIST, ANY_LIST_VALUE, ANY_VALUE)

    def _bytes(self, part: _Part) -> bytes:
        if part.end - part.start > MAX_NAME_BYTES:
            raise _Malformed(f"a name in it has {part.end - part.start} bytes")
        return self._data[part.start : part.end]

    def _find(self, message: _Part, *numbers: int) -> Iterator[_Part]:
        """Yield what lies at a path of field numbers."""
        first, *rest = numbers
        for part in self._fields(message, first):
            if rest:
                yield from self._find(part, *rest)
            else:
                yield part

    def _fields(self, message: _Part, wanted: int) -> Iterator[_Part]:
        """Yield the length-delimited fields with a number; every other field is stepped over."""
        position = message.start
        while position < message.end:
            self._fields_left -= 1
            if self._fields_left < 0:
                raise _Malformed(f"it has more than {MAX_FIELDS} fields")
            tag, position = self._varint(position, message.end)
            field = self._field(tag & 7, position, message.end)
            if field.end > message.end:
                raise _Malformed(
                    f"it is cut off: the field at byte {position} ends {field.end - message.end} bytes late"
                )
            position = field.end
            if tag >> 3 == wanted and tag & 7 == BYTES:
                yield field

    def _field(self, wire_type: int, position: int, end: int) -> _Part:
        match wire_type:
            case 0:  # a number of varying length
                return _Part(position, self._varint(position, end)[1])
            case 1:  # 64 bits
                return _Part(position, position + 8)
            case 2:  # bytes, after their length
                length, start = self._varint(position, end)
                return _Part(start, start + length)
            case 5:  # 32 bits
                return _Part(position, position + 4)
            case _:
                raise _Malformed(f"the field at byte {position} has the unknown type {wire_type}")

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        number = 0
        for index, byte in enumerate(self._data[position : min(end, position + MAX_VARINT_BYTES)]):
            number |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                return number, position + index + 1
        raise _Malformed(f"it is cut off or damaged at byte {position}")


def _asset(name: bytes) -> FileName:
    try:
        return FileName.parse(f"assets/{name.decode()}")
    except (BadName, UnicodeDecodeError) as error:
        raise _Malformed(f"it names an asset that cannot be one: {name[:80]!r}") from error
