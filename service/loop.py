"""The loop every service is: run a pass on a hint or a tick, whichever is first.

A hint wakes the loop: hints coalesce, carry nothing, and may be lost; the tick heals. A pass looks at the world.
After a wake-up the loop waits until there is none for `settle_min_seconds`, but no longer than `settle_max_seconds`,
so that a burst of hints costs one pass and a steady stream cannot hold the pass up.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from service import logs, metrics
from service.errors import Transient
from service.health import Health

log = logs.get("service.loop")


@dataclass(frozen=True, slots=True)
class Timing:
    """When passes run, in seconds. After a failed pass the delay doubles from the least to the most backoff."""

    poll_seconds: float
    settle_min_seconds: float = 0.0005
    settle_max_seconds: float = 0.02
    backoff_min_seconds: float = 1.0
    backoff_max_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a pass says to the loop: when to look again by itself, and which models are in trouble."""

    again_in_seconds: float | None = None
    problems: tuple[str, ...] = ()


class Wakeup:
    """Hints wake the loop; any number of wake-ups before the next pass is one. Not for use from other threads."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def wake(self) -> None:
        """Ask for a pass now."""
        self._rung.set()

    async def wait(self, at_most_seconds: float) -> bool:
        """Wait for a wake-up; tell whether one came in time."""
        try:
            async with asyncio.timeout(at_most_seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        return True

    async def settle(self, quiet_seconds: float, *, at_most_seconds: float) -> None:
        """Swallow rings until none comes for `quiet_seconds`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + at_most_seconds
        while self._rung.is_set():
            self._rung.clear()
            await self.wait(min(quiet_seconds, max(0.0, deadline - loop.time())))
            if loop.time() >= deadline:
                break
        self._rung.clear()


async def run(one_pass: Callable[[], Awaitable[Outcome]], *, wakeup: Wakeup, timing: Timing, health: Health) -> None:
    """Run passes until cancelled; nothing a pass raises ends the loop."""
    failures = 0
    problems: tuple[str, ...] = ()
    while True:
        outcome = await _attempt(one_pass, health)
        if outcome is None:
            failures += 1
            await asyncio.sleep(timing.backoff_min_seconds)
            wait_seconds = _backoff(failures, timing)
        else:
            failures = 0
            problems = _tell(outcome.problems, problems)
            wait_seconds = min(timing.poll_seconds, outcome.again_in_seconds or timing.poll_seconds)
        if await wakeup.wait(wait_seconds):
            await wakeup.settle(timing.settle_min_seconds, at_most_seconds=timing.settle_max_seconds)


async def _attempt(one_pass: Callable[[], Awaitable[Outcome]], health: Health) -> Outcome | None:
    was_failing = bool(health.last_pass.error)
    health.begin()
    try:
        outcome = await one_pass()
    except Transient as error:
        if str(error) != health.last_pass.error:
            log.warning("pass failed, trying again", reason=str(error))
        health.fail(str(error))
    except Exception as error:  # noqa: BLE001 - a bug in a pass must not end the service
        log.bug("pass failed by a bug, trying again")
        health.fail(f"a bug: {error!r}")
    else:
        health.succeed()
        if was_failing:
            log.info("passes succeed again")
        metrics.PASSES.labels(outcome="ok").inc()
        metrics.PASS_SECONDS.observe(health.last_pass.seconds)
        return outcome
    metrics.PASSES.labels(outcome="failed").inc()
    return None


def _tell(problems: tuple[str, ...], told: tuple[str, ...]) -> tuple[str, ...]:
    """Log the problems that are new since the last pass."""
    for problem in problems:
        if problem not in told:
            log.warning("trouble in a pass", reason=problem)
    return problems


def _backoff(failures: int, timing: Timing) -> float:
    """Double the delay with each failure, less up to a tenth at random so that nodes do not march in step."""
    delay = min(timing.backoff_max_seconds, timing.backoff_min_seconds * 2.0 ** min(failures - 1, 30))
    return delay * (1 - 0.1 * random.random())  # noqa: S311 - jitter, not a secret
