"""What is said over NATS: desired state as it is written, and who accuses whom of wrong bytes."""

import asyncio
from collections.abc import Callable

from nats.aio.msg import Msg
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from events import cloudevents, desired, subjects
from events.desired import Desired
from events.messages import NeighbourLied
from events.names import ModelName
from infra.local.client import nats_client
from service import jetstream
from tests.chaos.observations import Named, Seen
from tests.chaos.plan import MODELS


async def documents(url: str) -> dict[str, Desired]:
    """Desired state, as it is written."""
    async with nats_client(url) as client:
        bucket = await jetstream.bucket(client.jetstream(), subjects.DESIRED_BUCKET)
        found = {}
        for model in MODELS:
            entry = await _get(bucket, subjects.desired_key(ModelName(model)))
            if entry:
                found[model] = desired.parse(entry)
        return found


async def accusations(url: str, seen: Seen, now: Callable[[], float]) -> None:
    """Keep who is said to have given wrong bytes, until cancelled."""

    async def take(message: Msg) -> None:
        envelope, event = cloudevents.parse(message.data)
        if isinstance(event, NeighbourLied):
            by = envelope.source.split("/")[2]
            seen.named.append(Named(now(), by, event.neighbour, f"{event.model} version {event.version}"))

    async with nats_client(url) as client:
        await client.subscribe(subjects.events(None, "puller", NeighbourLied.type), cb=take)
        await asyncio.get_running_loop().create_future()


async def _get(bucket: KeyValue, key: str) -> bytes | None:
    try:
        return (await bucket.get(key)).value
    except KeyNotFoundError:
        return None
