"""What happens, one class an event type, in one list; `events.cloudevents` is how it is written.

Events are history and hints. Nothing waits for one: losing, doubling or reordering any of them changes no decision.
Readers ignore fields they do not know, so that services one minor version apart understand each other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from events import bounds, wording
from events.attested import Attested
from events.bounds import AtMost, Count, Finite
from events.names import ModelName, NodeName, Version

Nodes = Annotated[tuple[NodeName, ...], AtMost(bounds.MAX_NODES)]
MOST_NAMED_BYTES = 32 * 1024  # of nodes' names in a record: 1,500 of twenty letters
MOST_SUMMARY = 4_000  # characters
_MOST_WORDS = 500  # characters of a record's other texts: the most that an operator may give as a reason


class Event(BaseModel):
    """What all events share: their type, which is the last part of their subject."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    type: ClassVar[str]


class VersionEvent(Event):
    """An event about a version of a model."""

    model: ModelName
    version: Version


class NotificationReceived(VersionEvent):
    """The puller heard of a new object; `event_time` is Cloud Storage's time of the upload's end."""

    type: ClassVar[str] = "notification.received"
    object_name: str
    generation: Count
    event_time: datetime | None = None


class VersionIncomplete(VersionEvent):
    """Objects of the version are in the bucket, but not all of them, or not the right ones."""

    type: ClassVar[str] = "version.incomplete"
    reason: str


class VersionMutated(VersionEvent):
    """The bucket's objects changed after the version was published; the published bytes stay."""

    type: ClassVar[str] = "version.mutated"
    reason: str


class DownloadStarted(VersionEvent):
    """The transfer of a version began; linked bytes are equal to those of a version on disk and are not moved."""

    type: ClassVar[str] = "download.started"
    files: Count
    bytes_total: Count


class DownloadProgress(VersionEvent):
    """How far a transfer is, after each quarter; reports say it every second."""

    type: ClassVar[str] = "download.progress"
    bytes_done: Count
    bytes_total: Count
    bytes_per_second: Finite
    seconds_left: Finite | None


class DownloadFinished(VersionEvent):
    """All bytes are staged: some moved, some linked from another version, some left from an earlier try."""

    type: ClassVar[str] = "download.finished"
    bytes_moved: Count
    bytes_linked: Count
    bytes_resumed: Count
    seconds: Finite
    bytes_from_neighbours: Count = 0  # of the site; the moved ones are the bucket's


class DownloadFailed(VersionEvent):
    """A transfer ended without success; the next pass tries again."""

    type: ClassVar[str] = "download.failed"
    reason: str


class NeighbourLied(VersionEvent):
    """A neighbour of the site gave wrong bytes; nothing more of this version is taken from it."""

    type: ClassVar[str] = "neighbour.lied"
    neighbour: NodeName
    reason: str


class VersionVerified(VersionEvent):
    """Size and CRC32C of every staged file are right and the bucket still lists the same generations."""

    type: ClassVar[str] = "version.verified"
    files: Count
    bytes: Count


class VersionPublished(VersionEvent):
    """The version is on the local disk, whole."""

    type: ClassVar[str] = "version.published"
    files: Count
    bytes: Count
    signed_by: str = ""  # whom the node believed, where it asks for signatures
    provenance: str = ""  # by whom and out of what it was built, in words


class VersionExtended(VersionEvent):
    """Files that came into the bucket after the version was published are on the local disk, too (issue 12)."""

    type: ClassVar[str] = "version.extended"
    files: Count
    bytes: Count


class VersionRefused(VersionEvent):
    """The version cannot be used as it is in the bucket."""

    type: ClassVar[str] = "version.refused"
    reason: str


class NoSpace(VersionEvent):
    """The disk cannot take the version; the configurator is asked to make room."""

    type: ClassVar[str] = "disk.no_space"
    bytes_needed: Count
    bytes_free: Count


class ReloadSent(VersionEvent):
    """TensorFlow Serving was told to serve these versions of a model; `version` is the highest of them."""

    type: ClassVar[str] = "reload.sent"
    versions: Annotated[tuple[Version, ...], AtMost(bounds.MAX_VERSIONS)]


class ReloadFailed(Event):
    """TensorFlow Serving refused a reload, or did not answer in time."""

    type: ClassVar[str] = "reload.failed"
    model: ModelName | None
    reason: str


class VersionAvailable(VersionEvent):
    """TensorFlow Serving reports the version AVAILABLE without error."""

    type: ClassVar[str] = "version.available"
    seconds: Finite  # since the reload was sent


class SmokePassed(VersionEvent):
    """The version answered the sample it brings as it should; said by releases before this one, now by the next."""

    type: ClassVar[str] = "smoke.passed"


class VersionServed(VersionEvent):
    """The version is confirmed: available, and its sample (if it brings one) answered right."""

    type: ClassVar[str] = "version.served"
    has_sample: bool = False  # whether it brought one, which it answered right


class VersionQuarantined(VersionEvent):
    """The version will not be tried again until its bytes change or an operator says so."""

    type: ClassVar[str] = "version.quarantined"
    reason: str


