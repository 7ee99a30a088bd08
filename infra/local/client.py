"""A plain NATS client for people and tests, told nothing of the services' own reconnect rules."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client

RECONNECT_SECONDS = 0.1


@asynccontextmanager
async def nats_client(url: str) -> AsyncIterator[Client]:
    """Connect to a NATS server and close the connection at the end."""

    async def ignore(_error: Exception) -> None:
        """A lost connection shows in the calls that need it; the default prints a traceback at each try."""

    client = await nats.connect(
        url, error_cb=ignore, connect_timeout=5, reconnect_time_wait=RECONNECT_SECONDS, max_reconnect_attempts=-1
    )
    try:
        yield client
    finally:
        await client.close()
