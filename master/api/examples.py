"""Examples for the OpenAPI document, made of the same values as real answers, so that they cannot go out of step."""

from datetime import UTC, datetime, timedelta

from pydantic import BaseModel

from events.commands import Answer
from events.desired import Desired, Latest, Pinned, Policy
from events.names import ModelName, NodeName, Version
from events.status import Connection, Disk, Progress, ServedStage, Source, Stage
from master.answers import Entry, Foreseen, Forgotten, Gathered, HistoryPage, Made, NodeTimeline, Timeline
from master.api.paging import seal
from master.api.respond import STALE
from master.api.stream import MEDIA_TYPE
from master.fleet.stored import Stored
from master.fleet.views import (
    Board,
    BoardNews,
    CellRow,
    CellState,
    CellView,
    Freshness,
    Matrix,
    MatrixCell,
    ModelRow,
    ModelView,
    NewCell,
    NodeLine,
    NodeRow,
    NodeState,
    NodeView,
    Overview,
    Page,
    Service,
    Tally,
    VersionRow,
    VersionSpread,
    VersionTally,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MODEL_NAME, NODE_NAME, OLD, NEW = ModelName("wide-deep"), NodeName("node-1"), Version(41), Version(42)
GIB = 1024**3


def shown(example: BaseModel, *, etag: bool = False) -> dict[int | str, dict[str, object]]:
    """Describe a good answer by an example, with the headers it may have."""
    headers = {STALE: {"description": "NATS is away since then: the last known is shown", "schema": {"type": "string"}}}
    if etag:
        headers["ETag"] = {"description": "the desired document's revision", "schema": {"type": "string"}}
    content = {"application/json": {"example": example.model_dump(mode="json")}}
    return {200: {"description": "Successful Response", "headers": headers, "content": content}}


def streamed(example: Entry | BoardNews) -> dict[int | str, dict[str, object]]:
    """Describe a stream of events, by one of them and by what else can come."""
    name = "message" if isinstance(example, Entry) else "board"
    schemas = [
        _frame([name], {"$ref": f"#/components/schemas/{type(example).__name__}"}),
        _frame(["stale", "fresh"], {"$ref": "#/components/schemas/Freshness"}),
        _frame(["end"], {"type": "object", "properties": {"reason": {"type": "string"}}}),
    ]
    frame = {"event": name, "data": example.model_dump_json()}
    content = {MEDIA_TYPE: {"schema": {"oneOf": schemas}, "example": frame}}
    return {200: {"description": "Events, as long as the client listens", "content": content}}


def _frame(events: list[str], data: dict[str, object]) -> dict[str, object]:
    content = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
    event = {"type": "string", "enum": events}
    return {
        "type": "object",
        "required": ["event", "data"],
        "properties": {"id": {"type": "string"}, "event": event, "data": content},
    }


_UP = Connection(is_connected=True, since=NOON)
_SERVING = (Tally(state=CellState.UPDATING, count=1), Tally(state=CellState.SERVING, count=9))
_PROGRESS = Progress(bytes_done=GIB // 4, bytes_total=GIB, bytes_per_second=2.5e8, seconds_left=3.2)
_NODE_ROW = NodeRow(
    node=NODE_NAME,
    state=NodeState.WELL,
    reason="",
    since=NOON,
    cells=_SERVING,
    services=(
        Service(
            service="puller",
            software="0.1.0",
            started=NOON,
            reported=NOON + timedelta(minutes=5),
            is_lost=False,
            is_ready=True,
            last_error="",
            last_pass=NOON + timedelta(minutes=4),
            http="node-1:8001",
            connections={"nats": _UP, "bucket": _UP, "pubsub": _UP},
            disk=Disk(total=500 * GIB, free=300 * GIB, reserve=10 * GIB, models=180 * GIB),
            source=Source(bucket="models", prefix="prod/", topic="projects/p/topics/models"),
        ),
    ),
)
_MODEL_ROW = ModelRow(
    model=MODEL_NAME,
    state=CellState.UPDATING,
    cells=_SERVING,
    serving=(VersionTally(version=NEW, nodes=9), VersionTally(version=OLD, nodes=1)),
    defaults=(VersionTally(version=NEW, nodes=9), VersionTally(version=OLD, nodes=1)),
    want=Latest(),
    labels={"stable": OLD},
    is_paused=False,
    is_removed=False,
    own_policies=0,
    revision=7,
)
_CELL_ROW = CellRow(
    model=MODEL_NAME,
    node=NODE_NAME,
    state=CellState.UPDATING,
    reason="version 42 is downloading",
    since=NOON,
    desired=(OLD,),
    serving=(OLD,),
    default_version=OLD,
    labels={"stable": OLD},
    progress=_PROGRESS,
)
ENTRY = Entry(
    sequence=1042,
    id="mm_desired/wide-deep/8",
    time=NOON,
    node=NodeName("master-1"),
    service="master",
    kind="change.made",
    model=MODEL_NAME,
    sentence="alice changed model wide-deep on all nodes: pinned to version 41",
    data={"actor": "alice", "command": "pin", "revision_before": 7, "revision": 8},
)

OVERVIEW = Overview(
    freshness=Freshness(is_stale=False, since=NOON, age_seconds=0.0),
    nodes={NodeState.LOST: 1, NodeState.TROUBLED: 0, NodeState.WELL: 9},
    models=1,
    cells=_SERVING,
    sentences=("Node node-7 is lost: nothing is heard of it since 2026-03-01 11:58:00 UTC.",),
)
MATRIX = Matrix(
    models=(MODEL_NAME,),
    nodes=(NODE_NAME, NodeName("node-2")),
    cells=((MatrixCell(state=CellState.SERVING, serving=(NEW,)), None),),
)
BOARD = Board(
    overview=OVERVIEW,
    models=(_MODEL_ROW,),
    nodes=(NodeLine(node=NODE_NAME, state=NodeState.WELL, reason="", since=NOON, cells=_SERVING),),
)
BOARD_NEWS = BoardNews(
    is_whole=False,
    cells=(NewCell(model=MODEL_NAME, node=NODE_NAME, state=CellState.SERVING, serving=(NEW,)),),
    models=BOARD.models,
    nodes=BOARD.nodes,
)
NODES = Page[NodeRow](items=(_NODE_ROW,), next=seal(NODE_NAME), total=10)
FORGOTTEN = Forgotten(node=NODE_NAME, dropped=(f"model {MODEL_NAME}: pinned to version 41 on {NODE_NAME}",))
NODE = NodeView(**dict(_NODE_ROW), models=(_CELL_ROW,))
MODELS = Page[ModelRow](items=(_MODEL_ROW,), total=1)
MODEL = ModelView(
    **dict(_MODEL_ROW),
    versions=(VersionSpread(version=NEW, serving=9, on_disk=9, fetching=1, failed=0, quarantined=0),),
    explain=("Desired: the newest version.", "1 node: updating.", "9 nodes: serving."),
)
CELLS = Page[CellRow](items=(_CELL_ROW,), total=1)
CELL = CellView(
    **dict(_CELL_ROW),
    versions=(
        VersionRow(version=NEW, pulled=Stage.DOWNLOADING, since=NOON, progress=_PROGRESS),
        VersionRow(version=OLD, pulled=Stage.PUBLISHED, served=ServedStage.SERVING, since=NOON),
    ),
    explain=(
        "wide-deep on node-1 is updating since 2026-03-01 12:00:00 UTC: version 42 is downloading.",
        "Desired: the newest version.",
        "Served: version 41, label stable at version 41.",
    ),
)
TIMELINE = Timeline(
    model=MODEL_NAME,
    version=NEW,
    uploaded=NOON,
    generations={"wide-deep/42/saved_model.pb": 1772366400000000},
    nodes=(
        NodeTimeline(
            node=NODE_NAME, notified=NOON, published=NOON + timedelta(seconds=4), served=NOON + timedelta(seconds=6)
        ),
    ),
    changes=(ENTRY,),
)
DESIRED = Stored(document=Desired(policy=Policy(want=Pinned(versions=(OLD,)), labels={"stable": OLD})), revision=8)
MADE = Made(
    model=MODEL_NAME,
    is_dry_run=False,
    is_changed=True,
    revision_before=7,
    revision_after=8,
    request="3f2a9c",
    summary="model wide-deep on all nodes: pinned to version 41",
    nodes=(Foreseen(node=NODE_NAME, sentences=("serves version 41 in place of 42, from its disk",)),),
)
GATHERED = Gathered(
    answers=(Answer(node=NODE_NAME, service="puller", is_done=True, sentences=("looked at the whole bucket",)),),
    unanswered=(NodeName("node-7"),),
    seconds=0.012,
)
HISTORY = HistoryPage(entries=(ENTRY,), before=1042)
