"""The board as it changes: news of the fold, gathered for a moment, then shown.

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
    bell = asyncio.Event()
    news = ChangeFeed(bell.set)
    fleet.fleet_state.readers.add(news)
    try:
        news.whole()
        while True:
            await bell.wait()
            told = fleet.tell(news)
            news.clear()
            bell.clear()
            yield told
            await bell.wait()
            await asyncio.sleep(GATHER_SECONDS)
    finally:
        fleet.fleet_state.readers.discard(news)
