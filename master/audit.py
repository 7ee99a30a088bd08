"""The record of changes: whoever of the masters sees a new document puts it in the event stream, once.

Not the master that wrote: it may have died since. An event's id names model and revision, so that the stream keeps one
of those that several masters send, and each master looks first whether the record is there already.
"""

import asyncio

from nats.js.errors import NotFoundError

from events import cloudevents, subjects
from events.messages import ChangeMade
from events.names import BadName, ModelName
from master.desired import DesiredDocuments
from service import jetstream, logs
from service.bus import REPLY_SECONDS, Bus
from service.errors import Transient
from service.watch import Entry, Follow

log = logs.get("master.audit")

RETRY_SECONDS = 1.0


class Audit:
    """Watches desired state and keeps the record whole."""

    def __init__(self, bus: Bus, documents: DesiredDocuments) -> None:
        self._bus = bus
        self._documents = documents
        self._revisions: dict[ModelName, int] = {}  # seen and not yet known to be on record
        self._work = asyncio.Event()

    def begin(self) -> Follow:
        """Watch from the beginning."""

        def follow(entry: Entry | None) -> None:
            if entry is None:
                return
            try:
                model = ModelName.parse(subjects.name(entry.key))
            except BadName:
                return
            self._revisions[model] = entry.revision
            self._work.set()

        return follow

    async def run(self) -> None:
        """Put on record what is not, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            try:
                for model, revision in list(self._revisions.items()):
                    await self._record(model, revision)
                    if self._revisions[model] == revision:
                        del self._revisions[model]
            except Transient as error:
                log.debug("record of changes waits", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                self._work.set()

    async def _record(self, model: ModelName, revision: int) -> None:
        known = await self._recorded(model)
        if known >= revision:
            return
        for change in await self._documents.changes(model, after=known):
            self._bus.emit(change, event_id=f"{subjects.DESIRED_BUCKET}/{model}/{change.revision}")
            log.info("desired state changed", model=model, revision=change.revision, actor=change.actor)

    async def _recorded(self, model: ModelName) -> int:
        """Tell the newest revision of a model that is on record."""
        stream = self._bus.client().jetstream(timeout=REPLY_SECONDS)
        with jetstream.errors(f"tell the last change of model {model}"):
            await jetstream.ensure_stream(stream)
            try:
                pattern = subjects.events(service="master", event_type=ChangeMade.type, model=model)
                last = await stream.get_last_msg(subjects.EVENT_STREAM, pattern)
            except NotFoundError:
                return 0
        try:
            _, event = cloudevents.parse(last.data or b"")
        except cloudevents.BadMessage:
            return 0
        return event.revision if isinstance(event, ChangeMade) else 0
