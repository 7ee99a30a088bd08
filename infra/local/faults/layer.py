"""A layer between a service and its operating system that fails as it is told to. For rehearsals only.

Python tells its audit hooks of each change of the file system before it is made, and a hook may refuse it: that is
the seam for names (open, rename, remove, …). Four calls are not audited and are wrapped: `os.pwrite`, `os.fsync`,
`os.posix_fallocate` and `os.sendfile`, by which a puller gives bytes to its neighbours. So the services need no code
for it, and a process that did not install it cannot have it.
"""

import errno
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final

from infra.local.faults.points import what
from infra.local.faults.trouble import NONE, Source, Trouble

WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
SMALL_BYTES: Final = 4096  # what a small file is counted as
LIE_BYTES: Final = 64 * 1024  # sent at a time where they are wrong; the first of them is
SEND: Final = "send unit"  # to a neighbour, from the stage or a published version
LIE: Final = "send lie"
# Event -> what is done, and which arguments are the path and, if there is one, the folder it starts from.
EVENTS: Final = {
    "os.rename": ("rename", 1, 3),
    "os.mkdir": ("mkdir", 0, 2),
    "os.remove": ("remove", 0, 1),
    "os.rmdir": ("rmdir", 0, 1),
    "os.link": ("link", 1, 3),
    "os.symlink": ("symlink", 1, 2),
    "os.chmod": ("chmod", 0, None),
}


class Layer:
    """The failing layer of this process, over one models folder."""

    def __init__(self, models: Path, source: Source, *, record: Callable[[str], None]) -> None:
        self._models = models
        self._source = source
        self._record = record
        self._lock = threading.Lock()
        self._reached: Counter[str] = Counter()
        self._written = 0

    def install(self) -> None:
        """Stand between the process and its disk, for good."""
        sys.addaudithook(self._hear)
        pwrite, fsync, allocate, sendfile = os.pwrite, os.fsync, os.posix_fallocate, os.sendfile

        def write(descriptor: int, data: memoryview, offset: int) -> int:
            self._step("write", _path_of(descriptor))
            return pwrite(descriptor, data[: self._take(len(data), _path_of(descriptor))], offset)

        def sync(descriptor: int) -> None:
            trouble = self._step("sync", _path_of(descriptor))
            time.sleep(trouble.sync_seconds)
            fsync(descriptor)

        def reserve(descriptor: int, offset: int, length: int) -> None:
            trouble = self._step("allocate", _path_of(descriptor))
            if trouble.free_bytes is not None and not trouble.is_lazy and self._written + length > trouble.free_bytes:
                raise _error(errno.ENOSPC)
            allocate(descriptor, offset, length)

        def send(taker: int, descriptor: int, offset: int, count: int) -> int:
            trouble = self._give(_path_of(descriptor))
            time.sleep(trouble.send_seconds)
            return (
                _lie(taker, descriptor, offset, count) if trouble.lies else sendfile(taker, descriptor, offset, count)
            )

        os.pwrite, os.fsync, os.posix_fallocate = write, sync, reserve  # type: ignore[assignment]
        os.sendfile = send  # type: ignore[assignment]

    def clock(self, zone: tzinfo | None = None) -> datetime:
        """Tell the time, as far off as is asked for."""
        return datetime.now(zone) + timedelta(seconds=self._source.look().clock_seconds)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & WRITES and isinstance(path, str | os.PathLike):
                self._small(self._step("open", Path(path)), Path(path))
        elif event in EVENTS:
            done, where, folder = EVENTS[event]
            self._step(done, _path(arguments[where], arguments[folder] if folder is not None else -1))

    def _step(self, done: str, path: Path) -> Trouble:
        """Reach a step: die there, or refuse it, if that is asked for."""
        kind = what(path, self._models)
        trouble = self._source.look()
        if not kind:
            return trouble
        self._reach(f"{done} {kind}", trouble)
        if trouble.is_read_only:
            raise _error(errno.EROFS)
        return trouble

    def _give(self, path: Path) -> Trouble:
        """Reach the step at which bytes go to a neighbour; a read-only disk can be read."""
        trouble = self._source.look()
        if not what(path, self._models):
            return NONE
        self._reach(SEND, trouble)
        if trouble.lies:
            self._record(LIE)
        return trouble

    def _reach(self, name: str, trouble: Trouble) -> None:
        with self._lock:
            if self._source.is_new:
                self._reached.clear()
                self._written = 0
            self._reached[name] += 1
            nth = self._reached[name]
        self._record(name)
        if trouble.kill_at == name and nth >= trouble.kill_nth:
            os.kill(os.getpid(), signal.SIGKILL)

    def _small(self, trouble: Trouble, path: Path) -> None:
        """A small file is written whole by calls that cannot be heard: it is counted when it is opened."""
        if what(path, self._models) not in {"", "stage"} and trouble.free_bytes is not None:
            self._take(SMALL_BYTES, path)

    def _take(self, count: int, path: Path) -> int:
        """Take disk space for some bytes; as many as there is room for. Refuses when there is none."""
        free = self._source.trouble.free_bytes
        if free is None or not what(path, self._models):
            return count
        with self._lock:
            fits = min(count, free - self._written)
            if fits <= 0:
                raise _error(errno.ENOSPC)
            self._written += fits
        return fits


def _lie(taker: int, descriptor: int, offset: int, count: int) -> int:
    """Send bytes of a file, and not as they are."""
    data = bytearray(os.pread(descriptor, min(count, LIE_BYTES), offset))
    data[0] ^= 1
    return os.write(taker, data)


def _path(name: object, folder: object) -> Path:
    if isinstance(name, int):
        return _path_of(name)
    text = os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""
    if isinstance(folder, int) and folder >= 0:
        return _path_of(folder) / text
    return Path(text)


def _path_of(descriptor: int) -> Path:
    try:
        return Path(os.readlink(f"/proc/self/fd/{descriptor}"))  # noqa: PTH115 - a name, perhaps of nothing
    except OSError:
        return Path()


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
