"""What the master says to changes and commands, and what it tells of the past; fit for JSON."""

from datetime import datetime

from pydantic import Field

from events.commands import Answer
from events.names import ModelName, NodeName, Version
from master.fleet.views import BUILT, View


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


class Forgotten(View):
    """A node that was dropped from the view."""

    node: NodeName
    dropped: tuple[str, ...] = Field(default=(), description="policies that were its own, in words")


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
    looked_back_to: datetime | None = Field(
        default=None,
        description="there are fewer than asked for because a request looks at so many events and no more: all since"
        " then; go on with `before`",
    )


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
    signed_by: str = Field(default="", description="who signed it, as the node knew them when it published it")
    provenance: str = Field(default="", description=BUILT)


class Timeline(View):
    """The life of a version: upload, then what each node did."""

    model: ModelName
    version: Version
    uploaded: datetime | None = Field(default=None, description="Cloud Storage's time of the last object's upload")
    generations: dict[str, int] = Field(description="object name -> generation, as notified")
    nodes: tuple[NodeTimeline, ...]
    changes: tuple[Entry, ...] = Field(description="what operators changed about the model meanwhile")
    before: int | None = Field(default=None, description="what to ask with for what was earlier; mostly none")
    looked_back_to: datetime | None = Field(
        default=None, description="a request looks at so many events and no more: all since then; go on with `before`"
    )
