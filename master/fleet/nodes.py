"""A node: its services as they last reported, whether they are heard, and what that makes of the node. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from events.bounds import MAX_REASONS, AtMost, Count
from events.names import ModelName, NodeName
from events.status import Connection, Disk, Named, Pass, ReloadLock, Report, Source
from master.fleet.cells import NEVER, Cell
from master.fleet.views import CellState, NodeLine, NodeRow, NodeState, Service, Tally

SERVICES = ("configurator", "puller")


class ReportSummary(Report):
    """A service's report without its models."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    bucket: Connection | None = None
    pubsub: Connection | None = None
    serving: Connection | None = None
    serving_address: str = ""
    disk: Disk | None = None
    source: Source | None = None
    reload_lock: ReloadLock | None = None
    ignored_objects: Annotated[dict[str, Count], AtMost(MAX_REASONS)] = Field(default_factory=dict)
    ignored_names: Annotated[dict[str, Named], AtMost(MAX_REASONS)] = Field(default_factory=dict)

    @property
    def connections(self) -> dict[str, Connection]:
        """What the service talks to."""
        found = {"nats": self.nats, "bucket": self.bucket, "pubsub": self.pubsub, "serving": self.serving}
        return {name: connection for name, connection in found.items() if connection}


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a service's report was not taken, in words that follow `the report is`, and since when none was."""

    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Silence:
    """Since when a service is not heard, and whether it said that it ends."""

    since: datetime
    has_ended: bool = False


NOT_SHARED = Refused("", NEVER)


@dataclass(slots=True)
class Known:
    """A service that has reported."""

    name: str
    head: ReportSummary
    refused: Refused | None = None  # the newest report, where it is not the one that `head` is of
    silence: Silence | None = None  # None while it is heard
    shared: Refused = NOT_SHARED  # which processes have its name, where they are several
    foreign: str = ""  # that it is of another cluster
    met: str = ""  # who answered at its last address in its place

    @property
    def lost_since(self) -> datetime | None:
        """Since when it is not heard; None while it is."""
        return self.silence.since if self.silence else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a node is, why, and since when."""

    state: NodeState
    reason: str
    since: datetime


@dataclass(slots=True)
class Node:
    """All that is known of a node."""

    name: NodeName
    services: dict[str, Known] = field(default_factory=dict)
    cells: dict[ModelName, Cell] = field(default_factory=dict)
    tally: Counter[CellState] = field(default_factory=Counter)
    stray: str = ""  # that its puller looks at another bucket than the others
    hidden_since: datetime | None = None  # since when nobody knows what it serves; as the tallies were counted
    verdict: Verdict = field(default_factory=lambda: Verdict(NodeState.WELL, "", NEVER))

    @property
    def is_heard(self) -> bool:
        """Whether any of its services is heard."""
        return any(known.silence is None for known in self.services.values())

    def find_hidden_since(self) -> datetime | None:
        """Tell since when nobody knows what is served: the configurator is lost, or never reported and the rest is."""
        said = self.services.get("configurator") or self.services.get("puller")
        return said.lost_since if said else None


def unread(node: NodeName, service: str, at: datetime) -> ReportSummary:
    """What is known of a service of which no report could be read yet."""
    heard = Connection(is_connected=True, since=at)
    return ReportSummary(
        node=node, service=service, software="", started=at, reported=at, is_ready=False, last_pass=Pass(), nats=heard
    )


def row(node: Node) -> NodeRow:
    """Show a node."""
    return NodeRow(
        node=node.name,
        state=node.verdict.state,
        reason=node.verdict.reason,
        since=node.verdict.since,
        cells=tally(node.tally),
        services=tuple(_service(known) for _, known in sorted(node.services.items())),
    )


def line(node: Node) -> NodeLine:
    """Show a node as the heading of a column."""
    verdict = node.verdict
    return NodeLine(
        node=node.name, state=verdict.state, reason=verdict.reason, since=verdict.since, cells=tally(node.tally)
    )


def tally(counts: Counter[CellState]) -> tuple[Tally, ...]:
    """List the states that occur, worst first."""
    return tuple(Tally(state=state, count=counts[state]) for state in CellState if counts[state] > 0)


def assess(node: Node) -> Verdict:
    """Find a node's state, the reason, and since when it holds."""
    services = node.services.values()
    lost = [known.lost_since for known in services if known.lost_since]
    if lost and len(lost) == len(services):
        is_end = all(known.silence and known.silence.has_ended for known in services)
        what = "its services were stopped at" if is_end else "nothing is heard of it since"
        words = [f"{what} {moment(max(lost))}", *dict.fromkeys(map(_met, services))]
        return Verdict(NodeState.LOST, "; ".join(filter(None, words)), max(lost))
    strays = [(node.stray, node.services["puller"].head.started)] if node.stray and "puller" in node.services else []
    if troubles := [*strays, *(trouble for known in services for trouble in _troubles(known))]:
        reason = "; ".join(reason for reason, _ in troubles)
        return Verdict(NodeState.TROUBLED, reason, min(since for _, since in troubles))
    return Verdict(NodeState.WELL, "", max(known.head.started for known in services))


