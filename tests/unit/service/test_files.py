"""Atomic files: the old or the new, never a half."""

import errno
from pathlib import Path

import pytest

from service import files
from service.errors import NoSpaceLeft, Transient


def test_write_makes_folders_and_content(tmp_path: Path) -> None:
    """The first write needs no preparation."""
    target = tmp_path / "a" / "b" / "file"
    assert files.write(target, b"one")
    assert target.read_bytes() == b"one"


def test_equal_content_is_not_written_again(tmp_path: Path) -> None:
    """A write that changes nothing touches nothing and says so."""
    target = tmp_path / "file"
    files.write(target, b"one")
    before = target.stat()
    assert not files.write(target, b"one")
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_failed_write_keeps_the_old_and_leaves_no_litter(tmp_path: Path) -> None:
    """Where the rename cannot happen, the target and its folder are as before."""
    target = tmp_path / "file"
    target.mkdir()
    with pytest.raises(Transient, match="cannot write"):
        files.write(target, b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, NoSpaceLeft), (errno.EDQUOT, NoSpaceLeft), (errno.EROFS, Transient)]
)
def test_full_disk_is_told_from_other_trouble(number: int, kind: type[Transient]) -> None:
    """A full disk and a full quota are one kind of trouble, all else another."""
    with pytest.raises(Transient) as caught, files.disk_errors("cannot write x"):
        raise OSError(number, "trouble")
    assert type(caught.value) is kind
    assert "cannot write x" in str(caught.value)
