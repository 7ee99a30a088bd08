"""The record of changes: whoever of the masters sees a new document puts it in the stream of the audit, once.

Not the master that wrote: it may have died since. The stream takes masters' words alone, and keeps them for a year.
"""

import asyncio

from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError, NotFoundError

from events import cloudevents, messages, subjects
from events.messages import ChangeMade
from events.names import BadName, ModelName
from master.desired.store import WRONG_REVISION, DesiredDocuments
from service import jetstream, logs
from service.bus import REPLY_SECONDS, Bus
from service.errors import Transient
from service.isolation import Trouble, alone_async
from service.jobs import Job
from service.watch import Entry, Follow

log = logs.get("master.audit")

RETRY_SECONDS = 1.0
EXPECTED_OF = "Nats-Expected-Last-Subject-Sequence-Subject"


class RecordedByAnother(Transient):
    """Another master wrote the record first; what it wrote is looked at."""


class Audit:
    """Watches desired state and keeps the record whole."""

    def __init__(self, bus: Bus, documents: DesiredDocuments) -> None:
        self._bus = bus
        self._documents = documents
        self._job = Job("putting changes on record", on_change=lambda: None)
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

    @property
    def problem(self) -> str:
        """Why changes are not on record though NATS is connected; empty while they are."""
        return self._job.problem if self._bus.connection.is_connected else ""

    async def run(self) -> None:
        """Put on record what is not, until cancelled."""
        while True:
            await self._work.wait()
            self._work.clear()
            if await self._put_all():
                self._job.succeed()
            else:
                await asyncio.sleep(RETRY_SECONDS)
                self._work.set()

    async def _put_all(self) -> bool:
        """Put all that waits on record, or all up to a model of which that fails: that one comes last the next time."""
        for model, revision in list(self._revisions.items()):
            outcome = await alone_async(self._record, model, revision)
            if isinstance(outcome, Trouble):
                self._revisions[model] = self._revisions.pop(model)
                self._note(model, outcome)
                return False
            if self._revisions[model] == revision:
                del self._revisions[model]
        return True

    def _note(self, model: ModelName, trouble: Trouble) -> None:
        """Say what keeps a change off the record; not that another master was faster, nor that NATS is away."""
        if isinstance(trouble.error, RecordedByAnother) or not self._bus.connection.is_connected:
            return
        if trouble.is_bug and trouble.reason not in self._job.reason:
            log.bug("a bug; other models' changes go on record", error=trouble.error, model=model)
        self._job.fail(f"model {model}: {trouble.reason}")

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
        """Write a change behind the record at this place; `RecordedByAnother` where another master was."""
        subject, data = self._bus.envelope(
            messages.short(change), event_id=f"{subjects.DESIRED_BUCKET}/{change.model}/{change.revision}"
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
            raise RecordedByAnother(f"another master put a change of model {change.model} on record") from error

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
