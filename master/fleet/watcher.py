"""Watches reports, signs of life and desired documents in NATS, and keeps `FleetState` by them."""

import asyncio
from collections.abc import Callable, Set
from datetime import datetime

from events import desired, subjects
from events.names import ModelName, NodeName
from master.fleet.nodes import Refused
from master.fleet.presence import PresenceTracker, whose
from master.fleet.reports import BadReport, ForeignReport
from master.fleet.state import FleetState
from master.fleet.stored import Stored
from service import logs, metrics
from service.bus import Bus
from service.desired import VANISHED
from service.watch import Entry, Follow, anything

log = logs.get("master.ear")


class StatusWatcher:
    """Follows the buckets; whole once each has shown all it had."""

    def __init__(self, fleet_state: FleetState, signs: PresenceTracker) -> None:
        self._state = fleet_state
        self._signs = signs
        self._missing = {subjects.STATUS_BUCKET, subjects.PRESENCE_BUCKET, subjects.DESIRED_BUCKET}
        self._documents: dict[ModelName, Stored] = {}
        self.first_whole = asyncio.Event()

    @property
    def is_whole(self) -> bool:
        """Whether all that is in NATS has been heard since the connection was made."""
        return not self._missing

    def listen(self, bus: Bus) -> None:
        """Follow the buckets from when the bus runs."""
        for bucket, begin in (
            (subjects.DESIRED_BUCKET, self._begin_desired),
            (subjects.STATUS_BUCKET, self._begin_status),
            (subjects.PRESENCE_BUCKET, self._signs.begin),
        ):
            check = desired.problem if bucket == subjects.DESIRED_BUCKET else anything
            bus.follow(bucket, self._tolerant(bucket, begin), check=check)

    def _tolerant(self, bucket: str, begin: Callable[[Callable[[], None]], Follow]) -> Callable[[], Follow]:
        """Pass over entries that cannot be read, and note when the bucket has shown all it had."""

        def note_whole() -> None:
            self._missing.discard(bucket)
            if self.is_whole:
                self.first_whole.set()

        def begin_noting() -> Follow:
            self._missing.add(bucket)
            follow = begin(note_whole)

            def following(entry: Entry | None) -> None:
                try:
                    follow(entry)
                except ValueError as error:
                    metrics.BAD_MESSAGES.labels(subject=bucket).inc()
                    log.warning("entry ignored", bucket=bucket, key=entry.key if entry else "", reason=str(error))

            return following

        return begin_noting

    def _begin_status(self, on_whole: Callable[[], None]) -> Follow:
        def follow(entry: Entry | None) -> None:
            if entry is None:
                on_whole()
                return
            node, service = whose(entry.key)
            if entry.value is None:
                self._state.forget(node, service)
                return
            hear_report(self._state, (node, service), entry.value, at=entry.time)

        return follow

    def _begin_desired(self, on_whole: Callable[[], None]) -> Follow:
        documents: dict[ModelName, Stored] = {}
        deleted: set[ModelName] = set()
        is_whole = False

        def follow(entry: Entry | None) -> None:
            nonlocal is_whole
            if entry is None:
                is_whole = True
            else:
                model = ModelName.parse(subjects.name(entry.key))
                deleted.discard(model)
                if entry.value is None:
                    documents.pop(model, None)
                    deleted.add(model)
                elif document := self._document(model, entry):
                    documents[model] = Stored(document=document, revision=entry.revision, spoiled=entry.spoiled)
            if is_whole:
                documents.update(self._vanished(documents.keys() | deleted))
                self._documents = dict(documents)
                self._state.desire(self._documents)
            if entry is None:
                on_whole()

        return follow

    def _vanished(self, known: Set[ModelName]) -> dict[ModelName, Stored]:
        """Find documents that are gone though nobody deleted them; nodes hold them, so they are shown and told."""
        gone = {name: kept for name, kept in self._documents.items() if name not in known}
        return {
            name: kept.model_copy(update={"spoiled": VANISHED})
            for name, kept in gone.items()
            if kept.document != desired.Desired()
        }

    def _document(self, model: ModelName, entry: Entry) -> desired.Desired | None:
        """Read a document; the one before it holds where it cannot be read, as on the nodes."""
        if entry.spoiled:
            metrics.BAD_MESSAGES.labels(subject=subjects.DESIRED_BUCKET).inc()
            log.warning("desired state cannot be read; the document before it holds", model=model, reason=entry.spoiled)
        try:
            return desired.parse(entry.value or b"")
        except desired.BadDesired:
            return self._documents[model].document if model in self._documents else desired.Desired()


def hear_report(
    fleet_state: FleetState, place: tuple[NodeName, str], data: bytes, *, at: datetime, at_address: bool = False
) -> bool:
    """Take a service's report into `FleetState`; where it cannot be read that is this service's trouble, and is shown.

    At an address that was this service's another may live now: that one's report is no life of this service.
    """
    node, service = place
    try:
        fleet_state.report(node, service, data)
    except BadReport as error:
        if at_address and isinstance(error, ForeignReport):
            log.info("another answers at a service's last address", node=node, service=service, who=error.who)
            fleet_state.meet(node, service, error.who, at=at)
            return False
        metrics.BAD_MESSAGES.labels(subject=subjects.STATUS_BUCKET).inc()
        log.warning("report refused", node=node, service=service, reason=str(error))
        fleet_state.refuse(node, service, Refused(str(error), at))
    except Exception:  # noqa: BLE001 - whatever one report does to the master, the others must be heard
        log.bug("report not understood", node=node, service=service)
        fleet_state.refuse(node, service, Refused("not understood: a bug, the master's log has more", at))
    else:
        return True
    return False
