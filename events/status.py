"""What each service reports of itself, whole: at `/status`, and to the KV bucket `mm_status` for the fleet view.

Every difference between desired and serving has a state, an age (`since`) and a reason that a person understands.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from events import bounds, wording
from events.bounds import AtMost, Count, Finite
from events.names import ModelName, NodeName, Version

MAX_REPORT_BYTES = 6 * 1024**2  # 0.4 KB for each model and service; a message of NATS has 8 MB at most (infra/nats)
MAX_REPORT_VALUES = 500_000  # in all lists and objects together
MAX_PRESENCE_BYTES = 4 * 1024
SERVING_AWAY = "TensorFlow Serving does not answer"  # a model's difference while that is all that is known of it
MAX_MODELS = 15_000  # of one service
MAX_LOCKING = 10  # models that hold the reload lock, as a report names them

T = TypeVar("T")
Listed = Annotated[list[T], AtMost(bounds.MAX_VERSIONS)]


class _Report(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)


MAX_NAMED = 5  # of what is passed over in the bucket, by reason
Named = Annotated[tuple[str, ...], AtMost(MAX_NAMED)]


class Stage(StrEnum):
    """Where a version is on the puller's side."""

    SETTLING = "settling"  # complete by structure, waiting until no object changes any more
    INCOMPLETE = "incomplete"
    WAITING = "waiting"  # complete and wanted, its turn has not come
    DOWNLOADING = "downloading"
    FAILED = "failed"  # the last try failed, another follows
    NO_SPACE = "no space"
    INVALID = "invalid"  # will not work until its bytes change
    UNTRUSTED = "untrusted"  # this node's policy asks for a signature that it does not have
    PUBLISHED = "published"
    MUTATED = "mutated"  # published, and the bucket's objects differ since
    QUARANTINED = "quarantined"  # published once, refused by TensorFlow Serving; the same bytes are not fetched again
    NOT_WANTED = "not wanted"  # complete, but desired state does not ask for it


BY_HAND = "put there by hand; never removed"  # the reason of a version on disk that came without a puller
NOT_IN_BUCKET = "asked for, but there is no such version in the bucket"  # the reason of an INCOMPLETE version


class Progress(_Report):
    """How far a transfer is."""

    bytes_done: Count
    bytes_total: Count
    bytes_per_second: Finite
    seconds_left: Finite | None
    bytes_from_neighbours: Count = 0  # of those that are done, what neighbours of the site gave


class PulledVersion(_Report):
    """A version as the puller sees it."""

    version: Version
    state: Stage
    reason: str = ""
    since: AwareDatetime
    progress: Progress | None = None
    signed_by: str = ""  # who signed it, as the node knows them by its own policy
    provenance: str = ""  # by whom and out of what it was built, in words, by a statement of a key that may sign it


class Connection(_Report):
    """Whether something outside answers, since when, and what it said last."""

    is_connected: bool
    since: AwareDatetime
    reason: str = ""


class Pass(_Report):
    """The last pass: when it ended, how long it took, what went wrong."""

    finished: AwareDatetime | None = None
    seconds: Finite = 0.0
    error: str = ""


class Disk(_Report):
    """The file system that holds the models, in bytes; `reserve` is never used by us.

    `models`: what published versions take, files that versions share counted once; None where a puller does not say.
    """

    total: Count
    free: Count
    reserve: Count
    models: Count | None = None


class Source(_Report):
    """Where a puller looks for versions, and on which topic it hears of them; no topic where it only polls."""

    bucket: str
    prefix: str = ""
    topic: str = ""
    poll_seconds: float | None = None  # so often it looks without being told


class Report(_Report):
    """What every service reports."""

    node: NodeName
    service: str
    software: str  # version of model.manager
    started: AwareDatetime
    reported: AwareDatetime
    is_ready: bool
    last_pass: Pass
    nats: Connection
    http: str = ""  # host:port where others reach the service's own HTTP port
    # what somebody has to look at though everything goes on
    warnings: Annotated[tuple[str, ...], AtMost(MAX_MODELS)] = ()
    instance: str = Field(default="", max_length=64)  # one start of the service, as in its signs of life
    host: str = Field(default="", max_length=253)
    cluster: str = Field(default="", max_length=63)  # as MM_CLUSTER says; empty where it does not


class ExchangeReport(_Report):
    """Whether a node takes part in the exchange of its site, where neighbours reach it, and how many it knows.

    `reason` says why it does not.
    """

    is_on: bool
    reason: str = ""
    site: str = Field(default="", max_length=63)
    address: str = Field(default="", max_length=260)
    neighbours: Count = 0


