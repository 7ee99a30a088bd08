"""Nodes beside each other: which one stays behind those of its policy, which one looks at another bucket. Pure.

A node whose puller looks at another prefix, or is dead, does all that it wants, and is well for itself alone. Only the
others tell that it serves an old version.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from events.desired import Latest
from events.names import ModelName, NodeName, Version
from events.status import Source
from master.fleet import explain
from master.fleet.cells import Cell, Lag, follows
from master.fleet.nodes import Node, silence
from master.fleet.state import FleetState
from master.fleet.views import CellState, NodeState

POLL_SECONDS = 300.0  # of a puller that does not say how often it looks
MARGIN = timedelta(seconds=60)  # for what a look finds to be fetched and loaded

Peer = tuple[Node, Cell]


def sources(fleet_state: FleetState) -> None:
    """Tell of each node whose puller looks at another bucket than most do where it looks, and where they do."""
    looks = {name: source for name, node in fleet_state.nodes.items() if node.is_heard and (source := _source(node))}
    buckets = Counter(source.bucket for source in looks.values())
    most = next((bucket for bucket, count in buckets.items() if count * 2 > len(looks)), "")
    for name in fleet_state.nodes:
        source = looks.get(name)
        if source is None or len(buckets) < 2 or source.bucket == most:
            fleet_state.stray(name, "")
            continue
        others = sorted(bucket for bucket in buckets if bucket != source.bucket)
        where = ", ".join(f"gs://{bucket}/ ({_nodes(buckets[bucket])})" for bucket in others[:3])
        fleet_state.stray(
            name, f"its puller looks at {place(source)}, and others at {where}: it may belong to another cluster"
        )


def models(fleet_state: FleetState) -> tuple[ModelName, ...]:
    """Name the models that nodes may differ in, or differed in when they were last compared."""
    return tuple(
        name
        for name, model in fleet_state.models.items()
        if model.has_lags or sum(map(bool, model.serving.values())) > 1
    )


def model(fleet_state: FleetState, name: ModelName, *, now: datetime) -> None:
    """Tell of each node how far it is behind others of the same policy, and why that may be."""
    if name not in fleet_state.models:
        return
    document = fleet_state.models[name].stored.document
    groups: defaultdict[tuple[Latest, tuple[Version, ...]], list[Peer]] = defaultdict(list)
    for node in fleet_state.nodes.values():
        policy = document.on(node.name)
        if node.hidden_since is None and (cell := node.cells.get(name)) and (want := follows(policy)):
            groups[want, policy.refused].append((node, cell))
    found: dict[NodeName, Lag] = {}
    for peers in groups.values():
        found |= dict(_behind(peers, now))
    fleet_state.lag(name, found)


def orphans(fleet_state: FleetState) -> Iterator[str]:
    """Name policies of single nodes that no node follows: of names that never reported, or are lost."""
    for name, model in sorted(fleet_state.models.items()):
        for node, policy in sorted(model.stored.document.nodes.items()):
            known = fleet_state.nodes.get(node)
            if known is None or known.verdict.state is NodeState.LOST:
                what = "is lost" if known else "is not known"
                yield (
                    f"Model {name} has a policy for node {node} alone, which {what}: {explain.wants(policy)}. Under"
                    " another name the node does not follow it."
                )


def place(source: Source) -> str:
    """Write where a puller looks."""
    return f"gs://{source.bucket}/{source.prefix}" + ("/" if source.prefix and not source.prefix.endswith("/") else "")


def _behind(peers: list[Peer], now: datetime) -> Iterator[tuple[NodeName, Lag]]:
    newest = max((_newest(cell) for _, cell in peers), default=-1)
    ahead = [(node, cell) for node, cell in peers if newest in cell.serving]
    settled = [cell.since for _, cell in ahead if cell.state is CellState.SERVING]
    if newest < 0 or not settled:
        return
    version, since = Version(newest), min(settled)
    for node, cell in peers:
        is_dead = _is_dead(node)
        is_at_rest = cell.is_at_rest or (is_dead and cell.state is CellState.UPDATING)
        if is_at_rest and -1 < _newest(cell) < newest and now - since > _patience(node):
            words = f"serves {_newest(cell)}; {version} is served by {len(ahead)} of {_nodes(len(peers))}"
            yield node.name, Lag(version, f"{words}{_why(node, ahead)}", since, is_dead)


def _why(node: Node, ahead: Iterable[Peer]) -> str:
    """Say what the puller of a node that is behind does not do as the others' pullers do."""
    known = node.services.get("puller")
    if known is None:
        return ", and no puller of it has ever reported"
    if words := silence(known):
        return f", and {words.replace('the puller', 'its puller', 1)}"
    bucket = known.head.bucket
    if bucket and not bucket.is_connected:
        return f", and its puller does not reach the bucket: {bucket.reason}"
    mine = _source(node)
    theirs: Mapping[str, int] = Counter(place(source) for other, _ in ahead if (source := _source(other)))
    if mine and theirs and place(mine) not in theirs:
        return f", and its puller looks at {place(mine)}, not at {', '.join(sorted(theirs)[:3])}"
    return ", and its puller has not found it" if mine else ""


def _is_dead(node: Node) -> bool:
    known = node.services.get("puller")
    return known is None or known.silence is not None


def _patience(node: Node) -> timedelta:
    source = _source(node)
    seconds = source.poll_seconds if source and source.poll_seconds else POLL_SECONDS
    return timedelta(seconds=min(seconds, 7 * 86400)) + MARGIN


def _source(node: Node) -> Source | None:
    known = node.services.get("puller")
    return known.head.source if known else None


def _newest(cell: Cell) -> int:
    return max(cell.serving, default=-1)


def _nodes(count: int) -> str:
    return f"{count} node{'s' if count != 1 else ''}"
