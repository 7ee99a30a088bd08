"""The master, wired: what the API reaches everything through."""

from dataclasses import dataclass

from events.names import NodeName
from master.desired import DesiredDocuments
from master.fleet import Fleet
from master.history import History
from master.orders import Orders
from master.relay import Relay
from master.settings import MasterSettings
from master.views import Freshness
from service.health import Health


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

    def freshness(self) -> Freshness:
        """Tell whether the master hears the cluster, and otherwise how old its view is."""
        raise NotImplementedError

    async def forget(self, node: NodeName, *, actor: str) -> None:
        """Drop a lost node from the view of all masters; `NotFound`, `Refused` while it is there, `Transient`."""
        raise NotImplementedError
