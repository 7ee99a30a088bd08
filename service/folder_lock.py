"""The lock on a models folder: one node's services over it, and of each service one.

Two nodes over one folder (a network file system, a volume mounted twice) would delete each other's versions under a
TensorFlow Serving that serves them. Each service keeps `.model-manager/lock.<service>`: locked by `flock`, which the
kernel gives up with the process; holding the words about who has it; its time renewed every few seconds. On one machine
`flock` decides alone. On another one, where a network file system may carry no locks, the renewed time does.
"""

import asyncio
import contextlib
import fcntl
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from events.names import NodeName
from events.status import Presence
from service import logs
from service.errors import BadSettings, Transient
from service.files import disk_errors, refuse_links
from service.layout import Layout

log = logs.get("service.folder_lock")

RENEW_SECONDS = 10.0
STALE_SECONDS = 45.0  # four renewals missed, of a holder on another machine
GUARD_TRIES, GUARD_PAUSE_SECONDS = 50, 0.1  # for the moment in which two services of a node start together
MAX_BYTES = 4096
SERVICES = ("configurator", "puller")
BOOT = Path("/proc/sys/kernel/random/boot_id")


class Holder(BaseModel):
    """Who holds a lock."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    node: NodeName
    service: str
    host: str
    machine: str  # one kernel's one life: containers of a machine share it, and its locks
    instance: str  # one start of the service
    started: AwareDatetime

    @classmethod
    def of(cls, sign: Presence) -> Self:
        """Tell who the service is that gives these signs of life."""
        return cls.model_validate({**sign.model_dump(), "machine": machine()})

    @property
    def words(self) -> str:
        """Name the holder."""
        return (
            f"the {self.service} of node {self.node} on host {self.host}, started {self.started:%Y-%m-%d %H:%M:%S} UTC"
        )


class FolderInUse(BadSettings):
    """Another service holds the models folder."""


def machine() -> str:
    """Tell which machine this is, since its last start."""
    try:
        return BOOT.read_text().strip()
    except OSError:
        return socket.gethostname()


class FolderLock:
    """One service's lock on its models folder."""

    def __init__(self, layout: Layout, holder: Holder, *, stale_seconds: float = STALE_SECONDS) -> None:
        """Keep what was given; nothing is locked yet."""
        self._layout = layout
        self._holder = holder
        self._stale_seconds = stale_seconds
        self._descriptor: int | None = None

    def take(self) -> None:
        """Lock the folder; `FolderInUse` names who holds it, `Transient` says why it cannot be locked."""
        with disk_errors(f"cannot lock {self._layout.models_dir}"):
            refuse_links(self._layout.own, below=self._layout.models_dir)
            self._layout.own.mkdir(parents=True, exist_ok=True)
            with _guard(self._layout.lock("guard")):
                self._descriptor = self._claim()

    def renew(self) -> None:
        """Show that the service is still there; take the lock anew where it was not held or its file is gone.

        `FolderInUse` where another took it meanwhile, since this service hung for so long, or where another node came
        in at the same moment, which a network file system without locks cannot prevent.
        """
        path = self._layout.lock(self._holder.service)
        if self._descriptor is None or not _is_same(path, self._descriptor):
            self.release()
            self.take()
            return
        with disk_errors(f"cannot renew the lock on {self._layout.models_dir}"):
            found = _read(self._descriptor)
            if found and found.instance != self._holder.instance:
                raise FolderInUse(f"{self._layout.models_dir} was taken over by {found.words}; this service ends")
            self._look_at_others()
            os.utime(self._descriptor)

    def release(self) -> None:
        """Give the lock up at once."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            if (found := _read(self._descriptor)) and found.instance == self._holder.instance:
                os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)
        self._descriptor = None

    def _claim(self) -> int:
        descriptor = _open(self._layout.lock(self._holder.service))
        try:
            self._look_at(descriptor)
            self._look_at_others()
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, self._holder.model_dump_json().encode(), 0)
            os.fsync(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _look_at(self, descriptor: int) -> None:
        """Lock this service's own file; one that is held or fresh is another start of it, or another node's."""
        is_locked = _lock(descriptor, fcntl.LOCK_EX)
        found = _read(descriptor)
        if not is_locked or (found and self._is_alive(found, descriptor)):
            raise self._in_use(found)
        if found:
            log.warning("models folder taken over from one that is gone", holder=found.words)

    def _look_at_others(self) -> None:
        for service in SERVICES:
            if service != self._holder.service:
                self._look_at_other(self._layout.lock(service))

    def _look_at_other(self, path: Path) -> None:
        """Refuse where another service's file is held by another node. The own node's other service belongs here."""
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            found = _read(file.fileno())
            if found is None or found.node == self._holder.node:
                return
            if not _lock(file.fileno(), fcntl.LOCK_SH) or self._is_alive(found, file.fileno()):
                raise self._in_use(found)

    def _is_alive(self, found: Holder, descriptor: int) -> bool:
        """Tell whether a holder may live whose lock is free here: only on another machine, and when renewed of late."""
        if found.machine == self._holder.machine:
            return False
        return self._now() - os.fstat(descriptor).st_mtime < self._stale_seconds

    def _now(self) -> float:
        """Tell the file system's own time: another machine's clock may differ."""
        try:
            with tempfile.TemporaryFile(dir=self._layout.own) as probe:
                return os.fstat(probe.fileno()).st_mtime
        except OSError:
            return time.time()

    def _in_use(self, found: Holder | None) -> FolderInUse:
        who = found.words if found else "a service that has not said its name yet"
        what = (
            f"a node has one {self._holder.service}"
            if found and found.node == self._holder.node and found.service == self._holder.service
            else "two nodes over one folder delete each other's versions"
        )
        return FolderInUse(
            f"{self._layout.models_dir} (MM_MODELS_DIR) is in use by {who}: {what}. Stop that one, or give this"
            f" {self._holder.service} of node {self._holder.node} a folder of its own. After a crash on another machine"
            f" the lock is free {self._stale_seconds:.0f} s later"
        )


@contextlib.contextmanager
def _guard(path: Path) -> Iterator[None]:
    """Have one service at a time look at the locks; one that hangs meanwhile stops nobody for good."""
    descriptor = _open(path)
    try:
        for _ in range(GUARD_TRIES):
            if _lock(descriptor, fcntl.LOCK_EX):
                break
            time.sleep(GUARD_PAUSE_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)


def _lock(descriptor: int, kind: int) -> bool:
    """Lock a file, and tell whether that was possible. A file system without locks counts as free."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        log.warning("the file system of the models folder has no locks; only the renewed time tells", reason=str(error))
    return True


def _is_same(path: Path, descriptor: int) -> bool:
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return False
    mine = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)


def _read(descriptor: int) -> Holder | None:
    """Read who holds a lock; None where nobody says so."""
    try:
        return Holder.model_validate_json(os.pread(descriptor, MAX_BYTES, 0))
    except ValidationError:
        return None


def hold(lock: FolderLock) -> None:
    """Lock a folder at the start; a folder that cannot be locked is no reason not to serve, and is said."""
    try:
        lock.take()
    except Transient as error:
        log.warning("models folder not locked; another node over it would not be noticed", reason=str(error))


async def keep(lock: FolderLock) -> None:
    """Renew a lock until cancelled; `FolderInUse` where another has the folder."""
    told = ""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        try:
            await asyncio.to_thread(lock.renew)
        except Transient as error:
            if str(error) != told:
                log.warning("lock on the models folder not renewed", reason=str(error))
            told = str(error)
