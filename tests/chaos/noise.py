"""Bad notifications: what Pub/Sub may do to messages, and what anyone with the right to publish could send."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice, takewhile
from typing import Final

import grpc

from infra.local.faults import notifications
from infra.local.faults.notifications import Thing
from infra.local.pubsub.faults import Faults
from infra.local.pubsub.remote import Remote
from infra.local.stack import Stack
from tests.chaos.plan import Disturb, Fault

FLOOD_PER_SECOND: Final = 10_000
FLOOD_SECONDS: Final = 2.0


@asynccontextmanager
async def on(stack: Stack, names: Sequence[str], step: Disturb, dice: random.Random) -> AsyncIterator[str]:
    """Make the noise of a step, about objects of these names."""
    if step.fault is not Fault.NEWS_BAD:
        yield await _publish(stack, [Thing(stack.bucket.name, name) for name in names], step)
        return
    remote = Remote(stack.pubsub_address)
    faults = Faults(duplicate=0.5, reorder=0.5, delay=0.3, drop=0.4, reorder_seconds=1.0, seed=dice.randrange(10**6))
    await _suppress(asyncio.to_thread(remote.set_faults, faults))
    try:
        yield ""
    finally:
        await _suppress(asyncio.to_thread(remote.set_faults, Faults()))


async def _publish(stack: Stack, things: Sequence[Thing], step: Disturb) -> str:
    """Publish the messages of a step; what is to be said of it."""
    drafts: Iterator[notifications.Draft]
    began = time.monotonic()
    if step.fault is Fault.NEWS_FLOOD:
        count = int(FLOOD_PER_SECOND * min(FLOOD_SECONDS, step.seconds))
        flood = islice(notifications.flood(things, seed=step.detail), count)
        drafts = takewhile(lambda _: time.monotonic() < began + step.seconds, flood)
    elif step.fault is Fault.NEWS_REPLAY:
        drafts = notifications.replay(things[-200:])
    else:
        drafts = notifications.rubbish(200, seed=step.detail)
    topic = f"projects/{stack.project}/topics/{stack.topic}"
    sent = await _suppress(notifications.publish_at(stack.pubsub_address, topic, drafts, per_second=FLOOD_PER_SECOND))
    return f"published {sent} in {time.monotonic() - began:.1f} s"


async def _suppress(call: "asyncio.Future[object] | object") -> object:
    """Do what may fail because Pub/Sub is away at this moment: then there is nothing to disturb."""
    try:
        return await call  # type: ignore[misc] # an awaitable
    except (grpc.RpcError, OSError) as error:
        return f"nothing, Pub/Sub was away ({type(error).__name__})"
    except Exception as error:
        if type(error).__module__.startswith("google.api_core"):
            return f"nothing, Pub/Sub was away ({type(error).__name__})"
        raise
