"""Desired documents in NATS KV: read, and written only over the revision that was read.

Who wrote a document, and why, goes into the headers of the write itself: the record can then be made by any master,
whatever becomes of the one that wrote (`master/desired/audit.py`).
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from nats.errors import MaxPayloadError
from nats.js.api import Header
from nats.js.errors import APIError, KeyNotFoundError
from pydantic import ValidationError

from events import desired, messages, subjects
from events.desired import Desired
from events.messages import ChangeMade
from events.names import ModelName
from master.errors import Conflict, Refused, Spoiled
from master.fleet.stored import Stored
from service import jetstream, watch
from service.bus import REPLY_SECONDS, Bus
from service.streams import STREAMS
from service.watch import Entry

CHANGE_HEADER = "MM-Change"
WRONG_REVISION = frozenset({10071, 10164})  # JetStream's codes for "expected another last sequence"


class DesiredDocuments:
    """The documents; the revision is the ETag of the API."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def read(self, model: ModelName) -> Stored:
        """Read a model's document; the default policy at revision 0 where none is kept. `Transient`: NATS is away.

        Where the newest revision cannot be read, the one before it that can is given under the newest's number, so that
        the next change puts things right; `Spoiled` where there is none.
        """
        stream = self._bus.client().jetstream(timeout=REPLY_SECONDS)
        with jetstream.errors(f"give the desired state of model {model}"):
            bucket = await jetstream.bucket(stream, subjects.DESIRED_BUCKET)
            try:
                found = await bucket.get(subjects.desired_key(model))
            except KeyNotFoundError:
                return Stored(document=Desired(), revision=0)
            kept = Entry(found.key, found.value or b"", found.revision or 0, datetime.now(UTC))
            entry = await watch.heal(stream, subjects.DESIRED_BUCKET, kept, desired.problem)
        if entry.value is None:
            return Stored(document=Desired(), revision=entry.revision, spoiled=entry.spoiled)
        try:
            return Stored(document=desired.parse(entry.value), revision=entry.revision, spoiled=entry.spoiled)
        except desired.BadDesired as error:
            advice = "put a whole document in its place (PUT /v1/models/MODEL/desired)"
            raise Spoiled(f"model {model}: {entry.spoiled}; {advice}", revision=entry.revision) from error

    async def write(self, document: Desired, change: ChangeMade) -> int:
        """Put a document in the place of the one at `change.revision_before`; return the new revision.

        `Conflict` where somebody was faster, `Refused` where no node would read it or NATS takes none so big,
        `Transient` where NATS is away. A write that NATS did not acknowledge may have been made all the same; whoever
        tries again reads first.
        """
        data = readable(document, change.model)
        stream = self._bus.client().jetstream(timeout=REPLY_SECONDS)
        headers = {
            Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value: str(change.revision_before),
            CHANGE_HEADER: messages.short(change).model_dump_json(),
        }
        subject = f"$KV.{subjects.DESIRED_BUCKET}.{subjects.desired_key(change.model)}"
        with jetstream.errors(f"take the desired state of model {change.model}"):
            await jetstream.bucket(stream, subjects.DESIRED_BUCKET)
            try:
                written = await stream.publish(subject, data, headers=headers)
            except (APIError, MaxPayloadError) as error:
                if jetstream.is_too_big(error):
                    raise Refused(f"model {change.model}: {_too_big(len(data))}") from error
                if not isinstance(error, APIError) or error.err_code not in WRONG_REVISION:
                    raise
                now = (await self.read(change.model)).revision
                raise Conflict(
                    f"model {change.model} was changed by somebody else: its document is at revision {now},"
                    f" not {change.revision_before}; look at it and decide again",
                    revision=now,
                ) from error
        return written.seq

    async def changes(self, model: ModelName, *, after: int = 0) -> list[ChangeMade]:
        """Tell who made the revisions behind `after` that NATS still has, oldest first."""
        stream = self._bus.client().jetstream(timeout=REPLY_SECONDS)
        with jetstream.errors(f"tell the changes of model {model}"):
            found, before = [], 0
            async for kept in jetstream.revisions(stream, subjects.DESIRED_BUCKET, subjects.desired_key(model)):
                revision = kept.seq or 0
                if revision > after:
                    found.append(_change(kept.headers or {}, model, before=before, revision=revision))
                before = revision
        return found


def readable(document: Desired, model: ModelName) -> bytes:
    """Write a document as nodes read it; `Refused` where none of them would."""
    try:
        return desired.render(document)
    except desired.BadDesired as error:
        advice = "say for all nodes what most have in common, or restore versions that were removed long ago"
        raise Refused(f"model {model}: {error}, so no node would follow it; nothing was changed; {advice}") from error


def _too_big(size: int) -> str:
    stream = f"KV_{subjects.DESIRED_BUCKET}"
    return (
        f"NATS takes no document of {size:,} bytes; nothing was changed; have max_msg_size of {stream} raised to"
        f" {STREAMS[stream].max_msg_size} or more (nats stream edit, with the admin's key)"
    )


def _change(headers: Mapping[str, str], model: ModelName, *, before: int, revision: int) -> ChangeMade:
    """Read who made a write; one that did not come through a master names nobody."""
    try:
        made = ChangeMade.model_validate_json(headers.get(CHANGE_HEADER, ""))
    except ValidationError:
        summary = f"model {model}: document written directly"
        return ChangeMade(
            model=model, actor="", command="write", summary=summary, revision_before=before, revision=revision
        )
    return made.model_copy(update={"revision": revision})
