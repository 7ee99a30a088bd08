"""One version's way onto this node with the help of its neighbours: does what the schedule decides.

Some tasks listen to neighbours, others carry units, one checks what came from the bucket and offers it. A unit from a
neighbour counts when its bytes have been compared with the manifest's SHA-256; where no manifest says these, with the
CRC32C that came with them, and that of the whole file decides at the end.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from events.names import NodeName
from events.pieces import Table
from puller.download.work import Work
from puller.exchange.client import Client, NotGiven
from puller.exchange.cut import Unit, last_of_request
from puller.exchange.holdings import Holdings
from puller.exchange.listeners import LOOK_SECONDS, Listeners
from puller.exchange.neighbours import Availability, Failure
from puller.exchange.offers import Offer
from puller.exchange.order import bits
from puller.exchange.request import Place
from puller.exchange.schedule import Schedule
from puller.exchange.steps import Finished, FromBucket, FromNeighbour, Wait
from puller.exchange.take import take
from service import logs
from service.gather import gather_all
from service.tasks import until

log = logs.get("puller.exchange")

CARRIERS: Final = 8
START_SECONDS: Final = 1.0
START_BYTES_PER_SECOND: Final = 32 * 1024 * 1024  # a small version waits no longer than a fast line needs for it


@dataclass(frozen=True, slots=True)
class Site:
    """Whom a run may ask. `tell_lie` is called where a neighbour gave wrong bytes."""

    me: NodeName
    client: Client
    live: Callable[[], Mapping[NodeName, str]]
    is_settled: Callable[[], bool]
    tell_lie: Callable[[NodeName, str], None]


@dataclass(slots=True)
class Run:
    """Carries one version. Times are the event loop's."""

    place: Place
    units: tuple[Unit, ...]
    table: Table | None
    work: Work
    site: Site
    offer: Offer
    _holdings: Holdings = field(init=False)
    _schedule: Schedule = field(init=False)
    _listeners: Listeners = field(init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _liars: set[NodeName] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._holdings = Holdings(self.units, self.work.staged, self.table)
        self.offer.crcs = self._holdings.crcs
        held = self._holdings.held
        self._schedule = Schedule(self.site.me, key=self.place.key, units=len(self.units), held=held)
        self._listeners = Listeners(
            self.place, len(self.units), self._schedule, self.site.client, self.site.live, self._wake
        )

    async def run(self) -> None:
        """Bring all units; raises what the bucket raises."""
        done = asyncio.Event()
        await until(done, [self._listeners.run(), self._keep_saying(), self._offer(), self._carry_all(done)])
        self._say()

    async def _keep_saying(self) -> None:
        while True:
            self._say()
            await asyncio.sleep(LOOK_SECONDS)

    async def _carry_all(self, done: asyncio.Event) -> None:
        await self._wait_for_words()
        await gather_all(self._carry() for _ in range(CARRIERS))
        done.set()

    async def _wait_for_words(self) -> None:
        """Wait a moment until every neighbour takes part, so that nobody begins with the work of others."""
        size = sum(unit.size for unit in self.units)
        until_then = _now() + min(START_SECONDS, size / START_BYTES_PER_SECOND)
        while _now() < until_then and not (
            self.site.is_settled() and self.site.live().keys() <= self._listeners.settled
        ):
            await self._wait(min(LOOK_SECONDS, until_then - _now()))

    async def _carry(self) -> None:
        """Bring one unit after the other."""
        while True:
            match self._schedule.next(now=_now()):
                case FromBucket(unit=unit):
                    last = unit if self.site.live() else last_of_request(self.units, unit)
                    await self._from_bucket(self._schedule.follow(unit, last=last))
                case FromNeighbour(unit=unit, node=node):
                    await self._from_neighbour(unit, node)
                case Wait(seconds=seconds):
                    await self._wait(seconds)
                case Finished():
                    self._wake()
                    return

    async def _from_bucket(self, numbers: range) -> None:
        self._say()
        gaps = self._holdings.gaps(numbers)
        left = iter(gaps)

        async def fetch() -> None:
            for file, start, stop in left:
                if self._goes_on(numbers):
                    await self.work.fetch(file, start, stop, on_piece=on_piece)

        def arrive() -> bool:
            self._arrive(coming)
            return self._goes_on(numbers)

        coming, on_piece = set(numbers), arrive if len(numbers) > 1 else None
        await gather_all(fetch() for _ in range(min(self._schedule.places, len(gaps))))
        self._arrive(coming)
        for number in coming:
            self._schedule.release(number)

    def _goes_on(self, numbers: range) -> bool:
        """Tell whether a request goes on; one for many units ends when somebody comes to share the work."""
        return len(numbers) == 1 or self._schedule.is_alone

    def _arrive(self, coming: set[int]) -> None:
        """Count what has come from the bucket of these units."""
        for number in sorted(coming):
            if not self._holdings.missing(number):
                coming.discard(number)
                self._schedule.arrived(number, now=_now())
                self._holdings.fetched(number)
        self._say()
        self._wake()

    async def _from_neighbour(self, number: int, node: NodeName) -> None:
        try:
            address = self.site.live().get(node)
            written, crcs = await take(number, self._holdings, self.place, self.site.client, address=address)
        except NotGiven as error:
            log.debug("a neighbour did not give a unit", neighbour=node, why=error.why.name, reason=str(error))
            if error.why is Failure.LIED and node not in self._liars:
                self._liars.add(node)
                self.site.tell_lie(node, str(error))
            self._schedule.failed(number, error.why, now=_now())
            return
        for file, piece in written:
            self.work.note(file, piece)
            self.work.written(file)
            self.work.meter.take_from_neighbour(piece.end - piece.start)
        self._schedule.arrived(number, now=_now())
        self._holdings.given(number, crcs)
        self._say()
        self._wake()

    async def _offer(self) -> None:
        """Check what is here and offer it, while there is anybody who may want it."""
        while True:
            if not (self._holdings.unchecked and self.site.live()):
                await self._wait(LOOK_SECONDS)
                continue
            number = next(iter(bits(self._holdings.unchecked)))
            if not await self._holdings.check(number):
                log.warning(
                    "the bucket's bytes are not those of the manifest's SHA-256",
                    model=self.place.model,
                    version=self.place.version,
                    files=[part.name for part in self.units[number].parts][:5],
                )
            self._say()

    def _say(self) -> None:
        """Tell neighbours what is here; what is still to be checked is on its way to them."""
        coming = self._schedule.coming | self._holdings.unchecked
        self.offer.say(Availability(self._holdings.offered, coming, self.work.meter.done))

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return


def _now() -> float:
    return asyncio.get_running_loop().time()
