"""Full and read-only disks, as real file systems in a mount namespace of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNSHARE = ("unshare", "--map-root-user", "--mount")
FILL = '{mount} && exec "{python}" -m tests.support.puller_child fill "{folder}" {files}'


def may_mount() -> bool:
    """Whether this machine lets us mount in a namespace."""
    try:
        return (
            subprocess.run(
                [*UNSHARE, "mount", "-t", "tmpfs", "none", "/mnt"], check=False, capture_output=True
            ).returncode
            == 0
        )
    except OSError:
        return False


@pytest.mark.skipif(not may_mount(), reason="needs user namespaces, to mount a small disk")
@pytest.mark.parametrize(
    ("mount", "files", "first", "second"),
    [
        ("mount -t tmpfs -o size=1m none {folder}", 1000, "NoRoom {folder} has ", "staged"),
        ("mount -t tmpfs -o size=100m,nr_inodes=40 none {folder}", 60, "NoSpaceLeft cannot make ", "staged"),
        (
            "mount -t tmpfs -o size=100m none {folder} && mount -o remount,ro {folder}",
            1,
            "Transient cannot prepare ",
            "Transient cannot prepare ",
        ),
    ],
    ids=["too small", "full on the way", "read-only"],
)
def test_trouble_with_the_disk_is_told_and_keeps_no_other_version_out(
    tmp_path: Path, mount: str, files: int, first: str, second: str
) -> None:
    """The first version does not fit; it says why and makes room for the second, which does."""
    script = FILL.format(mount=mount.format(folder=tmp_path), python=sys.executable, folder=tmp_path, files=files)
    ended = subprocess.run([*UNSHARE, "sh", "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)
    lines = ended.stdout.splitlines()
    assert lines[0].startswith(first.format(folder=tmp_path))
    assert lines[1].startswith(second)