class PullerReport(Report):
    """The puller's whole truth."""

    bucket: Connection
    pubsub: Connection
    disk: Disk
    source: Source | None = None  # None where a puller does not say
    exchange: ExchangeReport | None = None  # None where a puller does not say
    models: Annotated[dict[ModelName, Listed[PulledVersion]], AtMost(MAX_MODELS)] = Field(default_factory=dict)
    # Reason -> objects in the last full listing.
    ignored_objects: Annotated[dict[str, Count], AtMost(bounds.MAX_REASONS)] = Field(default_factory=dict)
    ignored_names: Annotated[dict[str, Named], AtMost(bounds.MAX_REASONS)] = Field(default_factory=dict)  # some of them
    unparseable_messages: Count = 0


class ServedStage(StrEnum):
    """Where a version on disk is on the configurator's side."""

    ON_DISK = "on disk"  # kept for rollback
    LOADING = "loading"
    SERVING = "serving"
    UNLOADING = "unloading"
    QUARANTINED = "quarantined"
    REMOVING = "removing"  # not wanted any more; deleted after the grace time


class ServedVersion(_Report):
    """A version as the configurator sees it."""

    version: Version
    state: ServedStage
    reason: str = ""
    since: AwareDatetime


class ServedModel(_Report):
    """A model as the configurator sees it; `difference` says why serving is not what is desired, empty when it is.

    `default_version` is what a client gets that names neither version nor label; None where nothing is served.
    `revision` is that of the desired document that it is made from: 0 where there is none or NATS has not told it yet,
    None where a configurator does not say.
    `is_moving`: the difference is on its way to go; a fetch, reload, load or unload is under way or has its turn.
    `not_managed`: that a config file written by hand names it, and stays as it is; empty where it is managed.
    """

    desired: Annotated[tuple[Version, ...], AtMost(bounds.MAX_VERSIONS)]
    serving: Annotated[tuple[Version, ...], AtMost(bounds.MAX_VERSIONS)]
    revision: Count | None = None
    default_version: Version | None = None
    labels: Annotated[dict[str, Version], AtMost(bounds.MAX_LABELS)] = Field(default_factory=dict)
    difference: str = ""
    is_moving: bool = False
    differs_since: AwareDatetime | None = None
    not_managed: str = ""
    versions: Listed[ServedVersion] = Field(default_factory=list)


class ReloadLock(_Report):
    """New models that TensorFlow Serving loads: until the last of them has settled it takes no other reload."""

    models: Annotated[tuple[ModelName, ...], AtMost(MAX_LOCKING)]  # the first of them
    since: AwareDatetime


class ConfiguratorReport(Report):
    """The configurator's whole truth."""

    serving: Connection
    serving_address: str = ""  # host:port of TensorFlow Serving's gRPC, as the node reaches it
    disk: Disk
    reload_lock: ReloadLock | None = None  # what every change of what is served waits for
    models: Annotated[dict[ModelName, ServedModel], AtMost(MAX_MODELS)] = Field(default_factory=dict)


class Presence(_Report):
    """A service's sign of life, every few seconds; masters count a service as lost that gives none for 10 s."""

    node: NodeName
    service: str
    started: AwareDatetime
    instance: str = Field(default="", max_length=64)  # one start of the service; releases before 2026-12 do not say it
    host: str = Field(default="", max_length=253)
    is_last: bool = False  # the service ends cleanly
    site: str = Field(
        default="", max_length=63
    )  # of a puller: its site, and host:port of its exchange where it has one
    exchange: str = Field(default="", max_length=260)

    @property
    def process(self) -> str:
        """What tells this start of the service from another one."""
        return self.instance or self.started.isoformat()


class BadPresence(ValueError):
    """What stands where a sign of life belongs and is none."""


def any_presence(data: bytes) -> Presence:
    """Read a sign of life, whoever gives it; `BadPresence` where it is none."""
    if len(data) > MAX_PRESENCE_BYTES:
        raise BadPresence(f"a sign of life of {len(data)} bytes, more than {MAX_PRESENCE_BYTES}")
    try:
        return Presence.model_validate_json(data)
    except ValidationError as error:
        raise BadPresence(f"not a sign of life: {wording.problems(error)}") from error


def presence(data: bytes, node: NodeName, service: str) -> Presence:
    """Read a service's sign of life; `BadPresence` where it is none, or another's.

    What JetStream itself can be made to answer on the key is none. Releases before this one wrote the bare time of the
    start.
    """
    if len(data) > MAX_PRESENCE_BYTES:
        raise BadPresence(f"a sign of life of {len(data)} bytes, more than {MAX_PRESENCE_BYTES}")
    try:
        found = Presence.model_validate_json(data)
    except ValidationError as error:
        try:
            return Presence(node=node, service=service, started=datetime.fromisoformat(data.decode()))
        except ValueError:
            raise BadPresence(f"not a sign of life: {wording.problems(error)}") from error
    if (found.node, found.service) != (node, service):
        raise BadPresence(f"a sign of life of {found.service}@{found.node} under the key of {service}@{node}")
    return found
