"""Why a model on a node is as it is, in sentences. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from events.desired import Latest, Pinned, Policy, default_version
from events.names import MAX_VERSION, ModelName, NodeName, Version
from events.status import Progress, PulledVersion, ServedStage, ServedVersion, Stage
from events.wording import CUT, first_line
from master.fleet.cells import Cell
from master.fleet.nodes import Node, moment, silence, unreached
from master.fleet.places import Halves, Place
from master.fleet.views import CellRow, CellState, CellView, VersionRow

MIB = 1024 * 1024
MAX_NODES = 3  # named where the same is told of many
MAX_GROUPS = 5  # of nodes in the same state that say different things
MAX_REASON = 300


def row(node: Node, name: ModelName, cell: Cell) -> CellRow:
    """Show a model on a node in a list."""
    hidden_since = node.hidden_since
    return CellRow(
        model=name,
        node=node.name,
        state=CellState.LOST if hidden_since else cell.state,
        reason=f"nothing is heard of what {node.name} serves since {moment(hidden_since)}"
        if hidden_since
        else cell.reason,
        since=hidden_since or cell.since,
        desired=cell.desired,
        serving=cell.serving,
        default_version=default_version(cell.serving),
        difference=cell.difference,
        revision=cell.revision,
        labels=dict(cell.labels),
        progress=_progress(cell),
    )


def view(node: Node, name: ModelName, *, cell: Cell, policy: Policy) -> CellView:
    """Show all there is to know of a model on a node."""
    halves = cell.halves
    versions = _versions(halves)
    shown = row(node, name, cell)
    sentences = [
        *_halves(node),
        _verdict(shown),
        _policy(policy),
        _serving(shown),
        last_of_all(policy, (version.version for version in versions)),
        *(_version(version) for version in versions if version.reason or version.progress or _is_signed(version)),
    ]
    return CellView(**dict(shown), versions=versions, explain=tuple(filter(None, sentences)))


def _is_signed(version: VersionRow) -> bool:
    """Whether it is served and there is something to say of who made it."""
    return bool(version.signed_by) and version.served is ServedStage.SERVING


def _halves(node: Node) -> Iterator[str]:
    """Say first which half of a node is not heard, or what it does not reach: what is told of it is as old as that."""
    halves = {"puller": "what is fetched is as it was then", "configurator": "what is served is as it was then"}
    for name, words in halves.items():
        if (known := node.services.get(name)) is None:
            yield f"No {name} of {node.name} has ever reported."
        elif silent := silence(known):
            yield f"{silent[0].upper()}{silent[1:]}: {words}."
        else:
            yield from (f"{told[0].upper()}{told[1:]}, since {moment(since)}." for told, since in unreached(known))


def spoken(cells: Iterable[tuple[NodeName, CellState, str]]) -> Iterator[str]:
    """Say how a model is on its nodes, worst first; equal words of many nodes are told once, and cut to a line."""
    alike: defaultdict[CellState, defaultdict[str, list[NodeName]]] = defaultdict(lambda: defaultdict(list))
    for node, state, reason in cells:
        alike[state]["" if state is CellState.LOST else first_line(reason, most=MAX_REASON)].append(node)
    for state in (state for state in CellState if state in alike):
        groups = sorted(alike[state].items(), key=lambda group: (-len(group[1]), group[1]))
        for reason, nodes in groups[:MAX_GROUPS]:
            end = "" if reason.endswith((".", CUT)) else "."
            yield f"{named(nodes)}: {state}: {reason}{end}" if reason else f"{nodes_in_all(len(nodes))}: {state}."
        if others := sum(len(nodes) for _, nodes in groups[MAX_GROUPS:]):
            yield f"{nodes_in_all(others)} more: {state}, each in other words."


def waiting(policy: Policy, cells: Iterable[Cell]) -> str:
    """Name what is served once updates go on; empty where they are not paused, or nothing waits."""
    if not policy.paused or policy.removed or isinstance(policy.want, Pinned):
        return ""
    newer: Counter[Version] = Counter()
    for cell in cells:
        served = max(cell.serving, default=-1)
        bad = {version for version, place in cell.places if place in {Place.FAILED, Place.QUARANTINED}}
        newer.update({version for version, _ in cell.places if version > served} - bad - set(policy.refused))
    told = [f"version {version} on {nodes_in_all(count)}" for version, count in sorted(newer.items(), reverse=True)]
    more = f" and {len(told) - MAX_GROUPS} older ones" if len(told) > MAX_GROUPS else ""
    return f"Waits while updates are paused: {', '.join(told[:MAX_GROUPS])}{more}." if told else ""


def named(nodes: Sequence[NodeName]) -> str:
    """Name a few nodes, and count the others."""
    few = nodes if len(nodes) <= MAX_NODES else nodes[: MAX_NODES - 1]
    more = f" and {len(nodes) - len(few)} more" if len(few) < len(nodes) else ""
    return f"{', '.join(few)}{more}"


def nodes_in_all(count: int) -> str:
    """Count nodes."""
    return f"{count} node{'' if count == 1 else 's'}"


def wants(policy: Policy) -> str:
    """Say what a policy asks for."""
    if policy.removed:
        return "the model is removed by an operator"
    want = _wanted(policy.want)
    return f"{want}, with updates paused" if policy.paused else want


def last_of_all(policy: Policy, versions: Iterable[int]) -> str:
    """Say that no later version can follow where the highest number is taken; empty where it is not."""
    if MAX_VERSION not in versions or isinstance(policy.want, Pinned) or policy.removed:
        return ""
    return (
        f"Version {MAX_VERSION} is the highest number there is: while it is there no later upload can be the newest."
        " Remove it from the bucket and by `model-manager remove`, or pin what shall be served."
    )


def _wanted(want: Latest | Pinned) -> str:
    match want:
        case Pinned(versions=versions):
            return f"pinned to {listed(versions)}"
        case Latest(count=1):
            return "the newest version"
        case Latest(count=count):
            return f"the newest {count} versions"


def listed(versions: Sequence[Version]) -> str:
    """Name versions in a sentence."""
    return f"version{'s' if len(versions) > 1 else ''} {', '.join(map(str, versions))}"


def _progress(cell: Cell) -> Progress | None:
    if cell.state is not CellState.UPDATING or b'"progress":{' not in cell.pulled:
        return None
    return next((one.progress for one in reversed(cell.halves.pulled) if one.progress), None)


def _versions(halves: Halves) -> tuple[VersionRow, ...]:
    pulled = {one.version: one for one in halves.pulled}
    served = {line.version: line for line in halves.served.versions} if halves.served else {}
    newest_first = sorted(pulled.keys() | served.keys(), reverse=True)
    return tuple(_merged(version, pulled.get(version), served.get(version)) for version in newest_first)


def _merged(version: Version, pulled: PulledVersion | None, served: ServedVersion | None) -> VersionRow:
    reasons = dict.fromkeys(line.reason for line in (served, pulled) if line and line.reason)
    return VersionRow(
        version=version,
        pulled=pulled.state if pulled else None,
        served=served.state if served else None,
        reason="; ".join(reasons),
        since=max(line.since for line in (served, pulled) if line),
        progress=pulled.progress if pulled else None,
        signed_by=pulled.signed_by if pulled else "",
        provenance=pulled.provenance if pulled else "",
    )


def _verdict(row: CellRow) -> str:
    reason = f": {row.reason}" if row.reason else ""
    return f"{row.model} on {row.node} is {row.state} since {moment(row.since)}{reason}."


def _policy(policy: Policy) -> str:
    extra = [f"label {label} is to point at version {version}" for label, version in sorted(policy.labels.items())]
    extra += [f"version {version} was refused by an operator" for version in policy.refused]
    extra += [f"version {version} is held on disk" for version in policy.held]
    return f"Desired: {'; '.join([wants(policy), *extra])}."


def _serving(row: CellRow) -> str:
    if not row.serving:
        return "No version is served."
    labels = "".join(f", label {label} at version {version}" for label, version in sorted(row.labels.items()))
    default = f"; clients that name no version get version {row.default_version}"
    return f"Served: {listed(row.serving)}{labels}{default}."


def _version(row: VersionRow) -> str:
    states = " and ".join(dict.fromkeys(str(state) for state in (row.pulled, row.served) if state))
    words = f"Version {row.version} is {states} since {moment(row.since)}{made(row.signed_by, row.provenance)}"
    if row.pulled is Stage.DOWNLOADING and row.progress:
        return f"{words}, {_transfer(row.progress)}."
    return f"{words}: {row.reason}." if row.reason else f"{words}."


def made(signed_by: str, provenance: str) -> str:
    """Say who made a version, as the end of what is said of it; empty where nobody knows."""
    return "".join(f", {words}" for words in (f"signed by {signed_by}" if signed_by else "", provenance) if words)


def _transfer(progress: Progress) -> str:
    left = f", about {progress.seconds_left:.0f} s left" if progress.seconds_left is not None else ""
    given = progress.bytes_from_neighbours / MIB
    source = f" ({given:.1f} MiB from neighbours)" if progress.bytes_from_neighbours else ""
    done, total = progress.bytes_done / MIB, progress.bytes_total / MIB
    return f"{done:.1f} of {total:.1f} MiB{source} at {progress.bytes_per_second / MIB:.1f} MiB/s{left}"
