"""What happened: the event stream, read newest first, or live.

The model, the node and the type stand in an event's subject, so the server picks the events. A request looks at so many
of them and no more (`master/history/look_back.py`); what it did not come to is told, and how to go on there.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy

from events import cloudevents, messages, subjects, wording
from events.messages import ChangeMade, DownloadProgress
from events.names import ModelName, NodeName, Version
from master.answers import Entry, HistoryPage, Timeline
from master.history import sentences, timeline
from master.history.look_back import Which, Work, look_back
from service import jetstream
from service.bus import REPLY_SECONDS, Bus
from service.errors import Transient

AWAY_SECONDS = 0.5
LOOK_SECONDS = 30.0  # a live look that is so long silent starts anew, where it was
LIFE_MESSAGES = 50_000  # events of a model that are looked at for the life of one version
TOLD = tuple(event.type for event in messages.ALL if event is not DownloadProgress)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events; what is None does not matter. Progress of downloads shows only where `kind` asks for it."""

    model: ModelName | None = None
    version: Version | None = None
    node: NodeName | None = None
    kind: str | None = None

    @property
    def subjects(self) -> tuple[str, ...]:
        """What the server filters by."""
        kinds = (self.kind,) if self.kind else TOLD
        heads = (subjects.head(self.node, messages.speaker(kind), kind) for kind in kinds)
        return tuple(pattern for of in heads for pattern in subjects.events_about(self.model, self.version, of=of))

    @property
    def stream(self) -> str:
        """Where to look: the audit is kept for longer, and nodes cannot push anything out of it."""
        is_audit = messages.speaker(self.kind or "") == subjects.MASTER
        return subjects.AUDIT_STREAM if is_audit else subjects.EVENT_STREAM

    def takes(self, entry: Entry) -> bool:
        """Tell what the subject cannot."""
        return self.version is None or entry.version == self.version


class History:
    """Reads the stream. `Transient` where NATS is away."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def page(self, which: Filter, *, before: int | None = None, limit: int = 100) -> HistoryPage:
        """List events newest first, from behind the sequence `before` on."""

        def take(message: Msg) -> Entry | None:
            if which.version is not None and not _may_be_of(message.data, which.version):
                return None
            entry = _entry(message)
            return entry if entry and which.takes(entry) else None

        with jetstream.errors("tell the history"):
            await self._stream()
            wanted = Which(which.stream, which.subjects, take)
            span = await look_back(self._bus.client(), wanted, before=before, enough=limit, work=Work())
        entries = tuple(reversed(span.found[-limit:]))
        if len(span.found) > limit:
            return HistoryPage(entries=entries, before=entries[-1].sequence)
        if span.is_whole:
            return HistoryPage(entries=entries)
        is_full = len(entries) == limit
        return HistoryPage(entries=entries, before=span.start, looked_back_to=None if is_full else span.oldest)

    async def timeline(self, model: ModelName, version: Version, *, before: int | None = None) -> Timeline:
        """Tell the life of a version from the events of its model, from behind the sequence `before` on."""
        wanted = Which(subjects.EVENT_STREAM, timeline.subjects_of(model, version), partial(_of_life, version))
        with jetstream.errors(f"tell the life of version {version} of model {model}"):
            await self._stream()
            work = Work(messages=LIFE_MESSAGES)
            span = await look_back(self._bus.client(), wanted, before=before, enough=LIFE_MESSAGES, work=work)
        told = timeline.tell(model, version, span.found)
        if span.is_whole:
            return told
        return told.model_copy(update={"before": span.start, "looked_back_to": span.oldest})

    async def follow(self, which: Filter, *, after: int | None = None) -> AsyncIterator[Entry]:
        """Give events as they come, from behind the sequence `after` on (none: from now on); goes on for ever.

        While NATS is away it waits, and then goes on where it was.
        """
        while True:
            try:
                if after is None:
                    with jetstream.errors("tell what is new"):
                        state = (await (await self._stream()).stream_info(which.stream)).state
                    after = state.last_seq
                async for entry in self._listen(which, after):
                    after = entry.sequence
                    if which.takes(entry) and (which.kind or entry.kind != DownloadProgress.type):
                        yield entry
            except Transient:
                await asyncio.sleep(AWAY_SECONDS)

    async def _listen(self, which: Filter, after: int) -> AsyncIterator[Entry]:
        with jetstream.errors("tell what is new"):
            stream = await self._stream()
            subscription = await stream.subscribe(
                "",
                stream=which.stream,
                ordered_consumer=True,
                config=ConsumerConfig(
                    filter_subjects=list(which.subjects),
                    deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                    opt_start_seq=after + 1,
                ),
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
        await jetstream.ensure_streams(stream)
        return stream


def _of_life(version: Version, message: Msg) -> Entry | None:
    """Take what the life of a version is told from: its own events, and what operators changed."""
    is_change = subjects.event_type(message.subject) == ChangeMade.type
    return _entry(message) if is_change or _may_be_of(message.data, version) else None


def _may_be_of(data: bytes, version: Version) -> bool:
    """Tell whether an event may be about a version, without reading it, which costs fifty times as much."""
    return b'"version":%d' % version in data


def _entry(message: Msg) -> Entry | None:
    """Read an event; one of a kind that only a newer version knows, or is not its speaker's to say, is passed over."""
    node, service = subjects.source(message.subject)
    try:
        envelope, event = cloudevents.parse(message.data)
    except cloudevents.BadMessage:
        return None
    own = subjects.event(node, service, event.type, messages.about(event))
    if messages.speaker(event.type) != service or message.subject not in {own, own.rpartition(".")[0]}:
        return None
    fields = event.model_dump(mode="json", exclude={"model", "version"})
    return Entry(
        sequence=message.metadata.sequence.stream,
        id=envelope.id,
        time=envelope.time,
        node=node,
        service=service,
        kind=event.type,
        model=messages.model_of(event),
        version=event.version if isinstance(event, messages.VersionEvent) else None,
        sentence=wording.clean(sentences.sentence(event)),
        data={name: wording.clean_texts(value) for name, value in fields.items()},
    )
