"""The master's wiring: the values through which API and commands reach everything."""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from events import subjects
from events.commands import Command
from events.names import NodeName
from events.status import Presence, Report
from master.answers import Gathered
from master.commands.dispatch import CommandDispatcher
from master.commands.node_http import NodeHttpClient
from master.commands.poll import Poll
from master.desired.audit import Audit
from master.desired.change_requests import Changes
from master.desired.forget import Forgetting
from master.desired.idempotency import Requests
from master.desired.store import DesiredDocuments
from master.fleet import streams
from master.fleet.presence import PresenceTracker
from master.fleet.queries import FleetQueries
from master.fleet.state import FleetState
from master.fleet.views import Freshness
from master.fleet.watcher import StatusWatcher
from master.history.event_stream import History
from master.settings import MasterSettings
from service.bus import Bus
from service.health import Health
from service.jetstream import PRESENCE_SECONDS
from service.loop import Outcome, Timing, Wakeup, run
from service.reporting import beat, keep_beating, new_sign
from service.version import __version__


@dataclass(frozen=True, slots=True)
class Master:
    """What the API and the commands work on."""

    settings: MasterSettings
    health: Health
    fleet: FleetQueries
    documents: DesiredDocuments
    changes: Changes
    dispatcher: CommandDispatcher
    history: History
    forgetting: Forgetting
    bus: Bus
    watcher: StatusWatcher
    audit: Audit
    http: str
    sign: Presence

    async def ask(self, service: str, request: Command, *, nodes: Sequence[NodeName] | None = None) -> Gathered:
        """Have a command followed, with the time the settings give."""
        return await self.dispatcher.ask(service, request, nodes=nodes, seconds=self.settings.command_seconds)

    def hears(self) -> bool:
        """Tell whether NATS is there, and all it had has been heard."""
        return self.bus.connection.is_connected and self.watcher.is_whole and not self.bus.deaf_since

    def freshness(self) -> Freshness:
        """Tell whether the master hears the cluster, and otherwise how old its view is."""
        connection = self.bus.connection
        if self.hears():
            return Freshness(is_stale=False, since=connection.since, age_seconds=0.0)
        reason = connection.reason or "; ".join(self.bus.problems) or "NATS is there; what it has is being read"
        since = self.bus.deaf_since or connection.since
        age_seconds = (datetime.now(UTC) - since).total_seconds()
        return Freshness(is_stale=True, since=since, age_seconds=round(age_seconds, 1), reason=reason)

    def report(self) -> Report:
        """Report on the master itself."""
        return Report(
            node=self.settings.node,
            service="master",
            software=__version__,
            started=self.sign.started,
            instance=self.sign.instance,
            host=self.sign.host,
            cluster=self.settings.cluster,
            reported=datetime.now(UTC),
            is_ready=self.health.is_ready,
            last_pass=self.health.last_pass,
            nats=self.bus.connection,
            http=self.http,
            warnings=(
                *filter(None, dict.fromkeys((*self.bus.problems, *self.fleet.warnings, self.audit.problem))),
                *(
                    f"desired state of {name}: {model.stored.spoiled}"
                    for name, model in sorted(self.fleet.fleet_state.models.items())
                    if model.stored.spoiled
                ),
            ),
        )

    async def forget(self, node: NodeName, *, actor: str) -> tuple[str, ...]:
        """Drop a lost node from the view of all masters; `NotFound`, `Refused` while it is there, `Transient`."""
        return await self.forgetting.forget(node, actor=actor)


OWN_BEATS = 10  # a loss is seen a tenth of the heartbeat late
Job = Callable[[], Coroutine[None, None, None]]


def build(
    settings: MasterSettings, *, http: str, grace_seconds: float = PRESENCE_SECONDS
) -> tuple[Master, tuple[Job, ...]]:
    """Put the master together; the jobs are what has to run."""
    bus, fleet_state, health = Bus(settings, "master"), FleetState(settings.cluster), Health()
    sign = new_sign(settings.node, "master")
    signs = PresenceTracker(fleet_state, sign, grace_seconds=grace_seconds, beat=partial(beat, bus, sign))
    fleet, watcher = FleetQueries(fleet_state), StatusWatcher(fleet_state, signs)
    documents, history, ports = DesiredDocuments(bus), History(bus), NodeHttpClient(settings.command_token)
    audit, dispatcher = Audit(bus, documents), CommandDispatcher(fleet, bus, ports)
    changes = Changes(fleet_state, documents, requests=Requests(bus), history=history)
    forgetting = Forgetting(fleet_state, documents, bus)
    master = Master(
        settings, health, fleet, documents, changes, dispatcher, history, forgetting, bus, watcher, audit, http, sign
    )
    watcher.listen(bus)
    bus.follow(subjects.DESIRED_BUCKET, audit.begin)
    poll = Poll(
        fleet,
        dispatcher,
        ports,
        watcher,
        hears=master.hears,
        is_connected=lambda: bus.connection.is_connected,
        clock=lambda: datetime.now(UTC),
    )

    async def one_pass() -> Outcome:
        outcome = await poll.one_pass()
        if master.hears():
            await forgetting.forget_old(days=settings.forget_lost_days, now=datetime.now(UTC))
        return outcome

    timing = Timing(poll_seconds=settings.poll_seconds, backoff_min_seconds=0.1, backoff_max_seconds=1.0)
    wakeup = Wakeup()
    return master, (
        bus.run,
        audit.run,
        lambda: streams.watch(bus, fleet),
        lambda: keep_beating(bus, sign, seconds=grace_seconds / OWN_BEATS),
        lambda: run(one_pass, wakeup=wakeup, timing=timing, health=health),
        lambda: _settle_memory(watcher),
    )


async def _settle_memory(watcher: StatusWatcher) -> None:
    """Spare the garbage collector the walk over what the first reports made, a third of a second for a big fleet."""
    await watcher.first_whole.wait()
    gc.freeze()
    await asyncio.get_running_loop().create_future()  # a job of a service does not end by itself
