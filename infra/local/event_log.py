"""The nodes' own events, as they come over NATS: the demo shows them, and waits for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg

from events import cloudevents, subjects
from events.messages import Event, VersionEvent
from events.names import ModelName, NodeName, Version
from infra.local.client import taken

Kind = TypeVar("Kind", bound=VersionEvent)


@dataclass(slots=True)
class EventLog:
    """All events of the nodes since we listen, with the time each was made at."""

    seen: list[tuple[datetime, Event]] = field(default_factory=list)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, version: Version) -> list[tuple[datetime, VersionEvent]]:
        """The events about a version, oldest first."""
        about = [(at, event) for at, event in self.seen if isinstance(event, VersionEvent) and event.version == version]
        return sorted(about, key=lambda pair: pair[0])

    async def wait_for(self, kind: type[Kind], version: Version) -> Kind:
        """Return the first event of a kind about a version, waiting for it if need be."""
        while True:
            self._changed.clear()
            for _, event in self.of(version):
                if isinstance(event, kind):
                    return event
            await self._changed.wait()

    async def take(self, message: Msg) -> None:
        """Keep one message of the event stream."""
        envelope, event = cloudevents.parse(message.data)
        self.seen.append((envelope.time, event))
        self._changed.set()


@asynccontextmanager
async def listening(
    client: Client, *, node: str | None = None, model: ModelName | None = None
) -> AsyncIterator[EventLog]:
    """Keep every event from now on; of one node or about one model where that is given, and all of masters."""
    log = EventLog()
    about = subjects.events_about(model, of=subjects.head(NodeName(node) if node else None))
    heard = [await client.subscribe(subject, cb=log.take) for subject in (*about, f"{subjects.AUDIT}.>")]
    await taken(client)
    try:
        yield log
    finally:
        for subscription in heard:
            await subscription.unsubscribe()
