"""A plain NATS client for people and tests, told nothing of the services' own reconnect rules."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client

RECONNECT_SECONDS = 0.1
TAKEN_SECONDS = 30


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


async def taken(client: Client) -> None:
    """Wait until the server has taken all that was sent, so that what others send from now on finds a subscription.

    One flush of nats-py does not say so: its PING overtakes what still waits to be sent. Of two, the second follows it.
    """
    await client.flush(TAKEN_SECONDS)
    await client.flush(TAKEN_SECONDS)
