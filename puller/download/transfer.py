"""Moves a version's bytes from the bucket into its stage: linked, resumed or fetched, and every byte checked.

One `Transfer` serves the whole process, so that its bounds (connections, bytes in flight, bandwidth) hold over all
versions that are fetched at once. An `Engine` knows how to read a range of one generation of an object; nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from events.names import ModelName, Version
from events.status import Progress
from puller.bucket.objects import RemoteFile
from puller.disk import leftovers, room
from puller.disk.ranges import Piece
from puller.disk.stage import Stage, StagedFile
from puller.disk.syncer import Syncer
from puller.download.bandwidth import Bandwidth
from puller.download.engine import Engine
from puller.download.progress import Meter
from puller.download.range_download import RangeDownload, RetryPolicy
from puller.download.trust import Belief
from puller.download.work import Work
from service.disk_threads import in_thread
from service.errors import NoSpaceLeft, Transient
from service.gather import gather_all
from service.layout import FileRecord, Layout, Receipt

# Eight requests at a time fill a fast link to a region (one gives 50 to 100 MB/s). Each holds a piece of half a MiB in
# our memory and about as much in the engine's: 8 MiB in flight, whatever the size of the files.
RANGES_AT_ONCE: Final = 8

Bring = Callable[[Work], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files of one version that shall be staged: all of them, or first only `saved_model.pb`."""

    model: ModelName
    version: Version
    files: tuple[RemoteFile, ...]
    is_whole: bool = True  # these are all files of the version
    bytes_held: int = 0  # of them, as files of a published version

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.content.size for file in self.files)

    def receipt(self, *, staged: datetime, belief: Belief = Belief()) -> Receipt:  # noqa: B008 - frozen
        """The receipt under which these files are published."""
        records = tuple(
            FileRecord(
                name=file.name,
                size=file.content.size,
                crc32c=file.content.crc32c,
                generation=file.generation,
                md5=file.md5,
            )
            for file in self.files
        )
        return Receipt(
            model=self.model,
            version=self.version,
            staged=staged,
            files=records,
            signed_by=belief.signed_by,
            signed_digest=belief.digest,
            provenance=belief.provenance,
            doubt=belief.doubt,
        )


@dataclass(frozen=True, slots=True)
class Fetched:
    """Where the bytes of the staged files came from."""

    bytes_moved: int
    bytes_linked: int
    bytes_resumed: int
    bytes_from_neighbours: int = 0  # of the site; the moved ones are the bucket's


class Exchange(Protocol):
    """What brings files with the help of the site's neighbours."""

    async def fill(self, model: ModelName, version: Version, work: Work) -> None:
        """Bring all that is missing, from whoever has it; raises as a fetch from the bucket does."""
        ...


