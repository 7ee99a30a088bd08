"""What we keep in JetStream, making it where it is missing, and what its client's errors mean.

Existing streams and buckets are taken as they are: an operator's choice of limits and replicas is not ours to change.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, KeyValueConfig, StreamConfig
from nats.js.errors import BucketNotFoundError, NotFoundError
from nats.js.kv import KeyValue

from events import subjects
from service.errors import Transient

EVENT_DAYS = 30
EVENT_BYTES = 256 * 1024**2  # JetStream sets them aside at once, so a small server must have them
DESIRED_HISTORY = 32  # earlier documents of a model, for the audit

PRESENCE_SECONDS = 10.0  # the heartbeat: a service that shows no sign of life for so long is lost
MARKER_SECONDS = 30 * 86400.0  # the marker says since when a service is lost
REQUEST_SECONDS = 86400.0
CLOSED_SECONDS = 0.5


def presence(seconds: float) -> KeyValueConfig:
    """Describe a bucket whose keys go after so many seconds, and leave a marker that says so."""
    return KeyValueConfig(bucket=subjects.PRESENCE_BUCKET, history=1, ttl=seconds, limit_marker_ttl=MARKER_SECONDS)


_BUCKETS = {
    subjects.DESIRED_BUCKET: KeyValueConfig(bucket=subjects.DESIRED_BUCKET, history=DESIRED_HISTORY),
    subjects.REQUEST_BUCKET: KeyValueConfig(bucket=subjects.REQUEST_BUCKET, history=1, ttl=REQUEST_SECONDS),
    subjects.STATUS_BUCKET: KeyValueConfig(bucket=subjects.STATUS_BUCKET, history=1),
    subjects.PRESENCE_BUCKET: presence(PRESENCE_SECONDS),
}


async def ensure_stream(jetstream: JetStreamContext, *, replicas: int = 1) -> None:
    """Make the event stream where it is missing, kept by so many servers."""
    try:
        await jetstream.stream_info(subjects.EVENT_STREAM)
    except NotFoundError:
        await jetstream.add_stream(
            StreamConfig(
                name=subjects.EVENT_STREAM,
                subjects=[f"{subjects.EVENTS}.>"],
                discard=DiscardPolicy.OLD,
                max_age=EVENT_DAYS * 86400,
                max_bytes=EVENT_BYTES,
                duplicate_window=120,
                num_replicas=replicas,
            )
        )


async def bucket(jetstream: JetStreamContext, name: str, *, replicas: int = 1) -> KeyValue:
    """Open a KV bucket, made where it is missing, kept by so many servers."""
    try:
        return await jetstream.key_value(name)
    except BucketNotFoundError:
        return await jetstream.create_key_value(replace(_BUCKETS[name], replicas=replicas))


async def closed(client: Client) -> None:
    """Wait until the client has given up. It calls nobody back where bytes are left that it cannot send."""
    while not client.is_closed:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(CLOSED_SECONDS)


@contextlib.contextmanager
def errors(what: str) -> Iterator[None]:
    """Say of a request that failed what was asked; it may be asked again."""
    try:
        yield
    except (NatsError, OSError, TimeoutError) as error:
        words = str(error).removeprefix("nats: ") or type(error).__name__
        raise Transient(f"NATS did not {what}: {words}; try again") from error