class LoadEndless(VersionEvent):
    """The version was given up and goes on loading, which nothing but a restart of TensorFlow Serving ends."""

    type: ClassVar[str] = "load.endless"
    reason: str


class VersionUnloaded(VersionEvent):
    """TensorFlow Serving reports that it no longer holds the version."""

    type: ClassVar[str] = "version.unloaded"


class VersionRemoved(VersionEvent):
    """The version was deleted from the local disk."""

    type: ClassVar[str] = "version.removed"
    reason: str


class ChangeMade(Event):
    """An operator changed desired state; `revision` is what the document has since, `nodes` is empty for all nodes.

    `before`: what was wanted and served on these nodes until then, in words; empty from releases before this one.
    `more_nodes`: so many more than are named, where that are too many for one message (`short`).
    """

    type: ClassVar[str] = "change.made"
    model: ModelName
    actor: str
    command: str
    summary: str
    reason: str = ""  # why, in the operator's own words
    before: str = ""
    nodes: Nodes = ()
    more_nodes: Count = 0
    revision_before: Count
    revision: Count
    request: str = ""


class CommandSent(Event):
    """An operator had a command followed by the nodes, or dropped a lost node from the fleet.

    `more_nodes`, `more_unanswered`: so many more than are named, where that are too many for one message (`short`).
    """

    type: ClassVar[str] = "command.sent"
    model: ModelName | None = None
    actor: str
    command: str
    nodes: Nodes = ()
    more_nodes: Count = 0
    unanswered: Nodes = ()
    more_unanswered: Count = 0
    request: str = ""


class ModelAttested(Event, Attested):
    """The node signed what it serves of a model; `key` is the fingerprint of its key, `signature` is base64."""

    type: ClassVar[str] = "model.attested"
    key: Annotated[str, Field(max_length=64)]
    signature: Annotated[str, Field(max_length=1024)]


class ServingLost(Event):
    """TensorFlow Serving does not answer."""

    type: ClassVar[str] = "serving.lost"
    reason: str


class ServingStarted(Event):
    """TensorFlow Serving answers (again) and does not have what it was told; the config is sent anew."""

    type: ClassVar[str] = "serving.started"


# Whose word an event is: what another service says under its name is no event (`infra/nats/rights.py`).
_SPEAKERS: Mapping[str, tuple[type[Event], ...]] = {
    "puller": (
        NotificationReceived,
        VersionIncomplete,
        VersionMutated,
        DownloadStarted,
        DownloadProgress,
        DownloadFinished,
        DownloadFailed,
        NeighbourLied,
        VersionVerified,
        VersionPublished,
        VersionExtended,
        VersionRefused,
        NoSpace,
    ),
    "configurator": (
        ReloadSent,
        ReloadFailed,
        VersionAvailable,
        SmokePassed,
        VersionServed,
        VersionQuarantined,
        LoadEndless,
        VersionUnloaded,
        VersionRemoved,
        ModelAttested,
        ServingLost,
        ServingStarted,
    ),
    "master": (ChangeMade, CommandSent),
}
SERVICES = tuple(_SPEAKERS)
ALL: tuple[type[Event], ...] = tuple(kind for kinds in _SPEAKERS.values() for kind in kinds)


def short(event: ChangeMade | CommandSent) -> ChangeMade | CommandSent:
    """Make a record fit into a message, whoever wrote it: as many nodes are named as fit, and all texts are cut."""
    fields: dict[str, object] = {
        name: wording.clean(value, most=MOST_SUMMARY if name == "summary" else _MOST_WORDS)
        for name, value in event
        if isinstance(value, str) and name != "model"
    }
    for name in ("nodes", "unanswered"):
        nodes: tuple[NodeName, ...] = getattr(event, name, ())
        if left := len(nodes) - (fitting := _fitting(nodes)):
            fields |= {name: nodes[:fitting], f"more_{name}": getattr(event, f"more_{name}") + left}
    return event.model_copy(update=fields)


def _fitting(nodes: Sequence[NodeName]) -> int:
    """Count how many nodes, from the first on, can be named."""
    sizes = accumulate(len(node) + 3 for node in nodes)  # two quotes and a comma
    return sum(size <= MOST_NAMED_BYTES for size in sizes)


def of(service: str) -> tuple[type[Event], ...]:
    """Tell which events are a service's own."""
    return _SPEAKERS.get(service, ())


def speaker(kind: str) -> str:
    """Tell whose word events of a kind are; empty where there is no such kind."""
    return next((service for service, kinds in _SPEAKERS.items() if kind in {one.type for one in kinds}), "")


def model_of(event: Event) -> ModelName | None:
    """Tell which model an event is about, if any."""
    model = getattr(event, "model", None)
    return model if isinstance(model, ModelName) else None


def about(event: Event) -> tuple[ModelName | None, Version | None]:
    """Tell which model and version an event is about, as its subject says it."""
    return model_of(event), event.version if isinstance(event, VersionEvent) else None
