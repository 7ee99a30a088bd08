"""Listens to whoever of the site lives, about one version, and tells its schedule what they have."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from events.names import NodeName
from puller.exchange.client import Client, NotGiven
from puller.exchange.neighbours import Availability
from puller.exchange.request import Place
from puller.exchange.schedule import Schedule
from service import logs
from service.tasks import end

log = logs.get("puller.exchange")

LOOK_SECONDS: Final = 0.5
TALK_SECONDS: Final = 0.1
BEGIN_SECONDS: Final = 2.0  # after the start neighbours may begin, too, at any moment


@dataclass(slots=True)
class Listeners:
    """One task for each neighbour. `on_news` is called when the schedule knows more."""

    place: Place
    units: int
    schedule: Schedule
    client: Client
    live: Callable[[], Mapping[NodeName, str]]
    on_news: Callable[[], None]
    settled: set[NodeName] = field(default_factory=set)  # who takes part, or cannot be reached; others may still begin
    _tasks: dict[NodeName, tuple[str, "asyncio.Task[None]"]] = field(default_factory=dict)

    async def run(self) -> None:
        """Listen until cancelled."""
        try:
            while True:
                await self._keep_up()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await end([task for _, task in self._tasks.values()])

    async def _keep_up(self) -> None:
        """Listen to whoever lives, and to nobody else."""
        live = self.live()
        for node, (address, task) in tuple(self._tasks.items()):
            if task.done():
                task.result()
            if live.get(node) != address:
                await end([task])
                del self._tasks[node]
                self._lose(node)
        for node in live.keys() - self._tasks.keys():
            task = asyncio.get_running_loop().create_task(self._listen(node, live[node]))
            self._tasks[node] = (live[node], task)

    async def _listen(self, node: NodeName, address: str) -> None:
        """Ask one neighbour again and again what it has."""
        link, after = self.client.link(address, self.place), None
        began = asyncio.get_running_loop().time()
        try:
            while True:
                word = None
                try:
                    word = await link.word(after=after)
                except NotGiven as error:
                    log.debug("a neighbour does not answer", neighbour=node, reason=str(error))
                    self.settled.add(node)
                after = self._hear(node, word)
                is_young = asyncio.get_running_loop().time() - began < BEGIN_SECONDS
                await asyncio.sleep(TALK_SECONDS if word or is_young else LOOK_SECONDS)
        finally:
            link.close()

    def _hear(self, node: NodeName, word: Availability | None) -> int | None:
        if word is None:
            self._lose(node)
            return None
        self.settled.add(node)
        whole = (1 << self.units) - 1
        known = Availability(word.has & whole, word.coming & whole, word.bytes_there)
        self.schedule.hear(node, known, now=asyncio.get_running_loop().time())
        self.on_news()
        return word.has.bit_count()

    def _lose(self, node: NodeName) -> None:
        self.schedule.lose(node)
        self.on_news()
