"""What happened: the event stream, read newest first, or live.

The stream can only be read forwards. The model, the node and the type stand in an event's subject, so the server picks
the events; a page reads a window before its end, and a wider one while that held too few.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from events import cloudevents, messages, subjects
from events.messages import DownloadProgress
from events.names import ModelName, NodeName, Version
from master import timeline, words
from master.answers import Entry, HistoryPage, Timeline
from service import jetstream
from service.bus import REPLY_SECONDS, Bus
from service.errors import Transient

WINDOW = 500  # sequences looked at first; eight times as many each further time
WIDER = 8
AWAY_SECONDS = 0.5
LOOK_SECONDS = 30.0  # a live look that is so long silent starts anew, where it was
BATCH = 500


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events; what is None does not matter. Progress of downloads shows only where `kind` asks for it."""

    model: ModelName | None = None
    version: Version | None = None
    node: NodeName | None = None
    kind: str | None = None

    @property
    def subject(self) -> str:
        """What the server filters by."""
        return subjects.events(self.node, None, self.kind, self.model)

    def takes(self, entry: Entry) -> bool:
        """Tell what the subject cannot."""
        if self.version is not None and entry.version != self.version:
            return False
        return self.kind is not None or entry.kind != DownloadProgress.type


class History:
    """Reads the stream. `Transient` where NATS is away."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def page(self, which: Filter, *, before: int | None = None, limit: int = 100) -> HistoryPage:
        """List events newest first, from behind the sequence `before` on."""
        with jetstream.errors("tell the history"):
            stream = await self._stream()
            state = (await stream.stream_info(subjects.EVENT_STREAM)).state
            end = min(before or state.last_seq + 1, state.last_seq + 1)
            width = WINDOW
            while True:
                start = max(state.first_seq, end - width, 1)
                found = [entry async for entry in _read(stream, which, start=start, end=end)]
                if len(found) >= limit or start <= max(state.first_seq, 1):
                    break
                width *= WIDER
        entries = tuple(reversed(found[-limit:]))
        has_more = len(found) > limit or start > max(state.first_seq, 1)
        return HistoryPage(entries=entries, before=entries[-1].sequence if has_more and entries else None)

    async def timeline(self, model: ModelName, version: Version) -> Timeline:
        """Tell the life of a version from all events of its model that the stream still has."""
        with jetstream.errors(f"tell the life of version {version} of model {model}"):
            stream = await self._stream()
            state = (await stream.stream_info(subjects.EVENT_STREAM)).state
            which = Filter(model=model)
            entries = [
                entry async for entry in _read(stream, which, start=max(state.first_seq, 1), end=state.last_seq + 1)
            ]
        return timeline.tell(model, version, entries)

    async def follow(self, which: Filter, *, after: int | None = None) -> AsyncIterator[Entry]:
        """Give events as they come, from behind the sequence `after` on (none: from now on); goes on for ever.

        While NATS is away it waits, and then goes on where it was.
        """
        while True:
            try:
                if after is None:
                    with jetstream.errors("tell what is new"):
                        state = (await (await self._stream()).stream_info(subjects.EVENT_STREAM)).state
                    after = state.last_seq
                async for entry in self._listen(which, after):
                    after = entry.sequence
                    if which.takes(entry):
                        yield entry
            except Transient:
                await asyncio.sleep(AWAY_SECONDS)

    async def _listen(self, which: Filter, after: int) -> AsyncIterator[Entry]:
        with jetstream.errors("tell what is new"):
            stream = await self._stream()
            subscription = await stream.subscribe(
                which.subject,
                stream=subjects.EVENT_STREAM,
                ordered_consumer=True,
                config=ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1),
            )
            try:
                while True:
                    try:
                        message = await subscription.next_msg(timeout=LOOK_SECONDS)
                    except NatsTimeoutError:
                        return
                    if entry := _entry(message):
                        yield entry
            finally:
                await subscription.unsubscribe()

    async def _stream(self) -> JetStreamContext:
        stream = self._bus.client().jetstream(timeout=REPLY_SECONDS)
        await jetstream.ensure_stream(stream)
        return stream


async def _read(stream: JetStreamContext, which: Filter, *, start: int, end: int) -> AsyncIterator[Entry]:
    """Read what matches of the sequences from `start` to before `end`, in order."""
    if start >= end:
        return
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=start,
        ack_policy=AckPolicy.NONE,
        inactive_threshold=REPLY_SECONDS,
        mem_storage=True,
    )
    consumer = await stream.pull_subscribe(which.subject, stream=subjects.EVENT_STREAM, config=config)
    try:
        left = (await consumer.consumer_info()).num_pending or 0
        while left > 0:
            batch = await consumer.fetch(min(left, BATCH), timeout=REPLY_SECONDS)
            left -= len(batch)
            for message in batch:
                if message.metadata.sequence.stream >= end:
                    return
                entry = _entry(message)
                if entry and which.takes(entry):
                    yield entry
    finally:
        await consumer.unsubscribe()


def _entry(message: Msg) -> Entry | None:
    """Read an event; one of a kind that only a newer version knows is passed over."""
    try:
        envelope, event = cloudevents.parse(message.data)
    except cloudevents.BadMessage:
        return None
    _, _, _, node, service, *_ = message.subject.split(".")
    return Entry(
        sequence=message.metadata.sequence.stream,
        id=envelope.id,
        time=envelope.time,
        node=NodeName(subjects.name(node)),
        service=service,
        kind=event.type,
        model=messages.model_of(event),
        version=event.version if isinstance(event, messages.VersionEvent) else None,
        sentence=words.sentence(event),
        data=event.model_dump(mode="json", exclude={"model", "version"}),
    )
