"""The folder in which a version is put together, and what of it is already there.

Before anything is fetched, every file is looked for in three places: in the stage itself (a link, or pieces that an
earlier try noted in the journal), then among the files of the model's published versions. Whatever is found is read
and compared with the CRC32C that the bucket lists; only then does it count. A link is never written to.
"""

import contextlib
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from events.manifest import Content
from events.names import BadName, ModelName, Version
from puller.bucket.objects import RemoteFile
from puller.disk import crc32c, leftovers, room
from puller.disk.journal import Journal, Key
from puller.disk.ranges import RANGE_BYTES, Piece, disjoint, joined_crc32c, missing
from service import files, logs
from service.disk_threads import in_thread
from service.files import disk_errors, refuse_links
from service.gather import gather_all
from service.layout import Layout, Receipt, read_receipt

log = logs.get("puller.stage")

READ_BYTES: Final = 1024 * 1024
DISK_BLOCK_BYTES: Final = 4096  # what even a byte takes on nearly every file system


@dataclass(slots=True)
class StagedFile:
    """A file on its way; `pieces` are on disk and checked."""

    file: RemoteFile
    path: Path
    pieces: list[Piece] = field(default_factory=list)
    is_linked: bool = False

    @property
    def key(self) -> Key:
        """What the journal calls it."""
        return self.file.name, self.file.generation

    @property
    def bytes_there(self) -> int:
        """How much of it is on disk and checked."""
        return sum(piece.end - piece.start for piece in self.pieces)

    @property
    def missing(self) -> list[tuple[int, int]]:
        """The ranges that are still to be fetched."""
        return list(missing(self.pieces, size=self.file.content.size))

    @property
    def is_right(self) -> bool:
        """Whether all bytes are there, and are those that the bucket lists."""
        content = self.file.content
        return self.bytes_there == content.size and joined_crc32c(self.pieces) == content.crc32c


@dataclass(frozen=True, slots=True)
class _Published:
    """A file of a published version of the model."""

    path: Path
    md5: str | None


class Stage:
    """One version's stage. Its methods raise `Transient`, `NoSpaceLeft` where that is the reason."""

    def __init__(self, layout: Layout, model: ModelName, version: Version) -> None:
        self._layout = layout
        self._model = model
        self._path = layout.stage(model, version)
        self._journal = Journal(leftovers.journal(layout, model, version))
        self._others: list[tuple[Key, Piece]] = []  # notes on files that are not asked for this time

    async def open(self, files: Iterable[RemoteFile]) -> list[StagedFile]:
        """Find what is there of the files."""
        staged = [StagedFile(file, self._path / file.name) for file in files]
        noted = await in_thread(lambda: self._prepare(staged))
        await gather_all(self._resume(file, noted[file.key]) for file in staged if file.key in noted)
        sources = await in_thread(lambda: self._clear_and_look_around(staged))
        lacking = [file for file in staged if not file.pieces and file.file.content in sources]
        await gather_all(self._link(file, sources[file.file.content]) for file in lacking)
        names = {file.file.name for file in staged}
        self._others = [(key, piece) for key, pieces in noted.items() for piece in pieces if key[0] not in names]
        await self._rewrite_journal(staged)
        return staged

    async def allocate(self, staged: Sequence[StagedFile], *, reserve_bytes: int) -> None:
        """Take the disk space for what is missing, or raise `NoRoom`; what is staged but not wanted gives way first."""
        try:
            await in_thread(lambda: self._admit(staged, reserve_bytes))
        except room.NoRoom:
            await in_thread(lambda: leftovers.prune(self._path, keep={file.path for file in staged}))
            await in_thread(lambda: self._admit(staged, reserve_bytes))
        await in_thread(lambda: _allocate(staged))

    async def restart(self, damaged: Iterable[StagedFile], *, staged: Sequence[StagedFile]) -> None:
        """Begin some files anew."""
        for file in damaged:
            file.pieces = []
            await in_thread(partial(_drop_useless, file))
        await self._rewrite_journal(staged)
        await in_thread(lambda: _allocate(staged))

    def note(self, file: StagedFile, piece: Piece) -> None:
        """Count a piece that was written. Blocking, for microseconds."""
        file.pieces.append(piece)
        self._journal.add(file.key, piece)

    def close(self) -> None:
        """Let go of the journal."""
        self._journal.close()

    def _prepare(self, staged: Iterable[StagedFile]) -> Mapping[Key, Sequence[Piece]]:
        refuse_links(self._path, below=self._layout.models_dir)
        with disk_errors(f"cannot prepare {self._path}"):
            for folder in sorted({self._path, *(file.path.parent for file in staged)}):
                _make_folder(folder, below=self._path)
            return self._journal.read()

    async def _resume(self, file: StagedFile, noted: Iterable[Piece]) -> None:
        """Count the noted pieces that are really there."""
        size = file.file.content.size
        if _has_size(file.path, size):
            for piece in disjoint(noted, size=size):
                if await _crc32c(file.path, piece.start, piece.end) == piece.crc32c:
                    file.pieces.append(piece)

    async def _link(self, file: StagedFile, sources: Iterable[_Published]) -> None:
        """Take an equal file of a published version in the place of a copy; where that does not work it is fetched."""
        size, crc = file.file.content.size, file.file.content.crc32c
        for source in sources:
            is_other = None not in {source.md5, file.file.md5} and source.md5 != file.file.md5
            if not size or is_other or not _has_size(source.path, size):
                continue
            if await _crc32c(source.path, 0, size) != crc:
                log.warning("published file is damaged", path=str(source.path))
                continue
            try:
                file.path.hardlink_to(source.path)
            except OSError as error:  # too many links, another file system, gone, not allowed
                log.debug("cannot link", path=str(source.path), error=str(error))
                continue
            file.pieces, file.is_linked = [Piece(0, size, crc)], True
            return

    def _clear_and_look_around(self, staged: Iterable[StagedFile]) -> Mapping[Content, Sequence[_Published]]:
        """Drop what is of no use in the stage; tell which contents the model's published versions have."""
        for file in staged:
            _drop_useless(file)
        sources: defaultdict[Content, list[_Published]] = defaultdict(list)
        for receipt in _receipts(self._layout, self._model):
            folder = self._layout.version(self._model, receipt.version)
            for record in receipt.files:
                sources[Content(record.size, record.crc32c)].append(_Published(folder / record.name, record.md5))
        return sources

    async def _rewrite_journal(self, staged: Iterable[StagedFile]) -> None:
        notes = [(file.key, piece) for file in staged for piece in file.pieces]
        await in_thread(lambda: self._journal.rewrite([*notes, *self._others]))

    def _admit(self, staged: Iterable[StagedFile], reserve_bytes: int) -> None:
        needed = sum(_bytes_to_allocate(file) for file in staged)
        room.admit(self._layout, needed=needed, reserve_bytes=reserve_bytes)


