"""One supervised process: its own group, its own log file, ready by a condition, stopped politely and then for good.

The command is held back by a shell until the guard knows its process group, and only then takes the shell's place
(same process id). If the supervisor dies in between, the shell sees the pipe end and leaves: no moment exists in which
a child could outlive both.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from infra.local.ready import Condition

ROOT = Path(__file__).resolve().parents[2]
HOLD = 'read -r go && exec "$@" </dev/null'
CHECK_SECONDS = 0.02
TAIL_LINES = 20
# What the person's own shell may set must not steer the embedded stack.
FOREIGN = ("MM_", "STORAGE_EMULATOR_HOST", "PUBSUB_", "GOOGLE_", "CLOUDSDK_", "PYTEST_", "PYTHONPATH")


class ChildError(Exception):
    """A child did not start, or died before it was ready."""


class Watch(Protocol):
    """Who must know which process groups live."""

    def add(self, group: int) -> None: ...

    def discard(self, group: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Command:
    """How to start one part and how to know that it is up."""

    name: str
    argv: tuple[str, ...]
    ready: Condition
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_seconds: float = 30.0
    stop_seconds: float = 10.0


class Child:
    """A process that runs one command, again and again if asked."""

    def __init__(self, command: Command, *, log: Path, watch: Watch) -> None:
        self.command = command
        self.log = log
        self._watch = watch
        self._process: subprocess.Popen[bytes] | None = None
        self._has_group = False

    @property
    def name(self) -> str:
        return self.command.name

    @property
    def pid(self) -> int:
        """The process id of the latest start."""
        return self._started().pid

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._started().poll()

    def launch(self) -> None:
        """Start the command without waiting for it."""
        held, release = os.pipe()
        with self.log.open("ab") as log, os.fdopen(held), os.fdopen(release, "wb", buffering=0) as go:
            process = subprocess.Popen(
                ["/bin/sh", "-c", HOLD, self.name, *self.command.argv],
                stdin=held,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=environment(self.command.environment, inherited=os.environ),
                start_new_session=True,
            )
            self._process, self._has_group = process, True
            self._watch.add(process.pid)
            go.write(b"\n")

    def wait_ready(self) -> None:
        """Return when the command answers; raise when it dies first or takes too long."""
        deadline = time.monotonic() + self.command.ready_seconds
        while not self.command.ready():
            if self.exit_code is not None:
                raise ChildError(
                    f"{self.name} ended with {exit_words(self.exit_code)} before it was ready.{self._why()}"
                )
            if time.monotonic() > deadline:
                raise ChildError(f"{self.name} did not answer within {self.command.ready_seconds:g} s.{self._why()}")
            time.sleep(CHECK_SECONDS)

    def start(self) -> None:
        """Start the command and wait until it answers."""
        self.launch()
        self.wait_ready()

    def stop(self) -> None:
        """Ask it to end, then make it end; nothing of its group is left afterwards."""
        if not self._has_group:
            return
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._started().wait(self.command.stop_seconds)
        self.kill()

    def kill(self) -> None:
        """End the whole group at once, as a crash would."""
        self.signal(signal.SIGKILL)
        self._started().wait()
        self._watch.discard(self.pid)
        self._has_group = False

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing answers."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on."""
        self.signal(signal.SIGCONT)

    def restart(self) -> None:
        """Stop it if it runs, and start it again on the same ports."""
        self.stop()
        self.start()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the whole group; a group that is gone needs none, and its number may be another's."""
        if not self._has_group:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def tail(self, lines: int = TAIL_LINES) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _why(self) -> str:
        tail = self.tail()
        return f" Its last words:\n{tail}" if tail else " It wrote nothing."

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ChildError(f"{self.name} was never started.")
        return self._process


def environment(own: Mapping[str, str], *, inherited: Mapping[str, str]) -> dict[str, str]:
    """The child's environment: the inherited one without what could steer the stack, and its own settings."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(FOREIGN)}
    return {**kept, "PYTHONUNBUFFERED": "1", "NO_PROXY": "127.0.0.1,localhost", **own}


def exit_words(code: int) -> str:
    """An exit code as people say it."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
