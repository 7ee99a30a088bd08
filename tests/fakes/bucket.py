"""A bucket in memory, with faults to order. It passes the contract tests of the real ones (tests/contract/puller).

It is both things the puller asks of a bucket: lists (`catalog`, `listing`, `read`) and an engine (`stream`).
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from events.manifest import Content
from events.names import MANIFEST_NAME, BadName, FileName, Ignored, ModelName, Version, locate, version_in
from puller.bucket.objects import NO_MODEL, NO_VERSION, Catalog, Listing, RemoteFile, ambiguous
from puller.bucket.passed_over import PassedOver
from puller.disk import crc32c
from puller.download.engine import Interrupted, Replaced, Write
from service.errors import Invalid, Transient

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request gets: the right bytes unless a fault says otherwise."""

    data: bytes
    error: Exception | None = None  # raised after the data
    hangs: bool = False  # no end and no more bytes after the data


Fault = Callable[[Answer], Answer]


def refuse(error: Exception) -> Fault:
    """No byte comes."""
    return lambda _: Answer(b"", error)


def break_off(after: int) -> Fault:
    """The connection is reset after some bytes."""
    return lambda answer: Answer(answer.data[:after], Interrupted("reset by peer"))


def end_early(after: int) -> Fault:
    """The answer ends as if it were whole."""
    return lambda answer: Answer(answer.data[:after])


def hang(after: int) -> Fault:
    """The connection stays open and silent after some bytes."""
    return lambda answer: Answer(answer.data[:after], hangs=True)


def go_on(extra: bytes = b"x") -> Fault:
    """More bytes come than were asked for."""
    return lambda answer: Answer(answer.data + extra)


def flip(at: int) -> Fault:
    """One byte is another."""
    return lambda answer: Answer(answer.data[:at] + bytes([answer.data[at] ^ 1]) + answer.data[at + 1 :])


@dataclass(frozen=True, slots=True)
class _Object:
    data: bytes
    generation: int
    updated: datetime
    md5: str | None


class FakeBucket:
    """Objects by name. `faults` are taken by requests in order; `requests` are the ranges that were asked for."""

    def __init__(self, *, prefix: str = "", page: int = 1000) -> None:
        self.page = page  # objects in one list operation
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, int, int]] = []
        self.running = 0
        self.most_running = 0
        self.is_away = False
        self.piece_bytes = 1000
        self.sent = 0
        self.pause_after: int | None = None  # so many bytes it sends nothing, until `flows` is set
        self.flows = asyncio.Event()
        self.flows.set()
        self.hanging = asyncio.Event()  # set once a request hangs
        self._prefix = prefix
        self._objects: dict[str, _Object] = {}
        self._generation = 1000

    def write(self, name: str, data: bytes, *, updated: datetime = EPOCH, is_composite: bool = False) -> int:
        """Write an object and return its generation."""
        self._generation += 1
        md5 = None if is_composite else base64.b64encode(hashlib.md5(data).digest()).decode()  # noqa: S324
        self._objects[name] = _Object(data, self._generation, updated, md5)
        return self._generation

    def delete(self, name: str) -> None:
        """Delete an object."""
        del self._objects[name]

    async def catalog(self) -> Catalog:
        self._check()
        ignored = PassedOver()
        models: dict[ModelName, set[Version]] = {}
        for model, below in self._folders(self._prefix, ignored).items():
            try:
                parsed = ModelName.parse(model)
            except BadName:
                ignored.add(NO_MODEL, below)
                continue
            for folder, path in self._folders(below, ignored).items():
                if (version := version_in(folder)) is None:
                    ignored.add(NO_VERSION, path)
                else:
                    models.setdefault(parsed, set()).add(version)
        return Catalog({model: frozenset(versions) for model, versions in models.items()}, ignored)

    async def listing(self, model: ModelName, version: Version) -> Listing:
        self._check()
        found = self._folders(f"{self._prefix}{model}/", PassedOver())
        folders = {folder: path for folder, path in found.items() if version_in(folder) == version}
        if len(folders) > 1:
            return ambiguous(model, version, folders=folders)
        ignored = PassedOver()
        files: dict[FileName, RemoteFile] = {}
        for name, one in self._objects.items():
            if not any(name.startswith(path) for path in folders.values()):
                continue
            place = locate(name, self._prefix)
            if isinstance(place, Ignored):
                ignored.add(place.reason, name)
                continue
            content = Content(len(one.data), crc32c.extend(0, one.data))
            files[place.file] = RemoteFile(place.file, name, content, one.generation, one.md5, one.updated)
        manifest = files.pop(FileName(MANIFEST_NAME), None)
        return Listing(tuple(files[name] for name in sorted(files)), manifest, ignored)

    async def all_listings(self, model: ModelName, *, most_lists: int) -> dict[Version, Listing] | None:
        self._check()
        below = f"{self._prefix}{model}/"
        if sum(name.startswith(below) for name in self._objects) > most_lists * self.page:
            return None
        versions = (await FakeBucket.catalog(self)).models.get(model, frozenset())
        return {version: await FakeBucket.listing(self, model, version) for version in versions}

    async def read(self, file: RemoteFile, *, max_bytes: int) -> bytes:
        self._check()
        if file.content.size > max_bytes:
            raise Invalid(f"{file.object_name} has more than {max_bytes} bytes")
        return self._at(file).data

    async def stream(self, file: RemoteFile, *, start: int, end: int, write: Write) -> AsyncGenerator[int, None]:
        self.requests.append((file.name, start, end))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            answer = Answer(self._at(file).data[start:end])
            answer = self.faults.pop(0)(answer) if self.faults else answer
            for at in range(0, len(answer.data), self.piece_bytes):
                await self._flow()
                piece = memoryview(answer.data)[at : at + self.piece_bytes]
                write(piece)
                self.sent += len(piece)
                yield len(piece)
            if answer.hangs:
                self.hanging.set()
                await asyncio.get_running_loop().create_future()
            if answer.error:
                raise answer.error
        finally:
            self.running -= 1

    def touch(self, name: str, updated: datetime) -> None:
        """Set when an object changed last."""
        self._objects[name] = replace(self._objects[name], updated=updated)

    async def _flow(self) -> None:
        if self.pause_after is not None and self.sent >= self.pause_after:
            self.pause_after = None
            self.flows.clear()
        await asyncio.sleep(0)
        await self.flows.wait()

    def _check(self) -> None:
        if self.is_away:
            raise Transient("the bucket does not answer")

    def _at(self, file: RemoteFile) -> _Object:
        found = self._objects.get(file.object_name)
        if found is None or found.generation != file.generation:
            raise Replaced(file)
        return found

    def _folders(self, prefix: str, ignored: PassedOver) -> dict[str, str]:
        """Folders directly below a prefix, and their own prefixes; objects there are counted."""
        folders = {}
        for name in self._objects:
            if not name.startswith(prefix):
                continue
            folder, slash, _ = name[len(prefix) :].partition("/")
            if slash:
                folders[folder] = f"{prefix}{folder}/"
            elif isinstance(place := locate(name, self._prefix), Ignored):
                ignored.add(place.reason, name)
        return folders
