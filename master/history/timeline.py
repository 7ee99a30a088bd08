"""The life of a version, told from its events. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from events import subjects
from events.messages import (
    ChangeMade,
    DownloadStarted,
    NotificationReceived,
    VersionAvailable,
    VersionPublished,
    VersionQuarantined,
    VersionRemoved,
    VersionServed,
    speaker,
)
from events.names import ModelName, NodeName, Version
from master.answers import Entry, NodeTimeline, Timeline

MOMENTS: Mapping[str, str] = {
    NotificationReceived.type: "notified",
    DownloadStarted.type: "download_started",
    VersionPublished.type: "published",
    VersionAvailable.type: "available",
    VersionServed.type: "served",
    VersionQuarantined.type: "quarantined",
    VersionRemoved.type: "removed",
}
# Of these the last counts, of the others the first.
ENDS = frozenset({"quarantined", "removed"})


def subjects_of(model: ModelName, version: Version) -> tuple[str, ...]:
    """The subjects of the events that the life of a version is told from: its own, and the changes of its model."""
    changes = subjects.events_about(model, of=subjects.head(None, speaker(ChangeMade.type), ChangeMade.type))
    heads = (subjects.head(None, speaker(kind), kind) for kind in MOMENTS)
    return (*changes, *(pattern for of in heads for pattern in subjects.events_about(model, version, of=of)))


def tell(model: ModelName, version: Version, entries: Iterable[Entry]) -> Timeline:
    """Tell the life of a version from its model's events, oldest first."""
    own: list[Entry] = []
    changes: list[Entry] = []
    for entry in entries:
        if entry.version == version:
            own.append(entry)
        elif entry.kind == ChangeMade.type:
            changes.append(entry)
    heard = [entry for entry in own if entry.kind == NotificationReceived.type]
    uploaded = max((moment for entry in heard if (moment := _uploaded(entry))), default=None)
    names = sorted({entry.node for entry in own})
    since = min((entry.time for entry in own), default=None)
    return Timeline(
        model=model,
        version=version,
        uploaded=uploaded,
        generations={str(entry.data["object_name"]): int(str(entry.data["generation"])) for entry in heard},
        nodes=tuple(_node(name, [entry for entry in own if entry.node == name], uploaded) for name in names),
        changes=tuple(entry for entry in changes if since and entry.time >= since),
    )


def _node(name: NodeName, entries: Iterable[Entry], uploaded: datetime | None) -> NodeTimeline:
    moments: dict[str, datetime] = {}
    reason = signed_by = provenance = ""
    for entry in entries:
        moment = MOMENTS.get(entry.kind)
        if moment and (moment in ENDS or moment not in moments):
            moments[moment] = entry.time
        if moment in ENDS:
            reason = str(entry.data.get("reason", ""))
        if entry.kind == VersionPublished.type:
            signed_by = str(entry.data.get("signed_by", ""))
            provenance = str(entry.data.get("provenance", ""))
    served = moments.get("served")
    return NodeTimeline.model_validate(
        {
            "node": name,
            **moments,
            "reason": reason,
            "signed_by": signed_by,
            "provenance": provenance,
            "seconds_to_serve": (served - uploaded).total_seconds() if served and uploaded else None,
        }
    )


def _uploaded(entry: Entry) -> datetime | None:
    """Read Cloud Storage's own time of an upload."""
    text = entry.data.get("event_time")
    if not text:
        return None
    moment = datetime.fromisoformat(str(text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # as all of Cloud Storage's times are
