"""The master, put together: the values through which the API and the commands reach everything."""

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
from master import stock
from master.answers import Gathered
from master.audit import Audit
from master.desired import DesiredDocuments
from master.ear import Ear
from master.fleet import Fleet
from master.fold import Fold
from master.forgetting import Forgetting
from master.history import History
from master.orders import Orders
from master.poll import Poll
from master.ports import Ports
from master.relay import Relay
from master.requests import Requests
from master.settings import MasterSettings
from master.signs import SignsOfLife
from master.views import Freshness
from service.bus import Bus
from service.health import Health
from service.jetstream import PRESENCE_SECONDS
from service.loop import Doorbell, Outcome, Timing, run
from service.reporting import beat, keep_beating, new_sign
from service.version import __version__


@dataclass(frozen=True, slots=True)
class Master:
    """What the API and the commands work on."""

    settings: MasterSettings
    health: Health
    fleet: Fleet
    documents: DesiredDocuments
    orders: Orders
    relay: Relay
    history: History
    forgetting: Forgetting
    bus: Bus
    ear: Ear
    audit: Audit
    http: str
    sign: Presence

    async def ask(self, service: str, request: Command, *, nodes: Sequence[NodeName] | None = None) -> Gathered:
        """Have a command followed, with the time the settings give."""
        return await self.relay.ask(service, request, nodes=nodes, seconds=self.settings.command_seconds)

    def hears(self) -> bool:
        """Tell whether NATS is there, and all it had has been heard."""
        return self.bus.connection.is_connected and self.ear.is_whole and not self.bus.deaf_since

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
                    for name, model in sorted(self.fleet.fold.models.items())
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
    bus, fold, health = Bus(settings, "master"), Fold(settings.cluster), Health()
    sign = new_sign(settings.node, "master")
    signs = SignsOfLife(fold, sign, grace_seconds=grace_seconds, beat=partial(beat, bus, sign))
    fleet, ear = Fleet(fold), Ear(fold, signs)
    documents, history, ports = DesiredDocuments(bus), History(bus), Ports(settings.command_token)
    audit, relay = Audit(bus, documents), Relay(fleet, bus, ports)
    orders = Orders(fold, documents, requests=Requests(bus), history=history)
    forgetting = Forgetting(fold, documents, bus)
    master = Master(settings, health, fleet, documents, orders, relay, history, forgetting, bus, ear, audit, http, sign)
    ear.listen(bus)
    bus.follow(subjects.DESIRED_BUCKET, audit.begin)
    poll = Poll(
        fleet,
        relay,
        ports,
        ear,
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
    doorbell = Doorbell()
    return master, (
        bus.run,
        audit.run,
        lambda: stock.watch(bus, fleet),
        lambda: keep_beating(bus, sign, seconds=grace_seconds / OWN_BEATS),
        lambda: run(one_pass, doorbell=doorbell, timing=timing, health=health),
        lambda: _settle_memory(ear),
    )


async def _settle_memory(ear: Ear) -> None:
    """Spare the garbage collector the walk over what the first reports made, a third of a second for a big fleet."""
    await ear.first_whole.wait()
    gc.freeze()
    await asyncio.get_running_loop().create_future()  # a job of a service does not end by itself
