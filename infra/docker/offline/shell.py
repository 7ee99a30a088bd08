"""Runs programs for the other files, and says what went wrong when one fails."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LAST_LINES = 30


class Failed(Exception):
    """A step could not be done; the text is for the person who started it."""


def say(text: str) -> None:
    """Tell the person what goes on."""
    sys.stdout.write(f"offline: {text}\n")
    sys.stdout.flush()


def run(
    command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> str:
    """Run a program and return its output; `Failed` shows the end of what it said."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        env={**os.environ, **(environment or {})},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-LAST_LINES:])
        raise Failed(f"`{' '.join(words[:6])}` ended with {done.returncode}:\n{tail}")
    return done.stdout


def answers(command: Sequence[str], *, seconds: float = 10.0) -> bool:
    """Whether a program is there and ends well within the time."""
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


_is_updated = False


def install(*packages: str) -> None:
    """Install Debian packages."""
    update()
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], environment=QUIET)


def update() -> None:
    """Read Debian's package lists, once."""
    global _is_updated  # noqa: PLW0603 - the lists are the machine's, one set for the whole program
    if not _is_updated:
        run(["apt-get", "update", "-qq"], environment=QUIET)
        _is_updated = True


QUIET = {"DEBIAN_FRONTEND": "noninteractive"}
