"""Starts children, waits for them, and leaves nothing behind: no process, no file, no port.

Use it as a context manager. Children stop in the reverse order of their start. A guard process (guard.py) does the
same in one stroke when this process is killed.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from infra.local.child import Child, Command
from infra.local.ports import Ports

Progress = Callable[[str, str], None]
GUARD = Path(__file__).with_name("guard.py")
GUARD_SECONDS = 30.0


def silent(name: str, words: str) -> None:
    """Tell nobody."""


class Guard:
    """The pipe to the process that cleans up if we cannot."""

    def __init__(self, folder: Path | None) -> None:
        reader, writer = os.pipe()
        with os.fdopen(reader):
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), *([str(folder)] if folder else [])],
                stdin=reader,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._pipe = os.fdopen(writer, "wb", buffering=0)

    def add(self, group: int) -> None:
        """This process group lives; kill it if we end without taking it back."""
        self._pipe.write(f"+{group}\n".encode())

    def discard(self, group: int) -> None:
        """This process group is gone."""
        with contextlib.suppress(BrokenPipeError):  # the rest must be stopped all the same; `close` tells
            self._pipe.write(f"-{group}\n".encode())

    def close(self) -> bool:
        """End the guard, which removes the folder; return whether it could."""
        self._pipe.close()
        return self._process.wait(GUARD_SECONDS) == 0


class Supervisor:
    """The children of one embedded stack, their folder, logs and ports.

    With a `folder` of the caller's everything written stays there; without one it is temporary, and goes with us.
    """

    def __init__(self, folder: Path | None = None, *, progress: Progress = silent) -> None:
        self._given = folder
        self._progress = progress
        self._children: list[Child] = []
        self.ports = Ports()
        self.folder = Path()

    def __enter__(self) -> Self:
        self.folder = self._given.absolute() if self._given else Path(tempfile.mkdtemp(prefix="model-manager-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._guard = Guard(None if self._given else self.folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for child in reversed(self._children.copy()):
                self.stop(child)
        finally:
            self.ports.close()
            if not self._guard.close():
                self._progress("supervisor", f"could not remove {self.folder}; please remove it by hand")

    def start(self, command: Command) -> Child:
        """Start a command and wait until it answers."""
        child = self.launch(command)
        self.wait_ready(child)
        return child

    def launch(self, command: Command) -> Child:
        """Start a command without waiting for it."""
        child = self._new(command)
        child.launch()
        self._progress(child.name, "starting")
        return child

    def wait_ready(self, *children: Child) -> None:
        """Wait until all of the children answer."""
        for child in children:
            child.wait_ready()
            self._progress(child.name, "ready")

    def stop(self, child: Child) -> None:
        """Stop a child and forget it."""
        self._progress(child.name, "stopping")
        child.stop()
        self._children.remove(child)

    def fallen(self) -> list[Child]:
        """The children that ended by themselves."""
        return [child for child in self._children if child.exit_code is not None]

    def keep_folder(self, name: str) -> Path:
        """The folder of this name: empty at first, and found again by the next supervisor of the same folder."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def new_folder(self, name: str) -> Path:
        """A new empty folder whose name starts with `name`."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def _new(self, command: Command) -> Child:
        logs = self.keep_folder("logs")
        taken = len(list(logs.glob(f"{command.name}*.log")))
        log = logs / (f"{command.name}-{taken + 1}.log" if taken else f"{command.name}.log")
        child = Child(command, log=log, watch=self._guard)
        self._children.append(child)
        return child
