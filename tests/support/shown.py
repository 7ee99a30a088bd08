"""Short ways to write down what a master shows, for tests of whatever reads it."""

from datetime import timedelta

from events.desired import Latest, Pinned
from events.names import ModelName, NodeName, Version
from events.status import Connection, Disk
from master.fleet.views import (
    CellRow,
    CellState,
    Freshness,
    ModelRow,
    NodeRow,
    NodeState,
    Overview,
    Service,
    Tally,
    VersionTally,
)
from tests.fakes.master import NOW

FRESH = Freshness(is_stale=False, since=NOW, age_seconds=0)
LINE, COUNT = ModelName("line"), ModelName("count")
N1, N2 = NodeName("n1"), NodeName("n2")
V3, V4 = Version(3), Version(4)


def a_model(name: ModelName, *, state: CellState = CellState.SERVING, pinned: bool = False) -> ModelRow:
    return ModelRow(
        model=name,
        state=state,
        cells=(Tally(state=state, count=1), Tally(state=CellState.SERVING, count=1)),
        serving=(VersionTally(version=V4, nodes=1), VersionTally(version=V3, nodes=1)),
        want=Pinned(versions=(V3,)) if pinned else Latest(),
        labels={"stable": V3} if pinned else {},
        is_paused=pinned,
        is_removed=False,
        own_policies=0,
        revision=1,
    )


def a_cell(node: NodeName, *, state: CellState = CellState.SERVING, serving: Version = V4, reason: str = "") -> CellRow:
    return CellRow(
        model=LINE,
        node=node,
        state=state,
        reason=reason,
        since=NOW - timedelta(minutes=3),
        desired=(V4,),
        serving=(serving,),
        default_version=serving,
        labels={},
    )


def a_service(*, free: int = 40 * 10**9) -> Service:
    return Service(
        service="puller",
        software="0.1.0",
        started=NOW - timedelta(days=2, hours=4),
        reported=NOW - timedelta(seconds=20),
        is_lost=False,
        is_ready=True,
        last_error="",
        http="n1:8001",
        connections={"nats": Connection(is_connected=True, since=NOW)},
        disk=Disk(total=10**11, free=free, reserve=10**9),
    )


def a_node(name: NodeName, *, state: NodeState = NodeState.WELL, reason: str = "") -> NodeRow:
    return NodeRow(
        node=name,
        state=state,
        reason=reason,
        since=NOW - timedelta(hours=3, minutes=5),
        cells=(Tally(state=CellState.SERVING, count=2),),
        services=(a_service(),),
    )


def an_overview(*sentences: str, freshness: Freshness = FRESH) -> Overview:
    return Overview(
        freshness=freshness,
        nodes={NodeState.LOST: 1, NodeState.WELL: 1},
        models=2,
        cells=(Tally(state=CellState.BEHIND, count=1), Tally(state=CellState.SERVING, count=3)),
        sentences=sentences,
    )
