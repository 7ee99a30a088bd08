"""Starts again what ended, as an init system would, and tells what the run itself killed from what fell by itself."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from infra.local.child import Child, ChildError, exit_words
from infra.local.faults.rehearsal import Stage
from tests.chaos.observations import Fallen, Seen, Window

LOOK_SECONDS: Final = 0.2


@dataclass(slots=True)
class Keeper:
    """Keeps children running, but for those that shall be down."""

    children: Sequence[Child]
    stages: Sequence[Stage]
    seen: Seen
    now: Callable[[], float]
    is_crash_allowed: Callable[[str], bool]  # whether a node's TensorFlow Serving may be loading what kills it
    _down: set[str] = field(default_factory=set)
    _spared: set[str] = field(default_factory=set)
    _alive: dict[str, float] = field(default_factory=dict)  # when each was last seen running
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def run(self) -> None:
        """Start again whatever ended, until cancelled."""
        async with asyncio.TaskGroup() as keeping:
            for child in self.children:
                keeping.create_task(self._keep(child))

    async def kill(self, child: Child) -> None:
        """Kill it as a crash would; it stays down until `start`. It may have fallen a moment before."""
        code = child.exit_code
        if code is not None and child.name not in self._down:
            window = self._excuse(child, code, alive=self._alive.get(child.name, self.now()))
            if window:
                window.end = self.now()
        self._down.add(child.name)
        async with self._lock(child):
            await asyncio.to_thread(child.kill)

    async def start(self, child: Child) -> None:
        """Start it again and wait until it answers."""
        async with self._lock(child):
            if child.exit_code is not None:
                await asyncio.to_thread(_launch, child)
        self._down.discard(child.name)
        with contextlib.suppress(ChildError):  # it fell again: `run` finds it
            await asyncio.to_thread(child.wait_ready)

    @asynccontextmanager
    async def sparing(self, child: Child) -> AsyncIterator[None]:
        """It was told to kill itself at some step: its deaths by SIGKILL are the run's own."""
        self._spared.add(child.name)
        try:
            yield
        finally:
            await asyncio.sleep(3 * LOOK_SECONDS)  # the last one is noticed now
            self._spared.discard(child.name)

    async def _keep(self, child: Child) -> None:
        self._alive[child.name] = self.now()
        while True:
            looked = self.now()
            code = child.exit_code
            if code is None or child.name in self._down:
                self._alive[child.name] = looked
            else:
                await self._revive(child, code, alive=self._alive[child.name])
            await asyncio.sleep(LOOK_SECONDS)

    async def _revive(self, child: Child, code: int, *, alive: float) -> None:
        window = self._excuse(child, code, alive=alive)
        async with self._lock(child):
            if child.exit_code is not None and child.name not in self._down:
                await asyncio.to_thread(_launch, child)
        if window:
            with contextlib.suppress(ChildError):
                await asyncio.to_thread(child.wait_ready)
            window.end = self.now()

    def _excuse(self, child: Child, code: int, *, alive: float) -> Window | None:
        """Tell whether the run itself brought this end about since it was last seen alive; if not, it is on record."""
        node = next((stage.name for stage in self.stages if stage.node.serving is child), "")
        if code == -signal.SIGKILL and node and self.is_crash_allowed(node):
            window = Window("a version crashed TensorFlow Serving", node, "", alive)
            self.seen.windows.append(window)
            return window
        if code == -signal.SIGKILL and child.name in self._spared:
            return None
        self.seen.fallen.append(
            Fallen(self.now(), child.name, f"ended by itself with {exit_words(code)}: {child.tail(5)}")
        )
        return None

    def _lock(self, child: Child) -> asyncio.Lock:
        return self._locks.setdefault(child.name, asyncio.Lock())


def _launch(child: Child) -> None:
    child.kill()  # takes back the group of the one that ended
    child.launch()
