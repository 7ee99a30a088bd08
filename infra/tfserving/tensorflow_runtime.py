"""TensorFlow by its C API: load a SavedModel, run its graph. The only file that touches the library.

TensorFlow Serving calls the C++ function behind `TF_LoadSessionFromSavedModel`; Python's `tf.saved_model.load` is
another loader with other failures and other words. Calling the same function gives the same codes, the same texts and
the same holes (an export without `variables.index` loads, and fails at the first request), and needs none of
TensorFlow's Python: it opens in under a second and in half the memory.
"""

import ctypes
import importlib.util
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

from infra.tfserving.servable import Code, LoadFailure, RequestFailure, StatusError
from infra.tfserving.tensors import FIELDS, STRING, Feed

LIBRARIES = ("libtensorflow_framework.so.2", "libtensorflow_cc.so.2")
STRING_BYTES = 24  # sizeof(TF_TString)

Pointer = ctypes.c_void_p
Text = ctypes.c_char_p
Int = ctypes.c_int


class Buffer(ctypes.Structure):
    """TF_Buffer: bytes and who frees them."""

    _fields_ = (("data", Pointer), ("length", ctypes.c_size_t), ("deallocator", Pointer))


class Output(ctypes.Structure):
    """TF_Output: one output of one operation."""

    _fields_ = (("operation", Pointer), ("index", Int))


PROTOTYPES: Mapping[str, tuple[type | None, tuple[type, ...]]] = {
    "TF_NewStatus": (Pointer, ()),
    "TF_DeleteStatus": (None, (Pointer,)),
    "TF_GetCode": (Int, (Pointer,)),
    "TF_Message": (Text, (Pointer,)),
    "TF_NewGraph": (Pointer, ()),
    "TF_DeleteGraph": (None, (Pointer,)),
    "TF_NewSessionOptions": (Pointer, ()),
    "TF_DeleteSessionOptions": (None, (Pointer,)),
    "TF_NewBuffer": (ctypes.POINTER(Buffer), ()),
    "TF_DeleteBuffer": (None, (Pointer,)),
    "TF_LoadSessionFromSavedModel": (Pointer, (Pointer, Pointer, Text, Pointer, Int, Pointer, Pointer, Pointer)),
    "TF_CloseSession": (None, (Pointer, Pointer)),
    "TF_DeleteSession": (None, (Pointer, Pointer)),
    "TF_GraphOperationByName": (Pointer, (Pointer, Text)),
    "TF_OperationNumOutputs": (Int, (Pointer,)),
    "TF_SessionRun": (
        None,
        (Pointer, Pointer, Pointer, Pointer, Int, Pointer, Pointer, Int, Pointer, Int, Pointer, Pointer),
    ),
    "TF_AllocateTensor": (Pointer, (Int, Pointer, Int, ctypes.c_size_t)),
    "TF_DeleteTensor": (None, (Pointer,)),
    "TF_TensorFromProto": (None, (Pointer, Pointer, Pointer)),
    "TF_TensorType": (Int, (Pointer,)),
    "TF_NumDims": (Int, (Pointer,)),
    "TF_Dim": (ctypes.c_int64, (Pointer, Int)),
    "TF_TensorByteSize": (ctypes.c_size_t, (Pointer,)),
    "TF_TensorData": (Pointer, (Pointer,)),
    "TF_StringGetDataPointer": (Pointer, (Pointer,)),
    "TF_StringGetSize": (ctypes.c_size_t, (Pointer,)),
}


class TensorFlowMissing(StatusError):
    """This environment has no TensorFlow to load models with."""


@cache
def open_runtime() -> ctypes.CDLL:
    """Open TensorFlow's library, once per process."""
    spec = importlib.util.find_spec("tensorflow")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        files = [Path(folder, name) for name in LIBRARIES]
        if all(file.is_file() for file in files):
            return declare([ctypes.CDLL(str(file)) for file in files][-1])
    raise TensorFlowMissing(
        Code.FAILED_PRECONDITION,
        f"this environment has no TensorFlow ({LIBRARIES[-1]} is not in the package `tensorflow`); start the server "
        "with the environment that has it, or choose the scripted loader",
    )


def declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Tell ctypes the type of each function used."""
    for name, (result, arguments) in PROTOTYPES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Session:
    """A loaded graph. Any number of threads may run it at once; TensorFlow works outside Python's lock."""

    def __init__(self, library: ctypes.CDLL, handle: int, *, graph: int) -> None:
        self._library = library
        self._handle = handle
        self._graph = graph

    def run(self, feeds: Sequence[Feed], fetches: Sequence[str]) -> list[TensorProto]:
        """Feed tensors, return the fetched ones in order, or raise `RequestFailure`."""
        tf = self._library
        with ExitStack() as stack:
            inputs = [stack.enter_context(tensor(tf, feed)) for feed in feeds]
            outputs = (Pointer * len(fetches))()
            stack.callback(delete_tensors, tf, outputs)
            status = stack.enter_context(checked(tf, RequestFailure))
            tf.TF_SessionRun(
                self._handle,
                None,
                (Output * len(feeds))(*(self._output(feed.name) for feed in feeds)),
                (Pointer * len(inputs))(*inputs),
                len(inputs),
                (Output * len(fetches))(*map(self._output, fetches)),
                outputs,
                len(outputs),
                None,
                0,
                None,
                status,
            )
            raise_failure(tf, status, RequestFailure)
            return [read_tensor(tf, output) for output in outputs if output]

    def close(self) -> None:
        """Free the graph and its variables."""
        with checked(self._library, RequestFailure) as status:
            self._library.TF_CloseSession(self._handle, status)
            self._library.TF_DeleteSession(self._handle, status)
            self._library.TF_DeleteGraph(self._graph)

    def _output(self, name: str) -> Output:
        operation_name, _, text = name.partition(":")
        index = int(text) if text.isdecimal() else 0
        operation = self._library.TF_GraphOperationByName(self._graph, operation_name.encode())
        if not operation or index >= self._library.TF_OperationNumOutputs(operation):
            raise RequestFailure(Code.NOT_FOUND, f"Tensor {name} of the signature was not found in the Graph")
        return Output(operation, index)


def load_session(tf: ctypes.CDLL, path: Path, *, tags: Sequence[str]) -> tuple[Session, MetaGraphDef]:
    """Load the graph with these tags, restore its variables and run its initializers, or raise `LoadFailure`."""
    options, meta, graph = tf.TF_NewSessionOptions(), tf.TF_NewBuffer(), tf.TF_NewGraph()
    names = (Text * len(tags))(*(tag.encode() for tag in tags))
    try:
        with checked(tf, LoadFailure) as status:
            handle = tf.TF_LoadSessionFromSavedModel(
                options, None, str(path).encode(), names, len(names), graph, meta, status
            )
        definition = MetaGraphDef.FromString(ctypes.string_at(meta.contents.data, meta.contents.length))
    except StatusError:
        tf.TF_DeleteGraph(graph)
        raise
    finally:
        tf.TF_DeleteBuffer(meta)
        tf.TF_DeleteSessionOptions(options)
    return Session(tf, handle, graph=graph), definition


@contextmanager
def checked(tf: ctypes.CDLL, failure: type[StatusError]) -> Iterator[int]:
    """Lend a status to a call, and raise what the call put into it."""
    status = tf.TF_NewStatus()
    try:
        yield status
        raise_failure(tf, status, failure)
    finally:
        tf.TF_DeleteStatus(status)


def raise_failure(tf: ctypes.CDLL, status: int, failure: type[StatusError]) -> None:
    """Raise a status that is not OK."""
    if code := tf.TF_GetCode(status):
        raise failure(Code(code), tf.TF_Message(status).decode(errors="replace"))


@contextmanager
def tensor(tf: ctypes.CDLL, feed: Feed) -> Iterator[int]:
    """Lend a tensor with the content of the message, whichever of its fields holds it."""
    content = feed.tensor.SerializeToString()
    buffer = Buffer(ctypes.cast(Text(content), Pointer), len(content), None)
    handle = tf.TF_AllocateTensor(STRING, (ctypes.c_int64 * 1)(0), 1, 0)
    try:
        try:
            with checked(tf, RequestFailure) as status:
                tf.TF_TensorFromProto(ctypes.byref(buffer), handle, status)
        except RequestFailure as failure:
            raise RequestFailure(Code.INVALID_ARGUMENT, f"tensor parsing error: {feed.alias}") from failure
        yield handle
    finally:
        tf.TF_DeleteTensor(handle)


def delete_tensors(tf: ctypes.CDLL, handles: ctypes.Array[Pointer]) -> None:
    """Delete the tensors a run returned, if it came that far."""
    for handle in handles:
        if handle:
            tf.TF_DeleteTensor(handle)


def read_tensor(tf: ctypes.CDLL, handle: int) -> TensorProto:
    """Return a tensor as a message with its values in the field of its type (`float_val` and so on)."""
    proto = TensorProto(dtype=tf.TF_TensorType(handle))
    for axis in range(tf.TF_NumDims(handle)):
        proto.tensor_shape.dim.add(size=tf.TF_Dim(handle, axis))
    data, size = tf.TF_TensorData(handle), tf.TF_TensorByteSize(handle)
    if proto.dtype == STRING:
        proto.string_val.extend(read_string(tf, data + start) for start in range(0, size, STRING_BYTES))
        return proto
    if proto.dtype not in FIELDS:
        raise RequestFailure(Code.UNIMPLEMENTED, f"a tensor of type number {proto.dtype} cannot be answered")
    field, letter = FIELDS[proto.dtype]
    content = ctypes.string_at(data, size)
    getattr(proto, field).extend(struct.unpack(f"{size // struct.calcsize(letter)}{letter}", content))
    return proto


def read_string(tf: ctypes.CDLL, place: int) -> bytes:
    """Return the bytes of one element of a string tensor."""
    return ctypes.string_at(tf.TF_StringGetDataPointer(place), tf.TF_StringGetSize(place))