def _make_folder(folder: Path, *, below: Path) -> None:
    """Make a folder of the stage; a file that is there in its place is of an earlier content."""
    for parent in (*reversed(folder.relative_to(below).parents), folder.relative_to(below)):
        path = below / parent
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            path.unlink()
    folder.mkdir(parents=True, exist_ok=True)


def _receipts(layout: Layout, model: ModelName) -> Iterator[Receipt]:
    """The receipts of a model; that of a version which was removed may be among them."""
    for path in layout.receipt(model, Version(0)).parent.glob("*.json"):
        with contextlib.suppress(BadName):
            if receipt := read_receipt(layout, model, Version.parse(path.stem)):
                yield receipt


def _drop_useless(file: StagedFile) -> None:
    """Drop what holds no piece, or what is shared with another version and is not whole: it must not be written to."""
    with disk_errors(f"cannot clear {file.path}"):
        if not file.pieces or (file.missing and file.path.stat().st_nlink > 1):
            file.pieces = []
            files.remove(file.path)
        elif file.missing:
            file.path.chmod(0o644)  # a publication that was broken off may have closed it


def _bytes_to_allocate(file: StagedFile) -> int:
    if not file.missing:
        return 0
    allocated = file.path.stat().st_blocks * 512 if file.path.exists() else 0
    blocks = -(-file.file.content.size // DISK_BLOCK_BYTES)
    return max(0, blocks * DISK_BLOCK_BYTES - allocated)


def _allocate(staged: Iterable[StagedFile]) -> None:
    for file in staged:
        if file.missing or not file.file.content.size:
            with disk_errors(f"cannot make {file.path}"):
                descriptor = os.open(file.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
                try:
                    if file.file.content.size:
                        os.posix_fallocate(descriptor, 0, file.file.content.size)
                finally:
                    os.close(descriptor)


def _has_size(path: Path, size: int) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size


async def _crc32c(path: Path, start: int, end: int) -> int:
    """Read a part of a file: bounded calls, so that cancelling is quick."""
    crc = 0
    for at in range(start, end, RANGE_BYTES):
        crc = await in_thread(partial(_extend, crc, path, at, min(at + RANGE_BYTES, end)))
    return crc


def _extend(crc: int, path: Path, start: int, end: int) -> int:
    with disk_errors(f"cannot read {path}"), path.open("rb", buffering=0) as file:
        file.seek(start)
        while start < end and (block := file.read(min(READ_BYTES, end - start))):
            crc = crc32c.extend(crc, block)
            start += len(block)
    return crc
