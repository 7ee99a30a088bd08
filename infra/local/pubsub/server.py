"""Puts the services on a port.

grpc.aio, not the threaded server: each open stream would hold a thread of the pool for as long as it lives, so that
enough streams starve the calls that acknowledge; and one event loop needs no lock around the broker.
"""

import time

import grpc

from infra.local.pubsub.broker import Broker
from infra.local.pubsub.calls import Desk
from infra.local.pubsub.clock import Bells, Clock
from infra.local.pubsub.control import Control
from infra.local.pubsub.faults import Faults
from infra.local.pubsub.publisher import Publisher
from infra.local.pubsub.subscriber import Subscriber

_OPTIONS = [
    ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a silent sharing of its calls
    # Above the 10 MB of Pub/Sub, so that a request a little too large is refused in words and not by gRPC.
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
    ("grpc.max_send_message_length", 16 * 1024 * 1024),
]


class Server:
    """One Pub/Sub server, its state and its port."""

    def __init__(self, faults: Faults) -> None:
        bells = Bells()
        # Ids go on from the time of the start: after a restart no id comes twice.
        broker = Broker(faults, first_id=time.time_ns() // 1000, wake=bells.ring)
        self._desk = Desk(broker, Clock(), bells)
        self._server: grpc.aio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; give the port, which is a free one if 0 was asked for."""
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers(
            [service.service() for service in (Publisher(self._desk), Subscriber(self._desk), Control(self._desk))]
        )
        bound: int = self._server.add_insecure_port(f"{host}:{port}")
        await self._server.start()
        return bound

    async def stop(self) -> None:
        """End all calls and give the port back."""
        if self._server:
            await self._server.stop(grace=None)
