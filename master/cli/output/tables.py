"""Tables of nodes, services, models, versions and cells, as several commands show them."""

from collections.abc import Iterable
from datetime import datetime

from events.desired import Pinned
from events.status import Connection
from events.wording import first_line
from master.cli.output import sentences
from master.cli.output.screen import Screen, state
from master.fleet.views import CellRow, ModelRow, NodeRow, Service, VersionSpread


def models(screen: Screen, rows: Iterable[ModelRow]) -> None:
    """Models with what is served of them and what is wanted."""
    screen.table(
        "MODEL",
        "STATE",
        "SERVING",
        "NODES",
        "WANTED",
        rows=[(row.model, state(row.state), _serving(row), sentences.tallies(row.cells), wanted(row)) for row in rows],
    )


def wanted(row: ModelRow) -> str:
    """What operators want of a model, in a few words."""
    if row.is_removed:
        return "removed"
    if isinstance(row.want, Pinned):
        base = f"pinned to {sentences.versions(row.want.versions)}"
    else:
        base = "newest" if row.want.count == 1 else f"newest {row.want.count}"
    more = [
        "paused" if row.is_paused else "",
        sentences.labels(row.labels),
        f"differs on {sentences.count(row.own_policies, 'node')}" if row.own_policies else "",
    ]
    return "; ".join([base, *filter(None, more)])


def nodes(screen: Screen, rows: Iterable[NodeRow], *, now: datetime) -> None:
    """Nodes with disk and models."""
    screen.table(
        "NODE",
        "STATE",
        "SINCE",
        "DISK FREE",
        "MODELS",
        "REASON",
        rows=[
            (
                row.node,
                state(row.state),
                sentences.age(row.since, now=now),
                _free(row),
                sentences.tallies(row.cells),
                row.reason,
            )
            for row in rows
        ],
    )


def services(screen: Screen, rows: Iterable[Service], *, now: datetime) -> None:
    """The services of one node."""
    screen.table(
        "SERVICE",
        "SOFTWARE",
        "UP",
        "REPORTED",
        "CONNECTIONS",
        "LAST ERROR",
        rows=[
            (
                row.service,
                row.software,
                sentences.age(row.started, now=now),
                f"lost since {sentences.age(row.lost_since, now=now)}"
                if row.lost_since
                else f"{sentences.age(row.reported, now=now)} ago",
                ", ".join(_connection(name, one) for name, one in row.connections.items()),
                row.last_error,
            )
            for row in rows
        ],
    )


def versions(screen: Screen, rows: Iterable[VersionSpread]) -> None:
    """Versions of a model with how many nodes have them where; with signers, where nodes ask for them."""
    known = list(rows)
    is_signed = any(row.signed_by for row in known)
    screen.table(
        "VERSION",
        "SERVING",
        "ON DISK",
        "FETCHING",
        "FAILED",
        "QUARANTINED",
        *(["SIGNED BY"] if is_signed else []),
        rows=[[*_counts(row), *([_makers(row)] if is_signed else [])] for row in known],
    )


def cells(screen: Screen, rows: Iterable[CellRow], *, now: datetime, by_model: bool = False) -> None:
    """A model on many nodes, or many models on a node."""
    screen.table(
        "MODEL" if by_model else "NODE",
        "STATE",
        "SINCE",
        "SERVING",
        "DEFAULT",
        "DESIRED",
        "REASON",
        rows=[
            (
                row.model if by_model else row.node,
                state(row.state),
                sentences.age(row.since, now=now),
                sentences.versions(row.serving),
                "-" if row.default_version is None else str(row.default_version),
                sentences.versions(row.desired),
                sentences.joined(
                    filter(
                        None,
                        [
                            first_line(row.reason) if by_model else row.reason,
                            sentences.progress(row.progress) if row.progress else "",
                        ],
                    )
                ),
            )
            for row in rows
        ],
    )


def _makers(row: VersionSpread) -> str:
    return sentences.joined(filter(None, (", ".join(row.signed_by), *row.provenance))) or "-"


def _counts(row: VersionSpread) -> list[str]:
    counts = (row.version, row.serving, row.on_disk, row.fetching, row.failed, row.quarantined)
    return [str(count) for count in counts]


def _serving(row: ModelRow) -> str:
    if len(row.serving) == 1:
        return str(row.serving[0].version)
    return ", ".join(f"{tally.version} on {tally.nodes}" for tally in row.serving) or "-"


def _free(row: NodeRow) -> str:
    disk = next((service.disk for service in row.services if service.disk), None)
    return f"{sentences.size(disk.free)} of {sentences.size(disk.total)}" if disk else "-"


def _connection(name: str, one: Connection) -> str:
    return f"{name} up" if one.is_connected else f"{name} away: {one.reason}"
