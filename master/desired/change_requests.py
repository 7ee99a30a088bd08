"""Changes of desired state, whichever way they are ordered: resolved, foreseen, written once, and put on record."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from events import changes as wire
from events.changes import Change
from events.desired import Desired
from events.messages import ChangeMade, VersionServed
from events.names import ModelName, NodeName, Version
from master.answers import Entry, Foreseen, Made
from master.desired import refusals, rollback
from master.desired.changes import Unreasonable
from master.desired.idempotency import Remembered, Requests, Step
from master.desired.preview import preview
from master.desired.steps import take
from master.desired.store import DesiredDocuments, readable
from master.desired.summary import before, summary
from master.errors import Conflict, Refused, Spoiled
from master.fleet.state import FleetState
from master.fleet.stored import Stored
from master.history.event_stream import Filter, History

TRIES = 5  # against others who change the same model at the same time
SERVED_EVENTS = 5000  # of a model and a kind, looked through for what was served before


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """What somebody wants changed: one change, or a whole document put in place."""

    actor: str
    model: ModelName
    change: Change | Desired
    nodes: tuple[NodeName, ...] = ()  # none: all nodes
    is_dry_run: bool = False
    if_revision: int | None = None
    key: str = ""  # Idempotency-Key: the same key of the same actor gives the first answer again

    @property
    def fingerprint(self) -> str:
        """What tells this order from another one with the same key."""
        text = f"{self.model} {self.change.model_dump_json()} {' '.join(self.nodes)} {self.if_revision}"
        return hashlib.sha256(text.encode()).hexdigest()


class Changes:
    """The one way in which desired state changes."""

    def __init__(
        self, fleet_state: FleetState, documents: DesiredDocuments, *, requests: Requests, history: History
    ) -> None:
        self._state = fleet_state
        self._documents = documents
        self._requests = requests
        self._history = history

    async def follow(self, order: ChangeRequest) -> Made:
        """Make a change, or say what it would do.

        `Refused`: it contradicts itself, names an unknown node, or uses a key again for something else.
        `Conflict`: the document is not at `if_revision`, or others kept changing it. `Transient`: NATS is away.
        """
        if unknown := sorted(set(order.nodes) - self._state.nodes.keys()):
            raise Refused(f"no node {unknown[0]} has ever reported; nothing was changed")
        if order.is_dry_run:
            stored = await self._read(order)
            return self._foretell(order, stored, steps=await self._resolve(order, stored))[1]
        if not order.key:
            return await self._make(order, None, request=uuid4().hex)
        key = f"{order.actor} {order.key}"
        request = hashlib.sha256(key.encode()).hexdigest()[:32]
        noted = await self._requests.recall(key, order.fingerprint)
        made = None
        if noted is None:
            steps = await self._resolve(order, await self._read(order))
            noted = await self._requests.begin(key, Remembered(fingerprint=order.fingerprint, steps=steps))
        else:
            made = noted.answer or await self._earlier(order, noted.steps, request)
        if noted.answer:
            return noted.answer
        made = made or await self._make(order, noted.steps, request=request)
        await self._requests.end(key, noted.model_copy(update={"answer": made}))
        return made

    async def _make(self, order: ChangeRequest, steps: tuple[Step, ...] | None, *, request: str) -> Made:
        for attempt in range(TRIES):
            stored = await self._read(order)
            if steps is None:
                steps = await self._resolve(order, stored)
            document, made = self._foretell(order, stored, steps=steps, request=request)
            if not made.is_changed:
                return made
            change = ChangeMade(
                model=order.model,
                actor=order.actor,
                command=_kind(order),
                summary=made.summary,
                reason="" if isinstance(order.change, Desired) else order.change.reason,
                before=before(order.model, stored.document, map(self._state.nodes.__getitem__, self._concerned(order))),
                nodes=order.nodes,
                revision_before=stored.revision,
                revision=0,
                request=request,
            )
            try:
                revision = await self._documents.write(document, change)
            except Conflict:
                if order.if_revision is not None or attempt == TRIES - 1:
                    raise
                continue
            return made.model_copy(update={"revision_after": revision})
        raise AssertionError("the last try returns or raises")

    async def _read(self, order: ChangeRequest) -> Stored:
        """Read the document that is to be changed; one to be replaced as a whole need not be readable."""
        try:
            return await self._documents.read(order.model)
        except Spoiled as error:
            if not isinstance(order.change, Desired):
                raise
            return Stored(document=Desired(), revision=error.revision, spoiled=str(error))

    async def _earlier(self, order: ChangeRequest, steps: tuple[Step, ...], request: str) -> Made | None:
        """Find what a master did for this request that ended before it could note its answer."""
        for change in await self._documents.changes(order.model):
            if change.request == request:
                return Made(
                    model=order.model,
                    is_dry_run=False,
                    is_changed=True,
                    revision_before=change.revision_before,
                    revision_after=change.revision,
                    request=request,
                    summary=summary(order.model, steps),
                    nodes=(),
                )
        return None

    def _foretell(
        self, order: ChangeRequest, stored: Stored, *, steps: Sequence[Step], request: str = ""
    ) -> tuple[Desired, Made]:
        """Apply the steps to the document as it is, and say what they do on each node."""
        if order.if_revision is not None and order.if_revision != stored.revision:
            raise Conflict(
                f"model {order.model} was changed by somebody else: its document is at revision {stored.revision},"
                f" not {order.if_revision}; look at it and decide again",
                revision=stored.revision,
            )
        document = stored.document
        try:
            for step in steps:
                document = take(document, step, request=request)
        except Unreasonable as error:
            raise Refused(f"model {order.model}: {error}; nothing was changed") from error
        readable(document, order.model)
        return document, Made(
            model=order.model,
            is_dry_run=order.is_dry_run,
            is_changed=document != stored.document or bool(stored.spoiled),
            revision_before=stored.revision,
            revision_after=stored.revision,
            request=request,
            summary=summary(order.model, steps),
            nodes=tuple(self._foreseen(order, stored.document, document)),
        )

    def _foreseen(self, order: ChangeRequest, before: Desired, after: Desired) -> Iterable[Foreseen]:
        for name in self._concerned(order):
            node = self._state.nodes[name]
            yield Foreseen(
                node=name, sentences=preview(node, order.model, before=before.on(name), after=after.on(name))
            )

    def _concerned(self, order: ChangeRequest) -> list[NodeName]:
        return sorted(order.nodes or self._state.nodes)

    async def _resolve(self, order: ChangeRequest, stored: Stored) -> tuple[Step, ...]:
        """Turn an order into steps that mean the same whenever they are taken. `Refused`: it cannot work."""
        change = order.change
        if isinstance(change, Desired):
            return (Step(change=change),)
        names = order.nodes or tuple(sorted(self._state.nodes))
        try:
            refusals.check(order.model, change, fleet_state=self._state, names=names, document=stored.document)
            if not isinstance(change, wire.Rollback):
                return (Step(change=change, nodes=order.nodes),)
            found = rollback.steps(
                order.model,
                [self._state.nodes[name] for name in names],
                order=change,
                document=stored.document,
                served={} if change.version is not None else await self._served(order.model),
            )
        except Unreasonable as error:
            raise Refused(f"model {order.model}: {error}; nothing was changed") from error
        return found if len(found) > 1 else tuple(step.model_copy(update={"nodes": order.nodes}) for step in found)

    async def _served(self, model: ModelName) -> dict[NodeName, tuple[Version, ...]]:
        """Tell which versions each node served, newest first."""
        entries: list[Entry] = []
        for kind in (VersionServed.type, ChangeMade.type):
            page = await self._history.page(Filter(model=model, kind=kind), limit=SERVED_EVENTS)
            entries += page.entries
        return rollback.served_before(sorted(entries, key=lambda entry: entry.sequence))


def _kind(order: ChangeRequest) -> str:
    return "put" if isinstance(order.change, Desired) else order.change.kind
