"""Masters within the test's own process, over a real NATS server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from events.changes import Change
from events.names import NodeName
from master.answers import Made
from master.app import Master, build
from master.commands import nats_api
from master.desired.change_requests import ChangeRequest
from master.settings import MasterSettings
from service import micro, settings
from service.commands import Commands
from service.jetstream import PRESENCE_SECONDS
from service.tasks import end
from tests.support.fleet import MODEL
from tests.support.nats import Secured
from tests.support.stack import NatsServer, eventually


@asynccontextmanager
async def running_master(
    server: NatsServer,
    name: str = "master-1",
    *,
    grace_seconds: float = PRESENCE_SECONDS,
    command_seconds: float = 3.0,
    patience_seconds: float = 30.0,
) -> AsyncIterator[Master]:
    """A master that has heard all there is in NATS."""
    given = {"MM_NODE": name, "MM_NATS_URL": server.url, "MM_COMMAND_SECONDS": str(command_seconds)}
    chosen = settings.load(MasterSettings, given)
    master, jobs = build(chosen, http="", grace_seconds=grace_seconds)
    cluster = Commands(chosen.node, "master", nats_api.handles(master))
    master.bus.answer(micro.in_cluster(cluster, node=chosen.node, software="1.2.3"))
    running = [asyncio.create_task(job()) for job in jobs]
    try:
        await eventually(master.hears, seconds=patience_seconds)
        yield master
    finally:
        await end(running)


async def order(master: Master, change: Change, *nodes: str, key: str = "", if_revision: int | None = None) -> Made:
    """Have a change made."""
    names = tuple(NodeName(name) for name in nodes)
    return await master.changes.follow(
        ChangeRequest(actor="tester", model=MODEL, change=change, nodes=names, key=key, if_revision=if_revision)
    )


@asynccontextmanager
async def secured_master(server: Secured, name: str = "master-1") -> AsyncIterator[Master]:
    """A master with the masters' key, at a server for production."""
    chosen = settings.load(MasterSettings, server.environment("master", name))
    master, jobs = build(chosen, http="")
    cluster = Commands(chosen.node, "master", nats_api.handles(master))
    master.bus.answer(micro.in_cluster(cluster, node=chosen.node, software="1.2.3"))
    running = [asyncio.create_task(job()) for job in jobs]
    try:
        await eventually(master.hears, seconds=30)
        yield master
    finally:
        await end(running)
