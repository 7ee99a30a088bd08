"""The exchange of one node: its port and what is said of it, put together."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial

from events.desired import Policy
from events.names import ModelName
from events.status import ExchangeReport, Presence
from puller.exchange import port
from puller.exchange.offers import Offers
from puller.exchange.port import Off
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
    tasks: tuple[Task, ...] = ()

    def report(self) -> ExchangeReport:
        """Say whether this node takes part."""
        return port.report(self.port, neighbours=0)


def open_site(chosen: PullerSettings, core: Core) -> Site:
    """Take the port of the exchange, and serve there; where that is not to be, say why."""
    taken = port.take(chosen, http=core.http)
    if isinstance(taken, Off):
        log.info("no exchange with other nodes", reason=taken.reason)
        return Site(taken, core.sign)

    def policies(model: ModelName) -> tuple[Policy, ...]:
        return core.desired.state.policies(model)

    offers = Offers(core.layout, policies=policies)
    server = Server(offers, secret=taken.secret, bytes_per_second=chosen.exchange_bytes_per_second)
    sign = core.sign.model_copy(update={"site": taken.site, "exchange": taken.address})
    return Site(taken, sign, (partial(server.serve, taken.listener),))
