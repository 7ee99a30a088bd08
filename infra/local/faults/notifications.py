"""Bad notifications, published to the topic as anybody with the right to publish could.

Duplicates, reordering, delay and loss are the embedded Pub/Sub server's own faults (`infra.local.pubsub.remote`);
floods, replays and rubbish need only a publisher, so they work with any Pub/Sub server.
"""

import asyncio
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import grpc
from google.pubsub_v1 import types
from google.pubsub_v1.services.publisher import PublisherAsyncClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcAsyncIOTransport

BATCH: Final = 500
TIMEOUT_SECONDS: Final = 30.0
YESTERDAY: Final = "2020-02-29T00:00:00Z"

Draft = types.PubsubMessage


@dataclass(frozen=True, slots=True)
class Thing:
    """An object as notifications name it."""

    bucket: str
    name: str
    generation: int = 1


def replay(things: Iterable[Thing], *, kinds: Sequence[str] = ("OBJECT_FINALIZE", "OBJECT_DELETE")) -> Iterator[Draft]:
    """Yesterday's notifications of these objects: they came into being, and were deleted, long ago."""
    for thing in things:
        for kind in kinds:
            yield Draft(data=b"{}", attributes=_attributes(thing, kind))


def flood(things: Sequence[Thing], *, seed: int) -> Iterator[Draft]:
    """Notifications without end, each of another generation: none is a duplicate of another."""
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    number = 0
    while True:
        number += 1
        thing = dice.choice(things)
        yield Draft(data=b"{}", attributes=_attributes(Thing(thing.bucket, thing.name, number), "OBJECT_FINALIZE"))


def rubbish(count: int, *, seed: int) -> Iterator[Draft]:
    """Messages that are no notifications, or are them nearly."""
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    nearly = _attributes(Thing("models", "m/1/saved_model.pb"), "OBJECT_FINALIZE")
    for _ in range(count):
        attributes = dict(nearly)
        for name in dice.sample(sorted(attributes), k=dice.randrange(1, len(attributes))):
            attributes[name] = dice.choice(("", "\N{COLLISION SYMBOL}", "-1", "../..", "x" * 1000))
        yield Draft(data=dice.randbytes(dice.randrange(1, 300)), attributes=attributes)


async def publish(address: str, topic: str, drafts: Iterable[Draft]) -> int:
    """Publish messages as fast as the server takes them; how many."""
    return await _publish(address, topic, drafts, per_second=0)


async def publish_at(address: str, topic: str, drafts: Iterable[Draft], *, per_second: int) -> int:
    """Publish messages at a rate, as far as this machine can; how many."""
    return await _publish(address, topic, drafts, per_second=per_second)


async def _publish(address: str, topic: str, drafts: Iterable[Draft], *, per_second: int) -> int:
    channel = grpc.aio.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])
    sent, started, left = 0, time.monotonic(), iter(drafts)
    async with PublisherAsyncClient(transport=PublisherGrpcAsyncIOTransport(channel=channel)) as client:
        while batch := list(islice(left, BATCH)):
            await client.publish(topic=topic, messages=batch, timeout=TIMEOUT_SECONDS)
            sent += len(batch)
            if per_second:
                await asyncio.sleep(max(0.0, started + sent / per_second - time.monotonic()))
    return sent


def _attributes(thing: Thing, kind: str) -> Mapping[str, str]:
    return {
        "bucketId": thing.bucket,
        "objectId": thing.name,
        "objectGeneration": str(thing.generation),
        "eventType": kind,
        "eventTime": YESTERDAY,
        "payloadFormat": "JSON_API_V1",
    }
