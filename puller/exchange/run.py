"""One version's way onto this node with the help of its neighbours: does what the schedule decides.

Some tasks listen to neighbours, others carry units. A unit from a neighbour counts when its bytes have been compared
with the manifest's SHA-256; where no manifest says these, the CRC32C of its whole file decides at the end. It is
offered on only after that.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from events.names import FileName, NodeName
from events.pieces import Table
from puller.disk.ranges import Piece
from puller.disk.stage import StagedFile
from puller.download.range_download import Writer
from puller.download.work import Work
from puller.exchange.client import Client, NotGiven, Wanted
from puller.exchange.cut import Part, Unit
from puller.exchange.listeners import LOOK_SECONDS, Listeners
from puller.exchange.neighbours import Failure, Word
from puller.exchange.offers import Offer
from puller.exchange.request import Place
from puller.exchange.schedule import Finished, FromBucket, FromNeighbour, Schedule, Wait
from service import logs
from service.disk_threads import in_thread
from service.files import disk_errors
from service.gather import gather_all
from service.tasks import until

log = logs.get("puller.exchange")

CARRIERS: Final = 8
START_SECONDS: Final = 1.0
START_BYTES_PER_SECOND: Final = 32 * 1024 * 1024  # a small version waits no longer than a fast line needs for it
READ_BYTES: Final = 1024 * 1024


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
    _files: dict[FileName, StagedFile] = field(init=False)
    _schedule: Schedule = field(init=False)
    _listeners: Listeners = field(init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _right: set[FileName] = field(default_factory=set)
    _liars: set[NodeName] = field(default_factory=set)
    _offered: int = 0
    _wrong: int = 0  # units that are the bucket's, and not the manifest's

    def __post_init__(self) -> None:
        self._files = {file.file.name: file for file in self.work.staged}
        held = sum(1 << number for number, unit in enumerate(self.units) if not self._missing(unit))
        self._schedule = Schedule(self.site.me, key=self.place.key, units=len(self.units), held=held)
        self._listeners = Listeners(
            self.place, len(self.units), self._schedule, self.site.client, self.site.live, self._wake
        )
        for file in self.work.staged:
            self._offer_if_right(file)

    async def run(self) -> None:
        """Bring all units; raises what the bucket raises."""
        done = asyncio.Event()
        await until(done, [self._listeners.run(), self._keep_saying(), self._carry_all(done)])
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
                    await self._from_bucket(unit)
                case FromNeighbour(unit=unit, node=node):
                    await self._from_neighbour(unit, node)
                case Wait(seconds=seconds):
                    await self._wait(seconds)
                case Finished():
                    self._wake()
                    return

    async def _from_bucket(self, number: int) -> None:
        self._say()
        unit = self.units[number]
        for file, start, stop in self._missing(unit):
            await self.work.fetch(file, start, stop)
        is_right = self.table is None or await in_thread(partial(self._is_right, unit))
        if not is_right:
            self._wrong |= 1 << number
            log.warning(
                "the bucket's bytes are not those of the manifest's SHA-256",
                model=self.place.model,
                version=self.place.version,
                files=[part.name for part in unit.parts][:5],
            )
        self._arrive(number, may_be_offered=is_right)

    async def _from_neighbour(self, number: int, node: NodeName) -> None:
        try:
            written = await self._taken(self.units[number], node)
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
        self._arrive(number, may_be_offered=self.table is not None)

    async def _taken(self, unit: Unit, node: NodeName) -> list[tuple[StagedFile, Piece]]:
        """Have a unit's missing bytes written by a neighbour's word, and compared."""
        if (address := self.site.live().get(node)) is None:
            raise NotGiven(Failure.BROKEN, "it is gone")
        writers = [
            (file, start, Writer(file, _open(file.path), start, stop)) for file, start, stop in self._missing(unit)
        ]
        try:
            wanted = [
                Wanted(self.place.file(file.file.name), one.position, one.end, one.write) for file, _, one in writers
            ]
            await self.site.client.fetch(address, wanted)
        finally:
            for _, _, writer in writers:
                os.close(writer.descriptor)
        if self.table is not None and not await in_thread(partial(self._is_right, unit)):
            raise NotGiven(Failure.LIED, "its bytes are not those of the manifest's SHA-256")
        return [(file, Piece(start, writer.position, writer.crc)) for file, start, writer in writers]

    def _is_right(self, unit: Unit) -> bool:
        """Compare a unit on disk with the table. Blocking."""
        return all(self._is_part_right(part) for part in unit.parts)

    def _is_part_right(self, part: Part) -> bool:
        expected = self.table.digest(part.name, part.number) if self.table else None
        return expected == _sha256(self._files[part.name].path, part.start, part.end)

    def _arrive(self, number: int, *, may_be_offered: bool) -> None:
        self._schedule.arrived(number, now=_now())
        if may_be_offered:
            self._offered |= 1 << number
        for name in {part.name for part in self.units[number].parts}:
            self._offer_if_right(self._files[name])
        self._say()
        self._wake()

    def _offer_if_right(self, file: StagedFile) -> None:
        """Offer all units of a file that turned out to be what the bucket lists."""
        if file.bytes_there == file.file.content.size and file.is_right:
            self._right.add(file.file.name)
            for number, unit in enumerate(self.units):
                if self._right.issuperset(part.name for part in unit.parts):
                    self._offered |= 1 << number & ~self._wrong

    def _say(self) -> None:
        """Tell neighbours what is here."""
        self.offer.say(Word(self._offered, self._schedule.coming, self.work.meter.done))

    def _missing(self, unit: Unit) -> list[tuple[StagedFile, int, int]]:
        return [(self._files[part.name], *gap) for part in unit.parts for gap in _gaps(self._files[part.name], part)]

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return


def _gaps(file: StagedFile, part: Part) -> Iterator[tuple[int, int]]:
    """Yield which bytes of a part are not there."""
    at = part.start
    for piece in sorted(file.pieces):
        if at < piece.start and at < part.end:
            yield at, min(piece.start, part.end)
        at = max(at, piece.end)
    if at < part.end:
        yield at, part.end


def _open(path: Path) -> int:
    with disk_errors(f"cannot write {path}"):
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)


def _sha256(path: Path, start: int, stop: int) -> bytes:
    digest = hashlib.sha256()
    with disk_errors(f"cannot read {path}"), path.open("rb", buffering=0) as file:
        file.seek(start)
        while start < stop and (block := file.read(min(READ_BYTES, stop - start))):
            digest.update(block)
            start += len(block)
    return digest.digest()


def _now() -> float:
    return asyncio.get_running_loop().time()
