"""What the master shows of the fleet, fit for JSON; `master/answers.py` has what it says to changes and commands.

A state is always given with its reason in words and the time since when it holds. Lists are sorted by name, and paged.
"""

from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from events.desired import Latest, Pinned
from events.names import ModelName, NodeName, Version
from events.status import Connection, Disk, Progress, ServedStage, Source, Stage

T = TypeVar("T")
BUILT = "by whom and out of what it was built, in words, as a signed statement says; mostly empty"


class View(BaseModel):
    """What all views share."""

    model_config = ConfigDict(frozen=True)


class CellState(StrEnum):
    """How a model is on a node, worst first."""

    LOST = "lost"  # the node's configurator is silent: what is served there is not known
    FAILED = "failed"  # nothing is served: what is wanted could not be fetched, read or stored
    QUARANTINED = "quarantined"  # nothing is served: TensorFlow Serving refused what is wanted, or its sample failed
    BEHIND = "behind"  # what is served is not what is wanted
    HELD_BACK = "held back"  # a good version serves; a wanted one was refused, or could not be fetched
    UPDATING = "updating"  # rolling out: a version is fetched, loaded, confirmed, or the one before unloaded
    UPLOADING = "uploading"  # some files of a newer version are in the bucket, and the others are awaited
    NOT_MANAGED = "not managed"  # a config file written by hand names it, and an operator has not said otherwise
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
    source: Source | None = Field(default=None, description="where the puller looks for versions")
    serving_address: str = Field(default="", description="where the configurator reaches TensorFlow Serving")


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
    defaults: tuple[VersionTally, ...] = Field(
        default=(), description="which version a client gets that names none, on how many nodes, newest first"
    )
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
    default_version: Version | None = Field(default=None, description="what a client gets that names no version")
    revision: int | None = Field(
        default=None, description="of the desired document that the node follows; null where it does not say"
    )
    difference: str = Field(default="", description="why what is served is not what is desired; empty when it is")
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
    signed_by: str = Field(default="", description="who signed it, as the node knows them; empty where nobody asked")
    provenance: str = Field(default="", description=BUILT)


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
    signed_by: tuple[str, ...] = Field(
        default=(), description="who signed it, as the nodes know them; empty where no node asks for signatures"
    )
    provenance: tuple[str, ...] = Field(default=(), description=BUILT)


class Overview(View):
    """The whole cluster at a glance."""

    freshness: Freshness
    nodes: dict[NodeState, int]
    models: int
    cells: tuple[Tally, ...]
    sentences: tuple[str, ...] = Field(description="what is wrong, worst first; empty when all is well")
    warnings: tuple[str, ...] = Field(default=(), description="those of them that are about NATS itself")
    about_models: tuple[str, ...] = Field(default=(), description="those of them that are about models and uploads")


class Matrix(View):
    """A window of models by nodes: `cells[i][j]` is `models[i]` on `nodes[j]`, None where nothing is known."""

    models: tuple[ModelName, ...]
    nodes: tuple[NodeName, ...]
    cells: tuple[tuple["MatrixCell | None", ...], ...]


class MatrixCell(View):
    """A cell of the matrix."""

    state: CellState
    serving: tuple[Version, ...]


class NodeLine(View):
    """A node as the heading of a column."""

    node: NodeName
    state: NodeState
    reason: str
    since: datetime
    cells: tuple[Tally, ...] = Field(description="how many models are in each state, worst first")


class Board(View):
    """All that surrounds the matrix: the cluster at a glance, every model and every node."""

    overview: Overview
    models: tuple[ModelRow, ...]
    nodes: tuple[NodeLine, ...]


class NewCell(MatrixCell):
    """A cell that changed; `absent` with nothing served is also one that is gone."""

    model: ModelName
    node: NodeName


class BoardNews(View):
    """What changed on the board since the news before."""

    is_whole: bool = Field(description="look at the whole board anew: this is the first, or too much changed")
    cells: tuple[NewCell, ...] = ()
    models: tuple[ModelRow, ...] = ()
    nodes: tuple[NodeLine, ...] = ()


ModelView.model_rebuild()
Matrix.model_rebuild()
