"""Requests that bear a key, remembered by all masters for a day: the same request again gets its first answer."""

import hashlib

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue
from pydantic import BaseModel, ConfigDict

from events import subjects
from events.changes import Change
from events.desired import Desired
from events.names import NodeName, Version
from master.answers import Made
from master.errors import Refused
from service import jetstream
from service.bus import REPLY_SECONDS, Bus
from service.streams import REQUEST_BYTES


class Step(BaseModel):
    """A change on some nodes, or on all where none is named; nothing in it depends on when it is made."""

    model_config = ConfigDict(frozen=True)
    change: Change | Desired
    nodes: tuple[NodeName, ...] = ()
    left: tuple[Version, ...] = ()  # of a rollback: what is served now
    labels: tuple[str, ...] = ()  # of a rollback: those that go back with it


class Remembered(BaseModel):
    """A request, the steps it was resolved to when it came first, and its answer once it has one."""

    model_config = ConfigDict(frozen=True)
    fingerprint: str
    steps: tuple[Step, ...]
    answer: Made | None = None


class Requests:
    """The memory. `Transient` where NATS is away."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def recall(self, key: str, fingerprint: str) -> Remembered | None:
        """Tell what became of a request; `Refused` where the key was used for another one."""
        with jetstream.errors("look the request up"):
            try:
                entry = await (await self._bucket()).get(_place(key))
            except KeyNotFoundError:
                return None
        found = Remembered.model_validate_json(entry.value or b"")
        if found.fingerprint != fingerprint:
            raise Refused("the idempotency key was used for another request; take a new one")
        return found

    async def begin(self, key: str, request: Remembered) -> Remembered:
        """Remember a request before it is followed; where it came twice at once, return what the first one noted."""
        with jetstream.errors("note the request"):
            try:
                await (await self._bucket()).create(_place(key), request.model_dump_json().encode())
            except KeyWrongLastSequenceError:
                return await self.recall(key, request.fingerprint) or request
        return request

    async def end(self, key: str, request: Remembered) -> None:
        """Remember the answer; without what it does on each node where that is more than can be kept."""
        data = request.model_dump_json().encode()
        if request.answer and len(data) > REQUEST_BYTES:
            short = request.answer.model_copy(update={"nodes": ()})
            data = request.model_copy(update={"answer": short}).model_dump_json().encode()
        with jetstream.errors("note the answer"):
            await (await self._bucket()).put(_place(key), data)

    async def _bucket(self) -> KeyValue:
        return await jetstream.bucket(self._bus.client().jetstream(timeout=REPLY_SECONDS), subjects.REQUEST_BUCKET)


def _place(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
