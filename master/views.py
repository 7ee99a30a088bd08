"""What the master shows: the answers of the HTTP API and of the NATS commands, fit for JSON.

A state is always given with its reason in words and the time since when it holds. Lists are sorted by name, and paged.
"""

from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from events.commands import Answer
from events.desired import Desired, Latest, Pinned
from events.names import ModelName, NodeName, Version
from events.status import Connection, Disk, Progress, ServedStage, Stage

T = TypeVar("T")


class View(BaseModel):
    """What all views share."""

    model_config = ConfigDict(frozen=True)


class CellState(StrEnum):
    """How a model is on a node, worst first."""

    LOST = "lost"  # the node's configurator is silent: what is served there is not known
    FAILED = "failed"  # something wanted could not be fetched, read or stored
    QUARANTINED = "quarantined"  # a wanted version was refused by TensorFlow Serving or failed its sample
    BEHIND = "behind"  # what is served is not what is wanted
    UPDATING = "updating"  # on its way: uploading, downloading or loading
    SERVING = "serving"
    ABSENT = "absent"  # neither wanted nor served


class NodeState(StrEnum):
    """How a node is, worst first."""

    LOST = "lost"  # no service of it is heard
    TROUBLED = "troubled"  # a service is silent, not ready, failing, or cut off from something it needs
    WELL = "well"


class Page(View, Generic[T]):
    """A part of a list; `next` is the cursor of the part that follows, none at the end."""

    items: tuple[T, ...]
    next: str | None = None
    total: int


class Freshness(View):
    """Whether the master hears the cluster. While it does not, everything it shows is the last known."""

    is_stale: bool
    since: datetime = Field(description="since when NATS is connected, or away")
    age_seconds: float = Field(description="how old what is shown can be; 0 while NATS is connected")
    reason: str = ""


class Tally(View):
    """How many of a state."""

    state: CellState
    count: int


class VersionTally(View):
    """On how many nodes a version is served."""

    version: Version
    nodes: int


class Service(View):
    """One service of a node as it last reported."""

    service: str
    software: str
    started: datetime
    reported: datetime = Field(description="time of the last report")
    is_lost: bool
    lost_since: datetime | None = None
    is_ready: bool
    last_error: str = Field(description="what the last pass failed by; empty when it succeeded")
    last_pass: datetime | None = None
    http: str = Field(description="host:port of its own HTTP port; empty if it did not say")
    connections: dict[str, Connection] = Field(description="nats, bucket, pubsub, serving: what it talks to")
    disk: Disk | None = None


class NodeRow(View):
    """A node in a list."""

    node: NodeName
    state: NodeState
    reason: str
    since: datetime
    cells: tuple[Tally, ...] = Field(description="how many models are in each state, worst first")
    services: tuple[Service, ...]


class ModelRow(View):
    """A model in a list."""

    model: ModelName
    state: CellState = Field(description="the worst of all nodes that have or want it")
    cells: tuple[Tally, ...] = Field(description="on how many nodes it is in each state, worst first")
    serving: tuple[VersionTally, ...] = Field(description="which versions are served on how many nodes, newest first")
    want: Latest | Pinned
    labels: dict[str, Version]
    is_paused: bool
    is_removed: bool
    own_policies: int = Field(description="how many nodes have a policy of their own for it")
    revision: int = Field(description="of the desired document; 0 while the default policy holds")


class CellRow(View):
    """A model on a node in a list."""

    model: ModelName
    node: NodeName
    state: CellState
    reason: str
    since: datetime
    desired: tuple[Version, ...]
    serving: tuple[Version, ...]
    labels: dict[str, Version]
    progress: Progress | None = Field(default=None, description="of the transfer that goes on, if any")


class VersionRow(View):
    """A version of a model on a node, as the puller and the configurator see it."""

    version: Version
    pulled: Stage | None = None
    served: ServedStage | None = None
    reason: str = ""
    since: datetime
    progress: Progress | None = None


class CellView(CellRow):
    """All there is to know of a model on a node; `explain` says in sentences why it is as it is."""

    versions: tuple[VersionRow, ...]
    explain: tuple[str, ...]


class NodeView(NodeRow):
    """A node with its models."""

    models: tuple[CellRow, ...]


class ModelView(ModelRow):
    """A model with its versions everywhere: how many nodes see each in which stage."""

    versions: tuple["VersionSpread", ...]
    explain: tuple[str, ...]


class VersionSpread(View):
    """How many nodes have a version in which stage."""

    version: Version
    serving: int
    on_disk: int
    fetching: int
    failed: int
    quarantined: int


class Overview(View):
    """The whole cluster at a glance."""

    freshness: Freshness
    nodes: dict[NodeState, int]
    models: int
    cells: tuple[Tally, ...]
    sentences: tuple[str, ...] = Field(description="what is wrong, worst first; empty when all is well")


class Matrix(View):
    """A window of models by nodes: `cells[i][j]` is `models[i]` on `nodes[j]`, None where nothing is known."""

    models: tuple[ModelName, ...]
    nodes: tuple[NodeName, ...]
    cells: tuple[tuple["MatrixCell | None", ...], ...]


class MatrixCell(View):
    """A cell of the matrix."""

    state: CellState
    serving: tuple[Version, ...]


class Stored(View):
    """A model's desired document and its revision; 0 means that none is kept and the default policy holds."""

    document: Desired
    revision: int


class Foreseen(View):
    """What a change does on one node."""

    node: NodeName
    sentences: tuple[str, ...]


class Made(View):
    """The outcome of a change of desired state, or of its dry run."""

    model: ModelName
    is_dry_run: bool
    is_changed: bool = Field(description="false: desired state was so already, nothing was written")
    revision_before: int
    revision_after: int
    request: str = Field(description="id of the request; the same Idempotency-Key gives the same answer again")
    summary: str = Field(description="the change in words")
    nodes: tuple[Foreseen, ...]


class Gathered(View):
    """The answers to a command, by node; `unanswered` are the nodes that said nothing, on any way, in time."""

    answers: tuple[Answer, ...]
    unanswered: tuple[NodeName, ...]
    seconds: float


class Entry(View):
    """An event of the history; `sequence` is its place in the stream."""

    sequence: int
    id: str
    time: datetime
    node: NodeName
    service: str
    kind: str = Field(description="such as version.served or change.made")
    model: ModelName | None = None
    version: Version | None = None
    sentence: str
    data: dict[str, object] = Field(description="the event's own fields")


class HistoryPage(View):
    """Events, newest first; `before` is what to ask with for older ones, none at the end."""

    entries: tuple[Entry, ...]
    before: int | None = None


class NodeTimeline(View):
    """What a node did with a version, and when; seconds are since the upload ended, where that is known."""

    node: NodeName
    notified: datetime | None = None
    download_started: datetime | None = None
    published: datetime | None = None
    available: datetime | None = None
    served: datetime | None = None
    quarantined: datetime | None = None
    removed: datetime | None = None
    reason: str = ""
    seconds_to_serve: float | None = None


class Timeline(View):
    """The life of a version: upload, then what each node did."""

    model: ModelName
    version: Version
    uploaded: datetime | None = Field(default=None, description="Cloud Storage's time of the last object's upload")
    generations: dict[str, int] = Field(description="object name -> generation, as notified")
    nodes: tuple[NodeTimeline, ...]
    changes: tuple[Entry, ...] = Field(description="what operators changed about the model meanwhile")


ModelView.model_rebuild()
Matrix.model_rebuild()
