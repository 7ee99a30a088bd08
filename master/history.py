"""What happened: the event stream, read newest first, by version, or live."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from events.names import ModelName, NodeName, Version
from master.answers import Entry, HistoryPage, Timeline


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events; what is None does not matter. Progress of downloads shows only where `kind` asks for it."""

    model: ModelName | None = None
    version: Version | None = None
    node: NodeName | None = None
    kind: str | None = None


class History:
    """Reads the stream. `Transient` where NATS is away."""

    async def page(self, which: Filter, *, before: int | None = None, limit: int = 100) -> HistoryPage:
        """List events newest first, from behind the sequence `before` on."""
        raise NotImplementedError

    async def timeline(self, model: ModelName, version: Version) -> Timeline:
        """Tell the life of a version."""
        raise NotImplementedError

    def follow(self, which: Filter, *, after: int | None = None) -> AsyncIterator[Entry]:
        """Give events as they come, from behind the sequence `after` on (none: from now on); goes on for ever.

        While NATS is away it waits, and then goes on where it was.
        """
        raise NotImplementedError
