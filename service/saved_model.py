"""What a SavedModel needs beside its graph, read out of `saved_model.pb` or `saved_model.pbtxt` without TensorFlow.

TensorFlow Serving loads an export whose variables have not arrived yet, and calls it AVAILABLE. The graph knows better:
it names its restore operation, its assets and its signatures.
"""

import asyncio
import contextlib
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from events.names import BadName, FileName
from service.errors import Invalid
from service.files import disk_errors
from service.text_format import Fields, TextFormat, TooMuch, Wants
from service.wire import Malformed, Part, Wire

# Field numbers of TensorFlow's saved_model.proto, meta_graph.proto, saver.proto and of protobuf's Any.
META_GRAPHS: Final = 2  # SavedModel
SAVER_DEF, COLLECTION_DEF, SIGNATURE_DEF, ASSET_FILE_DEF = 3, 4, 5, 6  # MetaGraphDef
SIGNATURE_INPUTS, SIGNATURE_OUTPUTS, SIGNATURE_DEFAULTS = 1, 2, 4  # SignatureDef
TENSOR_DTYPE, TENSOR_SHAPE = 2, 3  # TensorInfo
SHAPE_DIM, SHAPE_IS_UNKNOWN, DIM_SIZE = 2, 3, 1  # TensorShapeProto and its Dim
RESTORE_OP_NAME: Final = 3  # SaverDef
FILE_NAME: Final = 2  # AssetFileDef
KEY, VALUE = 1, 2  # an entry of a map
ANY_LIST: Final = 5  # CollectionDef
ANY_LIST_VALUE: Final = 1
ANY_VALUE: Final = 2
ASSETS_COLLECTION: Final = b"saved_model_assets"  # where TensorFlow 1 names its assets

# The same fields by name, as `saved_model.pbtxt` has them.
_ASSET_TYPE: Final = "tensorflow.AssetFileDef"
_ASSET: Final[Wants] = {"filename": None}
_ANY: Final[Wants] = {"value": None, _ASSET_TYPE: _ASSET}
_SAVED_MODEL: Final[Wants] = {
    "meta_graphs": {
        "saver_def": {"restore_op_name": None},
        "collection_def": {"key": None, "value": {"any_list": {"value": _ANY}}},
        "signature_def": {"key": None},
        "asset_file_def": _ASSET,
    }
}
TEXT_GRAPH: Final = "saved_model.pbtxt"
MAX_TEXT_BYTES: Final = 128 * 1024**2  # a step over all of it takes a tenth of a second
MAX_TEXT_PARTS: Final = 4_000_000  # some seconds of a thread; a graph of 10,000 operations has 500,000

MAX_FIELDS: Final = 200_000  # real graphs have hundreds on the way to the names; a hostile one shall not cost minutes


@dataclass(frozen=True, slots=True)
class Needs:
    """What the graph says must exist beside it."""

    variables: bool
    assets: frozenset[FileName]  # names below the version's folder: "assets/words.txt"
    signatures: frozenset[str] | None = None  # of all its graphs; None: not known
    unread: str = ""  # why the graph was not read; nothing is known of it then


async def read_needs(path: Path) -> Needs:
    """Do as `needs_of`, in a thread."""
    return await asyncio.to_thread(needs_of, path)


def needs_of(path: Path) -> Needs:
    """Read a local graph; `Invalid` says why it is none, `Transient` that it cannot be read now."""
    try:
        with _opened(path) as data:
            return _Text(data).needs() if path.name == TEXT_GRAPH else _Message(data).needs()
    except TooMuch as error:
        return Needs(variables=False, assets=frozenset(), unread=f"{path.name} {error}")


@dataclass(frozen=True, slots=True)
class Tensor:
    """What a signature says of an input or output: the number of its type, and its shape.

    The type is 0 where it is no single tensor. In a shape -1 stands for any size; None where nothing is said.
    """

    dtype: int
    shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a signature takes and gives, by name, and which of its inputs may be left away."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]
    defaults: frozenset[str] = frozenset()


