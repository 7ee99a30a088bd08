"""What can stand on a disk where a folder or file of one model belongs, as backups, mounts and people leave it."""

import contextlib
import ctypes
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from events.names import ModelName, Version
from service.layout import Layout

BAD = ModelName("bad")
TOO_LONG = "x" * 300  # more than a name may have: to follow a link to it is an error of its own kind
CAPABILITIES = 0x2008_0522  # version 3 of the call
MAY_READ_ALL = 0b111 << 1  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER

Make = Callable[[Path], None]


@contextlib.contextmanager
def as_anybody() -> Iterator[None]:
    """Have modes of files count for root, too: in this thread, and in those that it begins."""
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(CAPABILITIES, 0)
    before = (ctypes.c_uint32 * 6)()
    assert libc.capget(head, before) == 0
    without = (ctypes.c_uint32 * 6)(before[0] & ~MAY_READ_ALL, *before[1:])
    assert libc.capset(head, without) == 0
    try:
        yield
    finally:
        assert libc.capset(head, before) == 0


def out_of_the_way(path: Path) -> None:
    """Put aside what stands there, for good."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(path):
        path.rename(path.with_name(f"aside of {path.name}"))


def mend(path: Path) -> None:
    """Put back what was there, with its rights."""
    aside = path.with_name(f"aside of {path.name}")
    if aside.exists():
        path.unlink()
        aside.rename(path)
    path.chmod(0o755)


def a_file(path: Path) -> None:
    """Put a file there."""
    out_of_the_way(path)
    path.write_bytes(b"not a folder")


def a_folder(path: Path) -> None:
    """Put a folder there, with something in it."""
    out_of_the_way(path)
    path.mkdir()
    (path / "inside").write_bytes(b"")


def a_dangling_link(path: Path) -> None:
    """Put a link there that leads nowhere."""
    out_of_the_way(path)
    path.symlink_to("nowhere")


def a_link_to_itself(path: Path) -> None:
    """Put a link there that never ends."""
    out_of_the_way(path)
    path.symlink_to(path.name)


def a_link_to_no_name(path: Path) -> None:
    """Put a link there that not even the kernel can follow."""
    out_of_the_way(path)
    path.symlink_to(TOO_LONG)


def a_pipe(path: Path) -> None:
    """Put a pipe there, of which nobody writes the other end."""
    out_of_the_way(path)
    os.mkfifo(path)


def unreadable(path: Path) -> None:
    """Take all rights on what is there."""
    _make(path)
    path.chmod(0)


def read_only(path: Path) -> None:
    """Let nothing be written or removed in what is there."""
    _make(path)
    path.chmod(0o555)


def no_utf8(path: Path) -> None:
    """Put something with a name that is no text beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Path(os.fsdecode(os.fsencode(path.parent) + b"/\xff\xfe")).mkdir()


def _make(path: Path) -> None:
    """Make a folder with something in it, where nothing is."""
    if not path.exists():
        path.mkdir(parents=True)
        (path / "inside").touch()


MAKES: dict[str, Make] = {
    make.__name__: make
    for make in (
        a_file,
        a_folder,
        a_dangling_link,
        a_link_to_itself,
        a_link_to_no_name,
        a_pipe,
        unreadable,
        read_only,
        no_utf8,
    )
}


def places(layout: Layout) -> dict[str, Path]:
    """Where something of one model belongs, by a word for it."""
    own, one = layout.own, Version(1)
    return {
        "model": layout.model(BAD),
        "version": layout.version(BAD, one),
        "stages": layout.stage(BAD, one).parent,
        "stage": layout.stage(BAD, Version(9)),
        "receipts": layout.receipt(BAD, one).parent,
        "receipt": layout.receipt(BAD, one),
        "records": layout.quarantine(BAD, one).parent,
        "record": layout.quarantine(BAD, one),
        "trash": layout.trash / "bad.1.x",
        "stand-in": own / "held" / BAD,
    }


PLACES = tuple(places(Layout(Path())))
