"""Waiting in the demo: for something to see, no longer than a step may take, with a sentence that says for what."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from events.names import Version
from infra.local.event_log import EventLog, Kind

STEP_SECONDS = 60.0
LOOK_SECONDS = 0.005

Seen = TypeVar("Seen")


class DemoFailed(Exception):
    """Something the demo shows did not come true."""


async def until(what: str, see: Callable[[], Awaitable[Seen | None]]) -> Seen:
    """Look again and again until there is something to see."""
    async with _patience(what):
        while True:
            if seen := await see():
                return seen
            await asyncio.sleep(LOOK_SECONDS)


async def event(log: EventLog, kind: type[Kind], version: Version) -> Kind:
    """Wait for the first event of a kind about a version."""
    async with _patience(f"the event {kind.type} of version {version}"):
        return await log.wait_for(kind, version)


@asynccontextmanager
async def _patience(what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(STEP_SECONDS):
            yield
    except TimeoutError as error:
        raise DemoFailed(f"waited {STEP_SECONDS:.0f} s in vain for {what}") from error