def signatures_of(path: Path) -> dict[str, Signature]:
    """Read the signatures in a local `saved_model.pb`; `Invalid` says why it is none."""
    with _opened(path) as data:
        return _Message(data).signatures()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[mmap.mmap]:
    """Open a graph; what is found wrong while it is read becomes `Invalid`."""
    with disk_errors(f"cannot read {path}"), path.open("rb") as file:
        if not path.stat().st_size:
            raise Invalid(f"{path.name} is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                yield data
            except (Malformed, UnicodeDecodeError) as error:
                raise Invalid(f"{path.name} is not a SavedModel: {error}") from error


class _Message:
    """A serialized SavedModel."""

    def __init__(self, data: mmap.mmap) -> None:
        self._wire = Wire(data, max_fields=MAX_FIELDS)

    def needs(self) -> Needs:
        find = self._wire.find
        graphs = list(find(self._wire.whole, META_GRAPHS))
        if not graphs:
            raise Malformed("it holds no graph")
        restores = [name for graph in graphs for name in find(graph, SAVER_DEF, RESTORE_OP_NAME)]
        assets = frozenset(_asset(name) for graph in graphs for name in self._asset_names(graph))
        signatures = [self._wire.name(key) for graph in graphs for key in find(graph, SIGNATURE_DEF, KEY)]
        return Needs(
            any(name.end > name.start for name in restores),
            assets,
            frozenset(name.decode(errors="replace") for name in signatures),
        )

    def signatures(self) -> dict[str, Signature]:
        find = self._wire.find
        return {
            key: Signature(
                self._tensors(value, SIGNATURE_INPUTS),
                self._tensors(value, SIGNATURE_OUTPUTS),
                frozenset(one for default in find(value, SIGNATURE_DEFAULTS) for one in self._key(default)),
            )
            for entry in find(self._wire.whole, META_GRAPHS, SIGNATURE_DEF)
            for key in self._key(entry)
            for value in find(entry, VALUE)
        }

    def _tensors(self, signature: Part, number: int) -> dict[str, Tensor]:
        """Read a map of names to tensors."""
        return {
            key: self._tensor(value)
            for entry in self._wire.find(signature, number)
            for key in self._key(entry)
            for value in self._wire.find(entry, VALUE)
        }

    def _tensor(self, info: Part) -> Tensor:
        wire = self._wire
        dtype = next(wire.numbers(info, TENSOR_DTYPE), 0)
        shape: tuple[int, ...] | None = None
        for part in wire.find(info, TENSOR_SHAPE):
            sizes = tuple(next(wire.numbers(dim, DIM_SIZE), 0) for dim in wire.find(part, SHAPE_DIM))
            shape = None if any(wire.numbers(part, SHAPE_IS_UNKNOWN)) else sizes
        return Tensor(dtype, shape)

    def _key(self, entry: Part) -> Iterator[str]:
        yield from (self._wire.name(key).decode() for key in self._wire.find(entry, KEY))

    def _asset_names(self, graph: Part) -> Iterator[bytes]:
        for asset in (*self._wire.find(graph, ASSET_FILE_DEF), *self._collected_assets(graph)):
            for name in self._wire.find(asset, FILE_NAME):
                yield self._wire.name(name)

    def _collected_assets(self, graph: Part) -> Iterator[Part]:
        find = self._wire.find
        for entry in find(graph, COLLECTION_DEF):
            if any(self._wire.name(key) == ASSETS_COLLECTION for key in find(entry, KEY)):
                yield from find(entry, VALUE, ANY_LIST, ANY_LIST_VALUE, ANY_VALUE)


class _Text:
    """A SavedModel in text format."""

    def __init__(self, data: mmap.mmap) -> None:
        if len(data) > MAX_TEXT_BYTES:
            raise TooMuch(f"has {len(data):,} bytes, and at most {MAX_TEXT_BYTES:,} are read")
        self._text = TextFormat(data, max_parts=MAX_TEXT_PARTS)

    def needs(self) -> Needs:
        graphs = self._graphs()
        restores = [self._text.name(one) for graph in graphs for one in graph.strings("saver_def", "restore_op_name")]
        assets = frozenset(_asset(name) for graph in graphs for name in self._asset_names(graph))
        signatures = (self._text.name(key) for graph in graphs for key in graph.strings("signature_def", "key"))
        return Needs(any(restores), assets, frozenset(name.decode(errors="replace") for name in signatures))

    def _graphs(self) -> list[Fields]:
        graphs = list(self._text.read(_SAVED_MODEL).find("meta_graphs"))
        if not graphs:
            raise Malformed("it holds no graph")
        return graphs

    def _asset_names(self, graph: Fields) -> Iterator[bytes]:
        yield from map(self._text.name, graph.strings("asset_file_def", "filename"))
        for entry in graph.find("collection_def"):
            if any(self._text.name(key) == ASSETS_COLLECTION for key in entry.strings("key")):
                for one in entry.find("value", "any_list", "value"):
                    yield from map(self._text.name, one.strings(_ASSET_TYPE, "filename"))
                    yield from (name for packed in one.strings("value") for name in _packed(self._text.name(packed)))


def _packed(asset: bytes) -> Iterator[bytes]:
    """Name the asset of a serialized AssetFileDef."""
    wire = Wire(asset, max_fields=MAX_FIELDS)
    yield from map(wire.name, wire.find(wire.whole, FILE_NAME))


def _asset(name: bytes) -> FileName:
    try:
        return FileName.parse(f"assets/{name.decode()}")
    except (BadName, UnicodeDecodeError) as error:
        raise Malformed(f"it names an asset that cannot be one: {name[:80]!r}") from error
