"""The periodic look for services that stopped reporting: over NATS, then on their HTTP ports.

The fallback under everything the master hears: with every event and watch lost, the view is as old as the last poll.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic_core import to_json

from events.commands import Status
from events.names import NodeName
from master.commands.dispatch import CommandDispatcher
from master.commands.node_http import NodeHttpClient
from master.fleet import compare
from master.fleet.queries import FleetQueries
from master.fleet.watcher import StatusWatcher, hear_report
from service import logs
from service.errors import Transient
from service.loop import Outcome
from service.reporting import REPORT_SECONDS

log = logs.get("master.poll")

OVERDUE = timedelta(seconds=2 * REPORT_SECONDS)
LATE = timedelta(seconds=REPORT_SECONDS)  # where no reports come by themselves, each node is asked as often as it sends
HTTP_SECONDS = 2.0
ASKED_AT_ONCE = 100  # reports that are in memory at once, 100 kB each with 200 models
AWAY_SECONDS = 15.0  # so often the HTTP ports are asked while NATS is away

Place = tuple[NodeName, str]


@dataclass(frozen=True, slots=True)
class Poll:
    """One pass asks those whose last report is overdue, and those that seem lost."""

    fleet: FleetQueries
    dispatcher: CommandDispatcher
    ports: NodeHttpClient
    watcher: StatusWatcher
    hears: Callable[[], bool]  # whether NATS is there and has told all it has
    is_connected: Callable[[], bool]  # whether NATS answers, be it without JetStream: then nodes can be asked over it
    clock: Callable[[], datetime]

    async def one_pass(self) -> Outcome:
        """Ask. Raises `Transient` until all that NATS has was heard once."""
        if not self.watcher.first_whole.is_set():
            raise Transient("NATS has not told all it has yet")
        fleet_state, now = self.fleet.fleet_state, self.clock()
        late = OVERDUE if self.hears() else LATE
        known = [(node.name, known) for node in fleet_state.nodes.values() for known in node.services.values()]
        lost = [(name, one.name) for name, one in known if one.lost_since]
        overdue = [(name, one.name) for name, one in known if not one.lost_since and now - one.head.reported > late]
        if self.is_connected():
            overdue = await self._ask_nats(overdue)
        await asyncio.gather(*(self._ask_port(place) for place in [*lost, *overdue]))
        if self.hears():
            await self._compare()
        return Outcome(again_in_seconds=None if self.hears() else AWAY_SECONDS)

    async def _compare(self) -> None:
        """Look at the nodes beside each other, leaving time between models for requests."""
        fleet_state, now = self.fleet.fleet_state, self.clock()
        compare.sources(fleet_state)
        for name in compare.models(fleet_state):
            compare.model(fleet_state, name, now=now)
            await asyncio.sleep(0)

    async def _ask_nats(self, places: Iterable[Place]) -> list[Place]:
        """Ask services to report; return those that said nothing."""
        silent: list[Place] = []
        for service in sorted({service for _, service in places}):
            nodes = [node for node, name in places if name == service]
            for start in range(0, len(nodes), ASKED_AT_ONCE):
                some = nodes[start : start + ASKED_AT_ONCE]
                gathered = await self.dispatcher.ask(service, Status(actor="master"), nodes=some)
                for answer in gathered.answers:
                    if answer.report:
                        self._take((answer.node, service), to_json(answer.report))
                silent += [(node, service) for node in gathered.unanswered]
        return silent

    async def _ask_port(self, place: Place) -> None:
        node, service = place
        address = self.fleet.http_address(node, service)
        if not address:
            return
        try:
            data = await self.ports.status(address, seconds=HTTP_SECONDS)
        except Transient as error:
            log.debug("service does not answer", node=node, service=service, reason=str(error))
            self.fleet.fleet_state.silent(node, service, self.clock())
        else:
            self._take(place, data, at_address=True)

    def _take(self, place: Place, data: bytes, *, at_address: bool = False) -> None:
        if hear_report(self.fleet.fleet_state, place, data, at=self.clock(), at_address=at_address):
            self.fleet.fleet_state.alive(*place)
