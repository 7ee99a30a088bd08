"""What a service sends to JetStream: events in order, and values of which only the newest counts.

Each bucket and the events go their own way: what one of them waits for, the others do not. What NATS refuses for its
size is dropped and counted, since it would be refused again for ever.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from events import subjects
from service import jetstream, logs, metrics
from service.jobs import Job

log = logs.get("service.sending")

OUTBOX_EVENTS = 2000


@dataclass(frozen=True, slots=True)
class OutboundEvent:
    """An event on its way."""

    subject: str
    data: bytes
    id: str


class Outbox:
    """Events that wait to be sent, in order, each with its id as `Nats-Msg-Id`: a repeated send is one message."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._tried: OutboundEvent | None = None
        self._events: deque[OutboundEvent] = deque(maxlen=OUTBOX_EVENTS)
        self._work = asyncio.Event()

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: OutboundEvent) -> None:
        """Queue an event; where the outbox is full, the oldest is dropped and counted."""
        if len(self._events) == OUTBOX_EVENTS:
            metrics.EVENTS_DROPPED.labels(why="nats away").inc()
        self._events.append(event)
        self._work.set()

    def sender(self, stream: JetStreamContext) -> Callable[[], Awaitable[None]]:
        """Return an attempt to send what waits, and then what comes."""

        async def send() -> None:
            await jetstream.ensure_streams(stream, is_node=True)  # a peer that listens would hide that no stream does
            while True:
                self._work.clear()
                while self._events:
                    event = self._events[0]
                    await self._post(stream, event)
                    if self._events and self._events[0] is event:
                        self._events.popleft()
                self.job.succeed()
                await self._work.wait()

        return send

    async def _post(self, stream: JetStreamContext, event: OutboundEvent) -> None:
        kind = subjects.event_type(event.subject)
        try:
            await self._publish(stream, event)
        except NatsError as error:
            if not jetstream.is_too_big(error):
                raise
            metrics.EVENTS_DROPPED.labels(why="too big").inc()
            log.warning("event dropped: nats takes none so big", type=kind, bytes=len(event.data))
        else:
            metrics.EVENTS_SENT.labels(type=kind).inc()

    async def _publish(self, stream: JetStreamContext, event: OutboundEvent) -> None:
        """Send an event. An id that was taken before the event was ever sent was taken by somebody else."""
        headers = {"Nats-Msg-Id": event.id}
        is_first, self._tried = self._tried is not event, event
        receipt = await stream.publish(event.subject, event.data, headers=headers)
        if receipt.duplicate and is_first:
            log.warning("somebody had taken the id of an event; it is sent under another", subject=event.subject)
            await stream.publish(event.subject, event.data)


class KeptValues:
    """The keys of one bucket that this service writes."""

    def __init__(self, bucket: str, job: Job) -> None:
        self.job = job
        self._bucket = bucket
        self._values: dict[str, bytes] = {}
        self._unsent: set[str] = set()
        self._work = asyncio.Event()

    @property
    def is_sent(self) -> bool:
        """Whether NATS has all of them."""
        return not self._unsent

    def keep(self, key: str, value: bytes) -> None:
        """Have a key hold this value; only the newest is sent where several wait."""
        self._values[key] = value
        self._unsent.add(key)
        self._work.set()

    def sender(self, stream: JetStreamContext) -> Callable[[], Awaitable[None]]:
        """Return an attempt to send all, since NATS may have lost them, and then what changes."""

        async def send() -> None:
            self._unsent.update(self._values)
            while True:
                self._work.clear()
                while self._unsent:
                    key = next(iter(self._unsent))
                    await self._put(stream, key, self._values[key])
                await self._work.wait()

        return send

    async def _put(self, stream: JetStreamContext, key: str, value: bytes) -> None:
        try:
            await jetstream.put(stream, self._bucket, key, value)
        except NatsError as error:
            if not jetstream.is_too_big(error):
                raise
            metrics.VALUES_DROPPED.labels(bucket=self._bucket).inc()
            self.job.fail(f"{len(value)} bytes are more than NATS takes ({jetstream.words(error)}); the old ones stay")
        else:
            self.job.succeed()
        if self._values[key] is value:
            self._unsent.discard(key)