class Transfer:
    """Stages files under the bounds of this process."""

    def __init__(
        self,
        engine: Engine,
        *,
        layout: Layout,
        reserve_bytes: int,
        bytes_per_second: int | None,
        retries: RetryPolicy = RetryPolicy(),  # noqa: B008 - frozen
        exchange: Exchange | None = None,
    ) -> None:
        """Keep what was given; `reserve_bytes` of the disk stay free, None for the rate means no limit."""
        self._exchange = exchange
        self._ranges = RangeDownload(engine, bandwidth=Bandwidth(bytes_per_second), retries=retries)
        self._places = asyncio.Semaphore(RANGES_AT_ONCE)
        self._layout = layout
        self._reserve_bytes = reserve_bytes
        self._admission = asyncio.Lock()

    async def fetch(self, wanted: Wanted, *, on_progress: Callable[[Progress], None]) -> Fetched:
        """Stage the files, whole, verified and synced, at `layout.stage(model, version)`.

        `on_progress` is called from the event loop, at most once a second and at the end. Raises `disk.NoRoom` before
        the first byte where the disk cannot take them, else `Transient`; what is staged then is kept and resumed by
        the next call, after a restart too. Not to be called twice at once for one version.
        """
        try:
            return await self._stage(wanted, on_progress)
        except room.NoRoom:
            raise
        except NoSpaceLeft:  # on the way: half a version must not keep the disk full for the others
            await in_thread(lambda: leftovers.discard(self._layout, wanted.model, wanted.version))
            raise

    async def _stage(self, wanted: Wanted, on_progress: Callable[[Progress], None]) -> Fetched:
        with closing(Stage(self._layout, wanted.model, wanted.version)) as stage:
            return await self._stage_in(stage, wanted, on_progress)

    async def _stage_in(self, stage: Stage, wanted: Wanted, on_progress: Callable[[Progress], None]) -> Fetched:
        staged = await stage.open(wanted.files)
        async with self._admission:  # one after the other: what is admitted is allocated before the next is asked
            await stage.allocate(staged, reserve_bytes=self._reserve_bytes)
        linked = sum(file.bytes_there for file in staged if file.is_linked)
        resumed = sum(file.bytes_there for file in staged if not file.is_linked)
        clock = asyncio.get_running_loop().time
        meter = Meter(wanted.size, done=linked + resumed, clock=clock, tell=on_progress)
        await self._move(stage, staged, meter, wanted)
        meter.tell()
        return Fetched(
            bytes_moved=meter.moved - meter.from_neighbours,
            bytes_linked=linked,
            bytes_resumed=resumed,
            bytes_from_neighbours=meter.from_neighbours,
        )

    async def _move(self, stage: Stage, staged: Sequence[StagedFile], meter: Meter, wanted: Wanted) -> None:
        """Fetch what is missing; a file that turns out wrong is fetched once more, from its start and the bucket."""
        for is_last in (False, True):
            await self._fill(stage, staged, meter, self._bring(wanted, is_last=is_last))
            damaged = [file for file in staged if not file.is_right]
            if not damaged:
                return
            for file in damaged:
                meter.lose(file.bytes_there)
            await stage.restart(damaged, staged=staged)
            if is_last:
                names = ", ".join(file.file.name for file in damaged[:5])
                raise Transient(
                    f"{names}: twice, what came was not what the bucket lists (CRC32C differs); trying again"
                )

    async def _fill(self, stage: Stage, staged: Sequence[StagedFile], meter: Meter, bring: Bring) -> None:
        syncer = Syncer()
        for file in staged:
            if file.is_right and not file.is_linked:
                syncer.add(file.path, is_whole=True)

        def written(file: StagedFile) -> None:
            syncer.add(file.path, is_whole=file.is_right)

        async def fetch(file: StagedFile, start: int, end: int, *, on_piece: Callable[[], bool] | None = None) -> None:
            def note(file: StagedFile, piece: Piece) -> bool:
                stage.note(file, piece)
                return on_piece is None or on_piece()

            async with self._places:
                await self._ranges.fetch(file, start=start, end=end, note=note, meter=meter)
            written(file)

        async def work() -> None:
            await bring(Work(staged, meter, note=stage.note, fetch=fetch, written=written))
            syncer.finish()

        await gather_all([work(), syncer.run()])

    def _bring(self, wanted: Wanted, *, is_last: bool) -> Bring:
        """Choose how the files come: with the help of neighbours, or from the bucket alone."""
        if self._exchange and wanted.is_whole and not is_last:
            return partial(self._exchange.fill, wanted.model, wanted.version)
        return self._fetch_all

    async def _fetch_all(self, work: Work) -> None:
        """Fetch everything from the bucket."""
        largest_first = sorted(work.staged, key=lambda file: -file.file.content.size)
        ranges = iter([(file, start, end) for file in largest_first for start, end in file.missing])

        async def take() -> None:
            for file, start, end in ranges:
                await work.fetch(file, start, end)

        await gather_all(take() for _ in range(RANGES_AT_ONCE))
