"""Writing to disk so that a crash at any moment leaves the old or the new, never a half."""

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from uuid import uuid4

from service.errors import NoSpaceLeft, Transient


def write(path: Path, content: bytes) -> bool:
    """Replace a file's content atomically and durably; tell whether anything changed.

    Raises `Transient` (`NoSpaceLeft` where that is the reason), and then the old content is still there.
    """
    with disk_errors(f"cannot write {path}"):
        if _read(path) == content:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid4().hex}.new")
        try:
            _write_synced(temporary, content)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
        return True


def read(path: Path, *, most_bytes: int = -1) -> bytes:
    """Read a file, or so many bytes of it; a pipe in its place is empty, and holds nobody up. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most_bytes) or b""


def remove(path: Path) -> None:
    """Remove a file, link or folder, if it is there. Raises `OSError`."""
    try:
        is_directory = stat.S_ISDIR(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if is_directory:
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_folder(path: Path) -> bool:
    """Tell whether a folder is there, as far as anybody can see: what cannot be looked at is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_empty(folder: Path) -> bool:
    """Tell whether nothing is in a folder; of one that cannot be looked into nobody knows."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def refuse_links(*folders: Path, below: Path) -> None:
    """Raise `Transient` where one of the folders, or one above it down from `below`, is a symbolic link.

    What is written or deleted through it would be somewhere else than where its path says.
    """
    for folder in folders:
        for path in takewhile(lambda path: path != below, (folder, *folder.parents)):
            _refuse_link(path)


def _refuse_link(path: Path) -> None:
    with disk_errors(f"cannot look at {path}"):
        is_link = path.is_symlink()
    if is_link:
        words = "nothing is written or deleted through it; find out who made it, and remove it"
        raise Transient(f"{path} is a symbolic link, where only folders belong: {words}")


@contextlib.contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn the operating system's errors into ours, with what was being done."""
    try:
        yield
    except OSError as error:
        kind = NoSpaceLeft if error.errno in {errno.ENOSPC, errno.EDQUOT} else Transient
        raise kind(f"{what}: {error.strerror or error}") from error


def _read(path: Path) -> bytes | None:
    try:
        return read(path)
    except FileNotFoundError:
        return None


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
