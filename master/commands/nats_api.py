"""The commands to the cluster over NATS: the same deeds as the HTTP API's, for people with the `nats` tool."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from events import cluster
from events.cluster import Explain, ShowHistory
from events.commands import ApplyRetention, Command, Reload, Status, Sync
from master.answers import Gathered, Made
from master.desired.change_requests import ChangeRequest
from master.history.event_stream import Filter
from master.reach import Master

Sentences = tuple[str, ...]
Handle = Callable[[Command], Awaitable[Sentences]]

MAX_SENTENCES = 500  # an answer has to fit a NATS message


def handles(master: Master) -> Mapping[type[Command], Handle]:
    """Return what to do for each command."""
    deeds: dict[type[Command], Callable[..., Awaitable[Sentences]]] = {
        Status: _status,
        Explain: _explain,
        ShowHistory: _history,
        cluster.ClusterSync: _sync,
        cluster.ClusterReload: _reload,
        cluster.ClusterApplyRetention: _retention,
        **dict.fromkeys(cluster.CHANGES, _change),
    }
    return {kind: partial(deeds[kind], master) for kind in cluster.ALL}


async def _status(master: Master, _request: Status) -> Sentences:
    shown = master.fleet.overview(master.freshness(), datetime.now(UTC))
    nodes = ", ".join(f"{count} {state}" for state, count in shown.nodes.items())
    cells = ", ".join(f"{line.count} {line.state}" for line in shown.cells)
    stale = (f"Stale: {shown.freshness.reason}.",) if shown.freshness.is_stale else ()
    return (*stale, f"Nodes: {nodes}.", f"{shown.models} models on nodes: {cells or 'none'}.", *shown.sentences)


async def _explain(master: Master, request: Explain) -> Sentences:
    if request.node is None:
        return master.fleet.model(request.model).explain
    return master.fleet.cell(request.model, request.node).explain


async def _history(master: Master, request: ShowHistory) -> Sentences:
    page = await master.history.page(Filter(model=request.model, node=request.node), limit=request.limit)
    return tuple(f"{entry.time:%Y-%m-%d %H:%M:%S} {entry.node} {entry.sentence}" for entry in page.entries)


async def _sync(master: Master, request: cluster.ClusterSync) -> Sentences:
    plain = Sync(model=request.model, id=request.id, actor=_actor(request), dry_run=request.dry_run)
    return _gathered(await master.ask("puller", plain, nodes=request.nodes))


async def _reload(master: Master, request: cluster.ClusterReload) -> Sentences:
    plain = Reload(id=request.id, actor=_actor(request), dry_run=request.dry_run)
    return _gathered(await master.ask("configurator", plain, nodes=request.nodes))


async def _retention(master: Master, request: cluster.ClusterApplyRetention) -> Sentences:
    plain = ApplyRetention(model=request.model, id=request.id, actor=_actor(request), dry_run=request.dry_run)
    return _gathered(await master.ask("configurator", plain, nodes=request.nodes))


async def _change(master: Master, request: cluster.ChangeRequest) -> Sentences:
    kind = cluster.CHANGES[type(request)]
    change = kind.model_validate({name: getattr(request, name) for name in kind.model_fields})
    wanted = ChangeRequest(
        actor=_actor(request),
        model=request.model,
        change=change,  # type: ignore[arg-type]  # KINDS are the members of the union
        nodes=request.nodes or (),
        is_dry_run=request.dry_run,
        if_revision=request.if_revision,
        key=request.id,
    )
    return _made(await master.changes.follow(wanted))


def _actor(request: Command) -> str:
    """Name who asks; over NATS anybody may say any name."""
    return f"{request.actor or 'somebody'} over NATS"[:128]


def _made(made: Made) -> Sentences:
    moved = f"Revision {made.revision_before} -> {made.revision_after}." if made.is_changed else "It was so already."
    head = f"Dry run, nothing was changed: {made.summary}." if made.is_dry_run else f"{made.summary}. {moved}"
    return (head, *(f"{one.node}: {' '.join(one.sentences)}" for one in made.nodes[:MAX_SENTENCES]))


def _gathered(gathered: Gathered) -> Sentences:
    lines = [f"{one.node}: {one.error or ' '.join(one.sentences)}" for one in gathered.answers[:MAX_SENTENCES]]
    if gathered.unanswered:
        lines.append(f"No answer from {', '.join(gathered.unanswered[:MAX_SENTENCES])}.")
    return tuple(lines)