def foreign(head: ReportSummary, cluster: str) -> str:
    """Say that a service is of another cluster; empty where it is not, or where either does not say."""
    if not cluster or head.cluster in {"", cluster}:
        return ""
    return f"the {head.service} is of cluster {head.cluster}, and this is {cluster}: it uses the NATS of this one"


def silence(known: Known) -> str:
    """Say that a service is not heard, and since when; empty while it is."""
    if known.silence is None:
        return ""
    what = "was stopped at" if known.silence.has_ended else "is silent since"
    return f"the {known.name} {what} {moment(known.silence.since)}"


def unreached(known: Known) -> list[tuple[str, datetime]]:
    """Say what a service does not reach, why, and since when."""
    return [
        (f"the {known.name} does not reach {name}: {connection.reason}", connection.since)
        for name, connection in known.head.connections.items()
        if not connection.is_connected and not _is_left_out(name, connection)
    ]


def _troubles(known: Known) -> list[tuple[str, datetime]]:
    if known.silence:
        return [("; ".join(filter(None, (silence(known), _met(known)))), known.silence.since)]
    head = known.head
    if known.refused:
        return [(f"the {known.name}'s report is {known.refused.reason}", known.refused.since)]
    found = [(known.shared.reason, known.shared.since)] if known.shared.reason else []
    found += [(known.foreign, head.started)] if known.foreign else []
    found += unreached(known)
    if head.last_pass.error:
        found.append((f"the {known.name} fails: {head.last_pass.error}", head.last_pass.finished or head.started))
    elif not head.is_ready:
        found.append((f"the {known.name} is starting", head.started))
    found += [
        (f"the {known.name} warns: {warning}", head.reported)
        for warning in head.warnings
        if warning != known.shared.reason
    ]
    return found


def _met(known: Known) -> str:
    return f"{known.met} answers at its last address {known.head.http}" if known.met else ""


def _is_left_out(name: str, connection: Connection) -> bool:
    """Tell whether a puller was set up without Pub/Sub, which is no trouble."""
    return name == "pubsub" and "MM_TOPIC" in connection.reason


def _service(known: Known) -> Service:
    head = known.head
    return Service(
        service=known.name,
        software=head.software,
        started=head.started,
        reported=head.reported,
        is_lost=known.lost_since is not None,
        lost_since=known.lost_since,
        is_ready=head.is_ready,
        last_error=head.last_pass.error,
        last_pass=head.last_pass.finished,
        http=head.http,
        connections=head.connections,
        disk=head.disk,
        source=head.source,
        serving_address=head.serving_address,
    )


def moment(at: datetime) -> str:
    """Write a time for people."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
