"""What this node gives its neighbours: units of versions that desired state names, published or on their way.

A version on its way is offered unit by unit, as its transfer says so. A published one is found by its receipt when
somebody asks; nothing is kept in step beside the disk.
"""

import asyncio
import contextlib
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from events.desired import Policy, keep
from events.names import FileName, ModelName
from events.pieces import piece_bytes
from puller.exchange.cut import Unit, cut
from puller.exchange.holdings import Crcs
from puller.exchange.neighbours import Availability
from puller.exchange.request import Place
from service.files import refuse_links
from service.layout import Layout, Receipt, read_receipt, versions

KEPT: Final = 32  # published versions whose cut is kept in memory
LINGER_SECONDS: Final = 60.0  # a version that was fetched is published long before


class Offer:
    """The units of one version that are here. `folders`: where its files may be, the first that has one counts."""

    def __init__(self, units: tuple[Unit, ...], sizes: Mapping[FileName, int], *, folders: tuple[Path, ...]) -> None:
        self.word = Availability(has=0)
        self.crcs: Crcs = {}  # what goes along with pieces whose file may not be whole yet
        self._units = {(part.name, part.number): number for number, unit in enumerate(units) for part in unit.parts}
        self._sizes = sizes
        self._folders = folders
        self._changed = asyncio.Event()

    def say(self, word: Availability) -> None:
        """Say what is here now."""
        is_news = word.has != self.word.has
        self.word = word
        if is_news:
            self._changed.set()
            self._changed = asyncio.Event()

    async def wait(self, *, after: int, seconds: float) -> None:
        """Wait until there are not `after` units any more, or so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.word.has.bit_count() == after:
                    await self._changed.wait()

    def holds(self, name: FileName, start: int, end: int) -> bool:
        """Tell whether these bytes of a file are all here."""
        size = self._sizes.get(name, 0)
        if not start < end <= size:
            return False
        length = piece_bytes(size)
        numbers = range(start // length, -(-end // length))
        return all(self.word.has >> self._units[name, number] & 1 for number in numbers)

    def crc(self, name: FileName, start: int, end: int) -> int | None:
        """Return the CRC32C of these bytes where they are one piece and it is known."""
        length = piece_bytes(self._sizes[name])
        if start % length or end != min(start + length, self._sizes[name]):
            return None
        return self.crcs.get((name, start // length))

    def open(self, name: FileName, *, below: Path) -> int | None:
        """Open one of its files for reading; None where it is gone. Blocking."""
        for folder in self._folders:
            path = folder / name
            refuse_links(path.parent, below=below)
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                if _is_file(descriptor, self._sizes[name]):
                    return descriptor
                os.close(descriptor)
        return None


class Offers:
    """All that this node offers. `policies` are those of all nodes for a model."""

    def __init__(self, layout: Layout, *, policies: Callable[[ModelName], Collection[Policy]]) -> None:
        """Offer nothing but what is published."""
        self._layout = layout
        self._policies = policies
        self._coming: dict[Place, Offer] = {}
        self._published = lru_cache(KEPT)(self._made)

    @contextlib.contextmanager
    def coming(self, place: Place, units: tuple[Unit, ...], sizes: Mapping[FileName, int]) -> Iterator[Offer]:
        """Offer a version while it is fetched, and where that succeeds until it is surely published."""
        folders = (self._layout.stage(place.model, place.version), self._layout.version(place.model, place.version))
        offer = Offer(units, sizes, folders=folders)
        self._coming[place] = offer
        try:
            yield offer
        except BaseException:
            self._drop(place, offer)
            raise
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._drop, place, offer)

    async def find(self, place: Place) -> Offer | None:
        """Return what is offered of a version; None where nothing is."""
        return self._coming.get(place) or await asyncio.to_thread(self._find_published, place)

    def open(self, offer: Offer, name: FileName) -> int | None:
        """Open a file of an offer for reading; None where it is gone. Blocking."""
        return offer.open(name, below=self._layout.models_dir)

    def _drop(self, place: Place, offer: Offer) -> None:
        if self._coming.get(place) is offer:
            del self._coming[place]

    def _find_published(self, place: Place) -> Offer | None:
        """Look on the disk. Blocking."""
        if not self._layout.version(place.model, place.version).is_dir() or not self._is_named(place):
            return None
        receipt = self._layout.receipt(place.model, place.version)
        try:
            found = receipt.stat()
        except OSError:
            return None
        return self._published(place, (found.st_ino, found.st_size, found.st_mtime_ns))

    def _made(self, place: Place, _mark: tuple[int, int, int]) -> Offer | None:
        receipt = read_receipt(self._layout, place.model, place.version)
        if receipt is None or receipt.fingerprint != place.key:
            return None
        return _whole(receipt, self._layout.version(place.model, place.version))

    def _is_named(self, place: Place) -> bool:
        """Tell whether desired state names the version, on any node, going by what is on this disk."""
        here = versions(self._layout, place.model)
        good = {version for version in here if not self._layout.quarantine(place.model, version).exists()}
        return any(
            place.version in keep(policy, some) for policy in self._policies(place.model) for some in (here, good)
        )


def _whole(receipt: Receipt, folder: Path) -> Offer:
    sizes = {record.name: record.size for record in receipt.files}
    units = cut(sizes)
    offer = Offer(units, sizes, folders=(folder,))
    offer.say(Availability(has=(1 << len(units)) - 1, bytes_there=sum(sizes.values())))
    return offer


def _is_file(descriptor: int, size: int) -> bool:
    found = os.fstat(descriptor)
    return stat.S_ISREG(found.st_mode) and found.st_size == size
