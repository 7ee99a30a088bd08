"""Small servers in our own process that leave nothing behind: when one ends, so have its connections.

Before Python 3.12 `asyncio.Server` forgets them, and whoever closes the loop then finds them half-closed.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

from service.tasks import end

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def accepting(handle: Handle, host: str, port: int = 0) -> AsyncIterator[int]:
    """Serve connections on a port, which is given; at the end those that are open are reset."""
    serving: dict[asyncio.Task[object], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[object]", asyncio.current_task())
        serving[task] = writer
        try:
            await handle(reader, writer)
        finally:
            await close(writer)
            del serving[task]

    async with await asyncio.start_server(serve, host, port) as server:
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for writer in serving.values():
                writer.transport.abort()
            await end(list(serving))


async def close(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait until it is."""
    writer.close()
    with contextlib.suppress(OSError):  # how it ended does not matter any more
        await writer.wait_closed()
