"""Cleans up behind a supervisor that can no longer do it itself.

A process killed with SIGKILL cannot stop its children. So the supervisor starts this script first and holds the only
writing end of a pipe to it. Lines name the process groups that live (`+123`) and those that are gone (`-123`). When
the pipe ends, orderly or because the supervisor was killed, every group left is killed and the folder removed.

It is run as a file by a bare interpreter (`python -I -S`), so it imports nothing of the project.
"""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

# A killed process may still write for a moment; the folder is removed again until it stays away.
REMOVE_TRIES = 100
REMOVE_WAIT_SECONDS = 0.05


def main(lines: Iterable[str], folder: Path | None) -> int:
    """Follow the groups until the pipe ends, then leave nothing of them behind."""
    for number in left(lines):
        kill(number)
    return 0 if folder is None or remove(folder) else 1


def left(lines: Iterable[str]) -> set[int]:
    """The groups that were named and never taken back."""
    groups: set[int] = set()
    for line in lines:
        sign, number = line[0], int(line[1:])
        if sign == "+":
            groups.add(number)
        else:
            groups.discard(number)
    return groups


def kill(group: int) -> None:
    """Kill a process group; one that is gone is what we want."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        return


def remove(folder: Path) -> bool:
    """Remove the folder and say whether it is gone."""
    for _ in range(REMOVE_TRIES):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return True
        time.sleep(REMOVE_WAIT_SECONDS)
    return False


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(main(sys.stdin, Path(sys.argv[1]) if len(sys.argv) > 1 else None))
