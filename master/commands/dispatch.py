"""Admin commands to the nodes' services: over NATS to all at once, round it over HTTP to those that do not answer."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from nats.aio.client import Client
from nats.aio.msg import Msg

from events import messages, subjects
from events.commands import ApplyRetention, Command, Status, Sync
from events.messages import CommandSent
from events.names import NodeName
from master.answers import Gathered
from master.commands.gathering import MAX_BYTES, Gathering
from master.commands.node_http import NodeHttpClient
from master.fleet.queries import FleetQueries
from service import jetstream, logs
from service.bus import Bus
from service.errors import Transient

log = logs.get("master.relay")

COMMAND_SECONDS = 5.0
NATS_SHARE = 0.6  # of the time; the rest is for asking those over HTTP that said nothing


@dataclass(frozen=True, slots=True)
class Scatter:
    """Whom to ask, and whether one message goes to all there are; otherwise only the nodes named may hear of it."""

    nodes: frozenset[NodeName]
    is_to_all: bool


class CommandDispatcher:
    """Sends commands and gathers the answers."""

    def __init__(self, fleet: FleetQueries, bus: Bus, ports: NodeHttpClient) -> None:
        self._fleet = fleet
        self._bus = bus
        self._ports = ports

    async def ask(
        self,
        service: str,
        request: Command,
        *,
        nodes: Sequence[NodeName] | None = None,
        seconds: float = COMMAND_SECONDS,
    ) -> Gathered:
        """Send a command to the named nodes or to all, and wait for all answers, no longer than so many seconds.

        The deadline, and an id where the request has none, are put in here. Nodes that say nothing over NATS are asked
        on their HTTP ports; `unanswered` names those that said nothing at all. `NotFound` for a node nobody knows.
        """
        started = time.monotonic()
        for name in nodes or ():
            self._fleet.fleet_state.find(name)
        asked = frozenset(self._fleet.node_names if nodes is None else nodes)
        deadline = datetime.now(UTC) + timedelta(seconds=seconds)
        request = request.model_copy(update={"id": request.id or uuid4().hex, "deadline": deadline})
        gathering = Gathering(service, request, asked)
        heard = asked.intersection(self._fleet.heard_names)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask_ports(gathering, asked - heard, seconds=seconds * NATS_SHARE))
            await self._ask_nats(gathering, Scatter(heard, is_to_all=nodes is None), seconds=seconds * NATS_SHARE)
        left = seconds - (time.monotonic() - started)
        await self._ask_ports(gathering, heard & gathering.waiting, seconds=left)
        unanswered = tuple(sorted(gathering.waiting))
        if gathering.is_over:
            log.warning("more answers came than all nodes have to give; the rest is left out", command=request.name)
        if request.name != Status.name and not request.dry_run:
            self._bus.emit(messages.short(_record(request, nodes, unanswered)))
        return Gathered(
            answers=tuple(gathering.found[name] for name in sorted(gathering.found)),
            unanswered=unanswered,
            seconds=round(time.monotonic() - started, 3),
        )

    async def _ask_nats(self, gathering: Gathering, scatter: Scatter, *, seconds: float) -> None:
        """Ask nodes over NATS until all have answered, or it is known that no more answers come."""
        if not scatter.nodes:
            return
        try:
            client = self._bus.client()
            with jetstream.errors("carry the command"):
                await _gather(client, gathering, scatter=scatter, seconds=seconds)
        except Transient as error:
            log.warning("command goes over http", command=gathering.request.name, reason=str(error))

    async def _ask_ports(self, gathering: Gathering, nodes: Collection[NodeName], *, seconds: float) -> None:
        """Ask nodes on their HTTP ports, as far as they told where those are."""
        name, body = gathering.request.name, gathering.request.model_dump_json(exclude_none=True).encode()

        async def ask(node: NodeName) -> None:
            address = self._fleet.http_address(node, gathering.service)
            if not address or gathering.is_over:
                return
            try:
                data = await self._ports.command(address, name, node=node, body=body, seconds=seconds)
            except Transient as error:
                log.debug("no answer over http", node=node, reason=str(error))
            else:
                gathering.take(data, node)

        if seconds <= 0 or not nodes:
            return
        asking = [asyncio.ensure_future(ask(node)) for node in nodes]
        done, late = await asyncio.wait(asking, timeout=seconds)
        for task in late:
            task.cancel()
        for task in done:
            task.result()


def _record(request: Command, nodes: Sequence[NodeName] | None, unanswered: tuple[NodeName, ...]) -> CommandSent:
    return CommandSent(
        model=request.model if isinstance(request, Sync | ApplyRetention) else None,
        actor=request.actor,
        command=request.name,
        nodes=tuple(nodes or ()),
        unanswered=unanswered,
        request=request.id,
    )


async def _gather(client: Client, gathering: Gathering, *, scatter: Scatter, seconds: float) -> None:
    """Scatter a request and gather the answers of the nodes asked.

    They come on subjects apart from those of NATS's own answers, because nodes may publish there.
    """
    service, request = gathering.service, gathering.request
    inbox, order = subjects.answers(uuid4().hex), sorted(scatter.nodes)
    silent: set[NodeName] = set()
    enough = asyncio.Event()

    async def take(message: Msg) -> None:
        place = message.subject.removeprefix(f"{inbox}.")
        node = order[int(place)] if place.isdecimal() and int(place) < len(order) else None
        if message.data:
            gathering.take(message.data, node)
        if node or not message.data:  # the server's word that nobody listens there, or what this node has to say
            silent.update({node} if node else scatter.nodes)
        if gathering.is_over or not (scatter.nodes & gathering.waiting) - silent:
            enough.set()

    subscription = await client.subscribe(f"{inbox}.*", cb=take, pending_bytes_limit=MAX_BYTES)
    try:
        body = request.model_dump_json(exclude_none=True).encode()
        if scatter.is_to_all:
            await client.publish(subjects.command(None, service, request.name), body, reply=f"{inbox}.all")
        else:
            for place, node in enumerate(order):
                await client.publish(subjects.command(node, service, request.name), body, reply=f"{inbox}.{place}")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await enough.wait()
    finally:
        await subscription.unsubscribe()
