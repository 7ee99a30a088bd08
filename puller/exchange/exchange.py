"""The exchange as a transfer uses it: every version gets a run of its own, over what all of them share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from events.messages import Event, NeighbourLied
from events.names import ModelName, NodeName, Version
from events.pieces import Table
from puller.download.work import Work
from puller.exchange.client import Client
from puller.exchange.cut import cut
from puller.exchange.neighbourhood import Neighbourhood
from puller.exchange.offers import Offers
from puller.exchange.request import Place
from puller.exchange.run import Run, Site
from service import logs, metrics
from service.layout import FileRecord, fingerprint

log = logs.get("puller.exchange")


@dataclass(frozen=True, slots=True)
class Exchange:
    """Brings versions with the help of neighbours. `table` gives the SHA-256 of the pieces of a place, where known."""

    node: NodeName
    neighbourhood: Neighbourhood
    client: Client
    offers: Offers
    table: Callable[[Place], Table | None]
    emit: Callable[[Event], None]

    async def fill(self, model: ModelName, version: Version, work: Work) -> None:
        """Bring all that is missing of a version, from whoever has it; raises as a fetch from the bucket does."""
        contents = {file.file.name: file.file.content for file in work.staged}
        records = tuple(
            FileRecord(name=name, size=content.size, crc32c=content.crc32c, generation=0)
            for name, content in contents.items()
        )
        place = Place(model, version, fingerprint(records))
        sizes = {name: content.size for name, content in contents.items()}
        units = cut(sizes)
        site = Site(
            me=self.node,
            client=self.client,
            live=self.neighbourhood.live,
            is_settled=lambda: self.neighbourhood.is_settled,
            tell_lie=partial(self._tell_lie, place),
        )
        with self.offers.coming(place, units, sizes) as offer:
            await Run(place, units, self.table(place), work, site, offer).run()

    def _tell_lie(self, place: Place, node: NodeName, reason: str) -> None:
        metrics.EXCHANGE_LIES.inc()
        words = f"{node} gave wrong bytes: {reason}; they come from elsewhere, and nothing more of the version from it"
        log.error("a neighbour gave wrong bytes", neighbour=node, model=place.model, version=place.version)
        self.emit(NeighbourLied(model=place.model, version=place.version, neighbour=node, reason=words))
