"""What the gRPC services share: the broker with its clock and bells, and how a refusal becomes a gRPC status."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import grpc

from infra.local.pubsub.broker import Broker
from infra.local.pubsub.clock import Bells, Clock
from infra.local.pubsub.errors import (
    AlreadyExists,
    InvalidArgument,
    NotAllowed,
    NotFound,
    OutOfRange,
    Refused,
    Unsupported,
)

Request = TypeVar("Request")
Response = TypeVar("Response")
Item = TypeVar("Item")

_CODES = {
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    NotAllowed: grpc.StatusCode.PERMISSION_DENIED,
    NotFound: grpc.StatusCode.NOT_FOUND,
    OutOfRange: grpc.StatusCode.OUT_OF_RANGE,
    Unsupported: grpc.StatusCode.UNIMPLEMENTED,
}
_DEFAULT_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Desk:
    """What each service works on."""

    broker: Broker
    clock: Clock
    bells: Bells


@dataclass(frozen=True, slots=True)
class Codec(Generic[Request, Response]):
    """How the bytes of a call become its request, and its response becomes bytes."""

    read: Callable[[bytes], Request]
    write: Callable[[Response], bytes]


def at_once(call: Callable[[Request], Response], codec: Codec[Request, Response]) -> grpc.RpcMethodHandler:
    """Serve a call that is answered without waiting."""

    async def answer(request: Request, _: grpc.aio.ServicerContext) -> Response:
        return call(request)

    return in_time(answer, codec)


def in_time(
    call: Callable[[Request, grpc.aio.ServicerContext], Awaitable[Response]], codec: Codec[Request, Response]
) -> grpc.RpcMethodHandler:
    """Serve a call that may wait, or needs to know who calls."""

    async def answer(request: Request, context: grpc.aio.ServicerContext) -> Response:
        try:
            return await call(request, context)
        except Refused as refusal:
            await refuse(context, refusal)
            raise  # never reached: the line above ends the call

    return grpc.unary_unary_rpc_method_handler(answer, codec.read, codec.write)


async def refuse(context: grpc.aio.ServicerContext, refusal: Refused) -> None:
    """End a call with the status code of a refusal."""
    await context.abort(_CODES[type(refusal)], str(refusal))


def page(items: Sequence[Item], name: Callable[[Item], str], *, size: int, token: str) -> tuple[list[Item], str]:
    """Cut one page out of a list sorted by name; the token of the next page is the last name on this one."""
    if size < 0:
        raise InvalidArgument(f"page_size must not be negative (page_size={size}).")
    rest = [item for item in items if name(item) > token]
    shown = rest[: size or _DEFAULT_PAGE]
    return shown, name(shown[-1]) if len(rest) > len(shown) else ""
