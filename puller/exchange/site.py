"""The exchange of one node, put together: its port, its neighbours, and what is said of it."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial

from events import subjects
from events.desired import Policy
from events.names import ModelName
from events.pieces import Table
from events.status import ExchangeReport, Presence
from puller.exchange import port
from puller.exchange.client import Client
from puller.exchange.exchange import Exchange
from puller.exchange.neighbourhood import Neighbourhood
from puller.exchange.offers import Offers
from puller.exchange.port import Off
from puller.exchange.request import Place
from puller.exchange.server import Server
from puller.settings import PullerSettings
from service import logs
from service.process import Core

log = logs.get("puller.exchange")

Task = Callable[[], Coroutine[None, None, None]]


@dataclass(frozen=True, slots=True)
class Site:
    """What the puller has of the exchange; `sign` is its sign of life, with which neighbours find its port."""

    port: port.Port | Off
    sign: Presence
    exchange: Exchange | None = None
    tasks: tuple[Task, ...] = ()

    def report(self) -> ExchangeReport:
        """Say whether this node takes part, and how many neighbours it hears."""
        return port.report(self.port, neighbours=len(self.exchange.neighbourhood.live()) if self.exchange else 0)


def open_site(chosen: PullerSettings, core: Core, *, table: Callable[[Place], Table | None]) -> Site:
    """Take the port of the exchange, serve there, and listen for neighbours; where that is not to be, say why."""
    taken = port.take(chosen, http=core.http)
    if isinstance(taken, Off):
        log.info("no exchange with other nodes", reason=taken.reason)
        return Site(taken, core.sign)

    def policies(model: ModelName) -> tuple[Policy, ...]:
        return core.desired.state.policies(model)

    offers = Offers(core.layout, policies=policies)
    server = Server(offers, secret=taken.secret, bytes_per_second=chosen.exchange_bytes_per_second)
    sign = core.sign.model_copy(update={"site": taken.site, "exchange": taken.address})
    key = subjects.status_key(chosen.node, core.service)
    clock = asyncio.get_running_loop().time
    greet = partial(core.bus.publish, f"$KV.{subjects.PRESENCE_BUCKET}.{key}", sign.model_dump_json().encode())
    neighbourhood = Neighbourhood(chosen.node, site=taken.site, clock=clock, greet=greet)
    core.bus.subscribe(subjects.PULLERS_PRESENCE, neighbourhood.hear)
    exchange = Exchange(chosen.node, neighbourhood, Client(taken.secret), offers, table=table, emit=core.bus.emit)
    return Site(taken, sign, exchange, (partial(server.serve, taken.listener),))
