"""The gRPC service `modelmanager.local.PubSubControl`: tell a running server to misbehave, or to put its clock forward.

It is on the same port as Pub/Sub and answers callers on this host only. Requests and responses are
`google.protobuf.Struct`, that is JSON over gRPC, so that a caller needs no generated code:

    GetState      {}                      -> state
    SetFaults     {"drop": 0.1, ...}      -> state      (the fields of `faults.Faults`; what is left out is its default)
    AdvanceClock  {"seconds": 86400}      -> state

The state is {"faults": {...}, "tally": {...}, "now": seconds since 1970}; the tally counts since the last SetFaults.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from infra.local.pubsub.calls import Codec, Desk, in_time
from infra.local.pubsub.errors import InvalidArgument, NotAllowed
from infra.local.pubsub.faults import DEFAULT_DELAY_SECONDS, DEFAULT_REORDER_SECONDS, Faults

SERVICE = "modelmanager.local.PubSubControl"
_LOOPBACK = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:")


class Control:
    """Answers those who rehearse trouble."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def get_state(self, _: Struct, context: grpc.aio.ServicerContext) -> Struct:
        """Show the faults, what they did, and the clock."""
        _check_caller(context)
        return self._state()

    async def set_faults(self, request: Struct, context: grpc.aio.ServicerContext) -> Struct:
        """Misbehave like this from now on."""
        _check_caller(context)
        self._desk.broker.misbehave(read_faults(MessageToDict(request)))
        return self._state()

    async def advance_clock(self, request: Struct, context: grpc.aio.ServicerContext) -> Struct:
        """Put the clock forward: deadlines pass and idle subscriptions expire as if the time had gone by."""
        _check_caller(context)
        seconds = _number(MessageToDict(request), "seconds")
        if not 0 <= seconds < float("inf"):
            raise InvalidArgument(f"seconds is a number from 0 up, not {seconds}.")
        self._desk.clock.advance(seconds)
        self._desk.bells.ring_all()
        return self._state()

    def service(self) -> grpc.GenericRpcHandler:
        """Give the service to a gRPC server."""
        codec = Codec(Struct.FromString, Struct.SerializeToString)
        methods = {
            "GetState": in_time(self.get_state, codec),
            "SetFaults": in_time(self.set_faults, codec),
            "AdvanceClock": in_time(self.advance_clock, codec),
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def _state(self) -> Struct:
        plan = self._desk.broker.plan
        state = Struct()
        state.update({"faults": asdict(plan.faults), "tally": asdict(plan.tally), "now": self._desk.clock.now()})
        return state


def read_faults(values: Mapping[str, object]) -> Faults:
    """Accept faults by name; refuse a name that is none and a value of the wrong kind."""
    known = [field.name for field in fields(Faults)]
    for name in values:
        if name not in known:
            raise InvalidArgument(f"{name} is not a fault; there are {', '.join(known)}.")
    subscription = values.get("subscription", "")
    if not isinstance(subscription, str):
        raise InvalidArgument(f"subscription is the name of one, not {subscription!r}.")
    return Faults(
        duplicate=_number(values, "duplicate"),
        reorder=_number(values, "reorder"),
        delay=_number(values, "delay"),
        drop=_number(values, "drop"),
        reorder_seconds=_number(values, "reorder_seconds", DEFAULT_REORDER_SECONDS),
        delay_seconds=_number(values, "delay_seconds", DEFAULT_DELAY_SECONDS),
        seed=int(_number(values, "seed")),
        subscription=subscription,
    )


def _number(values: Mapping[str, object], name: str, default: float = 0.0) -> float:
    value = values.get(name, default)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidArgument(f"{name} is a number, not {value!r}.")
    return value


def _check_caller(context: grpc.aio.ServicerContext) -> None:
    if not context.peer().startswith(_LOOPBACK):
        raise NotAllowed(f"Only callers on the same host may do this, not {context.peer()}.")
