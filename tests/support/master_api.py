"""A master in memory under the real API: a real fleet of two nodes, and scripted orders, commands and history."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx

from events.commands import Answer, Command
from events.desired import Desired
from events.names import ModelName, NodeName, Version
from events.status import (
    ConfiguratorReport,
    Connection,
    Disk,
    Pass,
    PulledVersion,
    PullerReport,
    Report,
    ServedModel,
    ServedStage,
    ServedVersion,
    Stage,
)
from master.answers import Entry, Gathered, HistoryPage, Made, Timeline
from master.api.app import create
from master.desired.change_requests import ChangeRequest
from master.fleet.queries import FleetQueries
from master.fleet.state import FleetState
from master.fleet.stored import Stored
from master.fleet.views import Freshness
from master.history.event_stream import Filter
from master.settings import MasterSettings
from service import http, settings
from service.health import Health

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
UP = Connection(is_connected=True, since=NOON)
DISK = Disk(total=1000, free=500, reserve=10)
M, N1, N2 = ModelName("wide-deep"), NodeName("node-1"), NodeName("node-2")
V1, V2 = Version(1), Version(2)
FRESH = Freshness(is_stale=False, since=NOON, age_seconds=0.0)
LOOPBACK, ELSEWHERE = "127.0.0.1", "10.0.0.9"


def about(node: NodeName, service: str) -> Report:
    """What the reports of all services share."""
    return Report(
        node=node,
        service=service,
        software="0.1.0",
        started=NOON,
        reported=NOON,
        is_ready=True,
        last_pass=Pass(finished=NOON),
        nats=UP,
        http=f"{node}:8001",
    )


def pulled(node: NodeName, models: Sequence[ModelName] = (M,)) -> PullerReport:
    """A puller that has two versions of each model."""
    versions = [PulledVersion(version=version, state=Stage.PUBLISHED, since=NOON) for version in (V1, V2)]
    return PullerReport(
        **dict(about(node, "puller")), bucket=UP, pubsub=UP, disk=DISK, models=dict.fromkeys(models, versions)
    )


def served(node: NodeName, models: Sequence[ModelName] = (M,)) -> ConfiguratorReport:
    """A configurator that serves version 2 of each model, and keeps version 1."""
    lines = [
        ServedVersion(version=V1, state=ServedStage.ON_DISK, since=NOON),
        ServedVersion(version=V2, state=ServedStage.SERVING, since=NOON),
    ]
    model = ServedModel(desired=(V2,), serving=(V2,), labels={"stable": V2}, versions=lines)
    return ConfiguratorReport(
        **dict(about(node, "configurator")), serving=UP, disk=DISK, models=dict.fromkeys(models, model)
    )


def a_fleet(nodes: Sequence[NodeName] = (N1, N2), models: Sequence[ModelName] = (M,)) -> FleetQueries:
    """Nodes that all serve the same."""
    fleet_state = FleetState()
    for node in nodes:
        for report in (pulled(node, models), served(node, models)):
            fleet_state.report(node, report.service, report.model_dump_json().encode())
    return FleetQueries(fleet_state)


def an_entry(sequence: int) -> Entry:
    """An event of the history."""
    return Entry(
        sequence=sequence,
        id=f"id-{sequence}",
        time=NOON,
        node=N1,
        service="configurator",
        kind="version.served",
        model=M,
        version=V2,
        sentence=f"version 2 of {M} is served",
        data={},
    )


@dataclass(slots=True)
class FakeDocuments:
    """Desired documents in memory."""

    stored: dict[ModelName, Stored] = field(default_factory=dict)
    failure: Exception | None = None

    async def read(self, model: ModelName) -> Stored:
        if self.failure:
            raise self.failure
        return self.stored.get(model, Stored(document=Desired(), revision=0))


@dataclass(slots=True)
class FakeOrders:
    """Says yes to everything, or fails as laid down."""

    taken: list[ChangeRequest] = field(default_factory=list)
    failure: Exception | None = None

    async def follow(self, order: ChangeRequest) -> Made:
        self.taken.append(order)
        if self.failure:
            raise self.failure
        return Made(
            model=order.model,
            is_dry_run=order.is_dry_run,
            is_changed=True,
            revision_before=7,
            revision_after=7 if order.is_dry_run else 8,
            request="r",
            summary="changed",
            nodes=(),
        )


@dataclass(slots=True)
class FakeHistory:
    """A short history that ends where the real one would wait."""

    entries: tuple[Entry, ...] = (an_entry(1), an_entry(2))
    asked: list[tuple[Filter, int | None]] = field(default_factory=list)

    async def page(self, which: Filter, *, before: int | None = None, limit: int = 100) -> HistoryPage:
        self.asked.append((which, before))
        found = [entry for entry in reversed(self.entries) if before is None or entry.sequence < before]
        return HistoryPage(entries=tuple(found[:limit]), before=None)

    async def timeline(self, model: ModelName, version: Version, *, before: int | None = None) -> Timeline:
        return Timeline(model=model, version=version, generations={}, nodes=(), changes=())

    async def follow(self, which: Filter, *, after: int | None = None) -> AsyncIterator[Entry]:
        self.asked.append((which, after))
        for entry in self.entries:
            if after is None or entry.sequence > after:
                yield entry


@dataclass(slots=True)
class FakeMaster:
    """What the API stands on."""

    settings: MasterSettings
    fleet: FleetQueries = field(default_factory=a_fleet)
    documents: FakeDocuments = field(default_factory=FakeDocuments)
    changes: FakeOrders = field(default_factory=FakeOrders)
    history: FakeHistory = field(default_factory=FakeHistory)
    fresh: Freshness = FRESH
    asked: list[tuple[str, Command, Sequence[NodeName] | None]] = field(default_factory=list)
    is_silent: bool = False
    forgotten: list[tuple[NodeName, str]] = field(default_factory=list)

    async def ask(self, service: str, request: Command, *, nodes: Sequence[NodeName] | None = None) -> Gathered:
        self.asked.append((service, request, nodes))
        chosen = self.fleet.node_names if nodes is None else nodes
        for node in chosen:
            self.fleet.fleet_state.find(node)
        if self.is_silent:
            return Gathered(answers=(), unanswered=tuple(chosen), seconds=0.1)
        answers = tuple(Answer(node=node, service=service, is_done=True) for node in chosen)
        return Gathered(answers=answers, unanswered=(), seconds=0.1)

    def freshness(self) -> Freshness:
        return self.fresh

    async def forget(self, node: NodeName, *, actor: str) -> tuple[str, ...]:
        self.fleet.fleet_state.find(node)
        self.forgotten.append((node, actor))
        return ()

    def become_stale(self) -> None:
        """Have NATS go away."""
        self.fresh = Freshness(is_stale=True, since=NOON, age_seconds=9.0, reason="connection lost")


def a_master(environment: Mapping[str, str] | None = None) -> FakeMaster:
    """A master with these variables set."""
    return FakeMaster(settings.load(MasterSettings, {"MM_NODE": "master-1", **(environment or {})}))


def client(master: FakeMaster, *, host: str = LOOPBACK, token: str = "") -> httpx.AsyncClient:
    """A client of the API over a master, without a socket."""
    api = create(master, pages=http.pages(Health(), lambda: about(NodeName("master-1"), "master")))
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(api.app, client=(host, 50000), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers)
