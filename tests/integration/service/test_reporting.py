"""Signs of life over a real NATS server: two machines of one name hear each other, and a clean end is a last word."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.js.errors import NotFoundError

from events import status, subjects
from events.names import NodeName
from infra.local.client import nats_client
from service import jetstream, settings
from service.bus import Bus
from service.reporting import DuplicateWriters, keep_beating, new_sign
from service.settings import Settings
from service.tasks import end
from tests.support.stack import NatsServer, eventually

NODE = NodeName("node-1")
BEAT_SECONDS = 0.05


@asynccontextmanager
async def machine(server: NatsServer) -> AsyncIterator[DuplicateWriters]:
    """A puller of this name; it ends cleanly."""
    bus = Bus(settings.load(Settings, {"MM_NODE": NODE, "MM_NATS_URL": server.url}), "puller")
    sign = new_sign(NODE, "puller")
    namesakes = DuplicateWriters(bus, sign, on_change=lambda: None)
    running = [asyncio.create_task(job) for job in (bus.run(), keep_beating(bus, sign, seconds=BEAT_SECONDS))]
    try:
        await eventually(lambda: bus.connection.is_connected)
        yield namesakes
    finally:
        await end(running)


async def test_both_of_one_name_say_so_until_one_is_left(nats_server: NatsServer) -> None:
    """Each names both, and since when each runs; a clean end is known at once."""
    async with machine(nats_server) as first:
        async with machine(nats_server) as second:

            def is_told() -> bool:
                words = first.problems + second.problems
                return (
                    len(words) == 2 and len(set(words)) == 1 and words[0].startswith("two processes report as node-1")
                )

            await eventually(is_told)
        await eventually(lambda: not first.problems)


async def test_the_last_word_stands_in_the_bucket(nats_server: NatsServer) -> None:
    """Masters to come read there that the service was stopped, and when."""
    key = f"$KV.{subjects.PRESENCE_BUCKET}.{subjects.status_key(NODE, 'puller')}"
    async with nats_client(nats_server.url) as client:
        stream = client.jetstream()
        await jetstream.bucket(stream, subjects.PRESENCE_BUCKET)

        async def has_said(*, is_last: bool) -> bool:
            with contextlib.suppress(NotFoundError):
                found = await stream.get_last_msg(f"KV_{subjects.PRESENCE_BUCKET}", key)
                return status.presence(found.data or b"", NODE, "puller").is_last is is_last
            return False

        async with machine(nats_server):
            await eventually(lambda: has_said(is_last=False))
        await eventually(lambda: has_said(is_last=True))
