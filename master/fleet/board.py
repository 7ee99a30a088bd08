"""The board as it changes: changes of the fleet, gathered for a moment, then shown.

What is told is what holds when it is told, so a reader that is slow misses states that have passed, and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator

from master.fleet.change_feed import ChangeFeed
from master.fleet.queries import FleetQueries
from master.fleet.views import BoardNews

GATHER_SECONDS = 0.04  # a report changes many cells, and a change many reports


async def watch(fleet: FleetQueries) -> AsyncIterator[BoardNews]:
    """Give the news as they come, for ever; the first says to look at everything."""
    changed = asyncio.Event()
    feed = ChangeFeed(changed.set)
    fleet.fleet_state.readers.add(feed)
    try:
        feed.whole()
        while True:
            await changed.wait()
            told = fleet.tell(feed)
            feed.clear()
            changed.clear()
            yield told
            await changed.wait()
            await asyncio.sleep(GATHER_SECONDS)
    finally:
        fleet.fleet_state.readers.discard(feed)
