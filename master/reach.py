"""What the HTTP API and the commands over NATS need of the master.

It is as little as it can be, so that tests need no NATS.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from events.commands import Command
from events.names import ModelName, NodeName, Version
from master.answers import Entry, Gathered, HistoryPage, Made, Timeline
from master.desired.change_requests import ChangeRequest
from master.fleet.queries import FleetQueries
from master.fleet.stored import Stored
from master.fleet.views import Freshness
from master.history.event_stream import Filter
from master.settings import MasterSettings


class Documents(Protocol):
    """Desired documents, read."""

    async def read(self, model: ModelName) -> Stored: ...


class Orders(Protocol):
    """Changes of desired state."""

    async def follow(self, order: ChangeRequest) -> Made: ...


class History(Protocol):
    """What happened."""

    async def page(self, which: Filter, *, before: int | None = None, limit: int = 100) -> HistoryPage: ...

    async def timeline(self, model: ModelName, version: Version, *, before: int | None = None) -> Timeline: ...

    def follow(self, which: Filter, *, after: int | None = None) -> AsyncIterator[Entry]: ...


class Master(Protocol):
    """All of it."""

    @property
    def settings(self) -> MasterSettings: ...
    @property
    def fleet(self) -> FleetQueries: ...
    @property
    def documents(self) -> Documents: ...
    @property
    def changes(self) -> Orders: ...
    @property
    def history(self) -> History: ...

    async def ask(self, service: str, request: Command, *, nodes: Sequence[NodeName] | None = None) -> Gathered: ...

    def freshness(self) -> Freshness: ...

    async def forget(self, node: NodeName, *, actor: str) -> tuple[str, ...]: ...
