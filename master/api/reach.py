"""What the API needs of the master: as little as it can be, so that tests need no NATS."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from events.commands import Command
from events.names import ModelName, NodeName, Version
from master.answers import Entry, Gathered, HistoryPage, Made, Stored, Timeline
from master.fleet import Fleet
from master.history import Filter
from master.orders import Order
from master.settings import MasterSettings
from master.views import Freshness


class Documents(Protocol):
    """Desired documents, read."""

    async def read(self, model: ModelName) -> Stored: ...


class Orders(Protocol):
    """Changes of desired state."""

    async def follow(self, order: Order) -> Made: ...


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
    def fleet(self) -> Fleet: ...
    @property
    def documents(self) -> Documents: ...
    @property
    def orders(self) -> Orders: ...
    @property
    def history(self) -> History: ...

    async def ask(self, service: str, request: Command, *, nodes: Sequence[NodeName] | None = None) -> Gathered: ...

    def freshness(self) -> Freshness: ...

    async def forget(self, node: NodeName, *, actor: str) -> tuple[str, ...]: ...


async def _reach(request: Request) -> Master:
    return cast("Master", request.app.state.master)


Reached = Annotated[Master, Depends(_reach)]
