"""The answers of TensorFlow Serving's ModelService, read and written although a message in them is no text.

C++ sends an `error_message` as it is, and a warm-up record that does not parse stands in it raw (trap D14). Protobuf in
Python refuses such an answer whole. So the answers have a twin here that differs in one thing: the message is bytes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import DecodeError, Message

from events.wording import MAX_WORDS, clean

_BYTES_OF_WORDS = 4 * MAX_WORDS  # UTF-8 takes four bytes a character at most
_INT64, _INT32, _MESSAGE, _BYTES = 3, 5, 11, 12  # types of descriptor.proto; an enum is an int32 on the wire
_OPTIONAL, _REPEATED = 1, 3


class Unreadable(ValueError):
    """Bytes that are none of these answers."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of one version."""

    version: int
    state: int
    code: int = 0
    message: bytes = b""

    @property
    def words(self) -> str:
        """The message as text, cut and cleaned."""
        return words(self.message)


def words(message: bytes) -> str:
    """Read a message as text: what is no UTF-8 is replaced, the rest cut and cleaned."""
    return clean(message[:_BYTES_OF_WORDS].decode(errors="replace"))


def read_status(data: bytes) -> list[Line]:
    """Read a GetModelStatusResponse; raises `Unreadable`."""
    answer = cast("_Response", _parsed(_RESPONSE, data))
    return [
        Line(line.version, line.state, line.status.error_code, line.status.error_message)
        for line in answer.model_version_status
    ]


def write_status(lines: Iterable[Line]) -> bytes:
    """Write a GetModelStatusResponse."""
    answer = message_factory.GetMessageClass(_RESPONSE)()
    for line in lines:
        added = cast("_Response", answer).model_version_status.add()
        added.version, added.state = line.version, line.state
        added.status.error_code, added.status.error_message = line.code, line.message
    return answer.SerializeToString()


def read_reload(data: bytes) -> tuple[int, bytes]:
    """Read a ReloadConfigResponse: code and message; raises `Unreadable`."""
    answer = cast("_Reload", _parsed(_RELOAD, data))
    return answer.status.error_code, answer.status.error_message


class _Status(Protocol):
    error_code: int
    error_message: bytes


class _Line(Protocol):
    version: int
    state: int

    @property
    def status(self) -> _Status: ...


class _Lines(Protocol):
    def add(self) -> _Line: ...

    def __iter__(self) -> Iterator[_Line]: ...


class _Response(Protocol):
    @property
    def model_version_status(self) -> _Lines: ...


class _Reload(Protocol):
    @property
    def status(self) -> _Status: ...


def _parsed(kind: Descriptor, data: bytes) -> Message:
    answer = message_factory.GetMessageClass(kind)()
    try:
        answer.ParseFromString(data)
    except DecodeError as error:
        raise Unreadable(clean(str(error))) from error
    return answer


def _twins() -> tuple[Descriptor, Descriptor]:
    """Describe the messages of get_model_status.proto, model_management.proto and util/status.proto that are read."""
    file = descriptor_pb2.FileDescriptorProto(name="mm/serving_status.proto", package="mm", syntax="proto3")
    status = file.message_type.add(name="Status")
    status.field.add(name="error_code", number=1, type=_INT32, label=_OPTIONAL)
    status.field.add(name="error_message", number=2, type=_BYTES, label=_OPTIONAL)
    line = file.message_type.add(name="Line")
    line.field.add(name="version", number=1, type=_INT64, label=_OPTIONAL)
    line.field.add(name="state", number=2, type=_INT32, label=_OPTIONAL)
    line.field.add(name="status", number=3, type=_MESSAGE, label=_OPTIONAL, type_name=".mm.Status")
    response = file.message_type.add(name="Response")
    response.field.add(name="model_version_status", number=1, type=_MESSAGE, label=_REPEATED, type_name=".mm.Line")
    reload = file.message_type.add(name="Reload")
    reload.field.add(name="status", number=1, type=_MESSAGE, label=_OPTIONAL, type_name=".mm.Status")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindMessageTypeByName("mm.Response"), pool.FindMessageTypeByName("mm.Reload")


_RESPONSE, _RELOAD = _twins()
