"""What of one version is on this disk, unit by unit, and which of it neighbours may have.

A unit is given only when something says that it is right: the SHA-256 of the manifest, the CRC32C that the bucket lists
for its whole file, or, for a piece of a file that is not whole yet and has no SHA-256, the CRC32C that goes along with
it. The node that fetched such a piece from the bucket says that CRC32C first; others compare and pass both on. When the
file is whole, the bucket's CRC32C decides. A set of units is an integer's bits.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from events.names import FileName
from events.pieces import Table
from puller.disk import crc32c
from puller.disk.stage import StagedFile
from puller.exchange.cut import Part, Unit
from puller.exchange.order import bits
from service.disk_threads import in_thread
from service.files import disk_errors

READ_BYTES: Final = 1024 * 1024

Gap = tuple[StagedFile, int, int]
Crcs = Mapping[tuple[FileName, int], int]  # of pieces, by file and number


@dataclass(slots=True)
class Holdings:
    """Keeps what is here. `unchecked` are units that are here and were not compared yet."""

    units: tuple[Unit, ...]
    staged: Sequence[StagedFile]
    table: Table | None
    offered: int = 0
    unchecked: int = 0
    wrong: int = 0
    crcs: dict[tuple[FileName, int], int] = field(default_factory=dict)
    _files: dict[FileName, StagedFile] = field(init=False)
    _units_of: dict[FileName, int] = field(default_factory=dict)
    _right: set[FileName] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._files = {file.file.name: file for file in self.staged}
        for number, unit in enumerate(self.units):
            for part in unit.parts:
                self._units_of[part.name] = self._units_of.get(part.name, 0) | 1 << number
        self.unchecked = self.held
        self._settle(self._files)

    @property
    def held(self) -> int:
        """The units whose bytes are all here."""
        return sum(1 << number for number in range(len(self.units)) if not self.missing(number))

    def missing(self, number: int) -> list[Gap]:
        """Return which bytes of a unit are not here."""
        parts = self.units[number].parts
        return [(self._files[part.name], *gap) for part in parts for gap in _gaps(self._files[part.name], part)]

    def gaps(self, numbers: Iterable[int]) -> list[Gap]:
        """Return which bytes of some units are not here; what follows each other in a file counts as one."""
        found: list[Gap] = []
        for file, start, stop in (gap for number in numbers for gap in self.missing(number)):
            is_next = found and found[-1][0] is file and found[-1][2] == start
            found.append((file, found.pop()[1] if is_next else start, stop))
        return found

    def fetched(self, number: int) -> None:
        """Note that a unit came from the bucket."""
        self.unchecked |= 1 << number
        self._settle({part.name for part in self.units[number].parts})

    def given(self, number: int, crcs: Crcs) -> None:
        """Note that a unit came from a neighbour, with the CRC32C of its pieces where these were said and are right."""
        if self.table is not None or all((part.name, part.number) in crcs for part in self.units[number].parts):
            self.offered |= 1 << number
        self.crcs.update(crcs)
        self._settle({part.name for part in self.units[number].parts})

    async def check(self, number: int) -> bool:
        """Find out whether a unit may be offered; tell whether it is what the manifest says."""
        is_right = await in_thread(partial(self._is_right, self.units[number]))
        if self.unchecked >> number & 1:  # else its file has come to an end meanwhile
            self.unchecked &= ~(1 << number)
            self.offered |= 1 << number if is_right else 0
            self.wrong |= 0 if is_right else 1 << number
        return is_right

    async def is_as_stated(self, number: int) -> bool:
        """Tell whether a unit is what the manifest's SHA-256 say; it is where there are none."""
        return self.table is None or await in_thread(partial(self._is_right, self.units[number]))

    def _is_right(self, unit: Unit) -> bool:
        """Compare a unit on disk with the table, or learn its CRC32C where there is none. Blocking."""
        return all(self._is_part_right(part) for part in unit.parts)

    def _is_part_right(self, part: Part) -> bool:
        path = self._files[part.name].path
        if self.table is not None:
            digest = hashlib.sha256()
            _read(path, part, digest.update)
            return digest.digest() == self.table.digest(part.name, part.number)
        crc = 0

        def extend(block: bytes) -> None:
            nonlocal crc
            crc = crc32c.extend(crc, block)

        _read(path, part, extend)
        self.crcs[part.name, part.number] = crc
        return True

    def _settle(self, names: Mapping[FileName, StagedFile] | set[FileName]) -> None:
        """Decide about the units of files that are whole now, by what the bucket lists."""
        touched = 0
        for name in names:
            file = self._files[name]
            if file.bytes_there < file.file.content.size:
                continue
            touched |= self._units_of.get(name, 0)
            if file.is_right:
                self._right.add(name)
            else:
                self.wrong |= self._units_of.get(name, 0)
        for number in bits(touched):
            if self._right.issuperset(part.name for part in self.units[number].parts):
                self.offered |= 1 << number
        self.offered &= ~self.wrong
        self.unchecked &= ~(self.offered | self.wrong)


def _gaps(file: StagedFile, part: Part) -> Iterator[tuple[int, int]]:
    """Yield which bytes of a part are not there."""
    at = part.start
    for piece in sorted(file.pieces):
        if at < piece.start and at < part.end:
            yield at, min(piece.start, part.end)
        at = max(at, piece.end)
    if at < part.end:
        yield at, part.end


def _read(path: Path, part: Part, take: Callable[[bytes], None]) -> None:
    start = part.start
    with disk_errors(f"cannot read {path}"), path.open("rb", buffering=0) as file:
        file.seek(start)
        while start < part.end and (block := file.read(min(READ_BYTES, part.end - start))):
            take(block)
            start += len(block)
