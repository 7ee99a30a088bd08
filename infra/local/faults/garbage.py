"""A gRPC server that answers every call with bytes that are no message of any kind, each time others."""

import random

import grpc
import grpc.aio

MOST_BYTES = 200


class _Nonsense(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc ships no types
    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - repeatable on purpose

    def service(self, _details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Take any method."""
        return grpc.unary_unary_rpc_method_handler(self._answer)

    async def _answer(self, _request: bytes, _context: grpc.aio.ServicerContext) -> bytes:
        return self._dice.randbytes(self._dice.randrange(1, MOST_BYTES))


async def start(seed: int) -> tuple[grpc.aio.Server, int]:
    """Start it on a free port of this host; the server and its port."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([_Nonsense(seed)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, int(port)
