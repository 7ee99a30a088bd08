"""The record of changes: whoever of the masters sees a new document puts it in the stream of the audit, once.

Not the master that wrote: it may have died since. The stream takes masters' words alone, and keeps them for a year.
"""

import asyncio

from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError, NotFoundError

from events import cloudevents, subjects
from events.messages import ChangeMade
from events.names import BadName, ModelName
from master.desired import WRONG_REVISION, DesiredDocuments
from service import jetstream, logs
from service.bus import REPLY_SECONDS, Bus
from service.errors import Transient
from service.watch import Entry, Follow

log = logs.get("master.audit")

RETRY_SECONDS = 1.0
EXPECTED_OF = "Nats-Expected-Last-Subject-Sequence-Subject"


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
        """Put the changes up to a revision on record that are not there yet.

        Each is written only over the newest one that this master has read, whoever of them wrote that: of several
        masters one succeeds, and the others look again. No id is claimed, so none can have been claimed before.
        """
        known, place = await self._recorded(model)
        if known >= revision:
            return
        stream = self._bus.client().jetstream(timeout=REPLY_SECONDS)
        for change in await self._documents.changes(model, after=known):
            with jetstream.errors(f"take the record of a change of model {model}"):
                place = await self._write(stream, change, place)
            log.info("desired state changed", model=model, revision=change.revision, actor=change.actor)

    async def _write(self, stream: JetStreamContext, change: ChangeMade, place: int) -> int:
        """Write a change behind the record at this place; `Transient` where another master was faster."""
        subject, data = self._bus.envelope(
            change, event_id=f"{subjects.DESIRED_BUCKET}/{change.model}/{change.revision}"
        )
        headers = {
            Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(place),
            EXPECTED_OF: _changes_of(change.model),
        }
        try:
            return (await stream.publish(subject, data, stream=subjects.AUDIT_STREAM, headers=headers)).seq
        except APIError as error:
            if error.err_code not in WRONG_REVISION:
                raise
            raise Transient(f"another master put a change of model {change.model} on record") from error

    async def _recorded(self, model: ModelName) -> tuple[int, int]:
        """Tell the newest revision of a model that is on record, and where in the stream."""
        stream = self._bus.client().jetstream(timeout=REPLY_SECONDS)
        pattern = _changes_of(model)
        with jetstream.errors(f"tell the last change of model {model}"):
            await jetstream.ensure_streams(stream)
            try:
                last = await stream.get_last_msg(subjects.AUDIT_STREAM, pattern)
            except NotFoundError:
                return 0, 0
        try:
            _, event = cloudevents.parse(last.data or b"")
        except cloudevents.BadMessage:
            return 0, last.seq or 0
        return (event.revision if isinstance(event, ChangeMade) else 0), last.seq or 0


def _changes_of(model: ModelName) -> str:
    """The subjects of a model's changes, whichever master made them."""
    return subjects.events_about(model, of=subjects.head(service=subjects.MASTER, event_type=ChangeMade.type))[-1]
