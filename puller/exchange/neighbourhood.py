"""Which pullers of the site live, and where their exchange is: by their signs of life in NATS, and by nothing else.

While NATS is away nobody is heard; after ten seconds a node has no neighbours and fetches for itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from events import status
from events.names import NodeName
from puller.exchange.order import weight
from service.jetstream import PRESENCE_SECONDS

MAX_NEIGHBOURS: Final = 64  # that one node talks to about a version
SETTLED_SECONDS: Final = 1.5  # after the start: by then who lives has answered the first sign of life


@dataclass(frozen=True, slots=True)
class _Heard:
    address: str
    process: str
    at: float


class Neighbourhood:
    """Hears signs of life. `greet` gives one of our own, so that a newcomer need not wait for the next."""

    def __init__(self, me: NodeName, *, site: str, clock: Callable[[], float], greet: Callable[[], None]) -> None:
        """Begin without neighbours; `clock` gives seconds."""
        self._me = me
        self._site = site
        self._clock = clock
        self._greet = greet
        self._heard: dict[NodeName, _Heard] = {}
        self._began = clock()

    @property
    def is_settled(self) -> bool:
        """Whether every neighbour that lives has had the time to be heard."""
        return self._clock() - self._began >= SETTLED_SECONDS

    def hear(self, data: bytes) -> None:
        """Take a puller's sign of life; ValueError where it is none. Nothing at all is said when one is forgotten."""
        if not data:
            return
        sign = status.any_presence(data)
        if sign.node == self._me or sign.service != "puller":
            return
        if sign.is_last or sign.site != self._site or not sign.exchange:
            self._heard.pop(sign.node, None)
            return
        known = self._heard.get(sign.node)
        self._heard[sign.node] = _Heard(sign.exchange, sign.process, self._clock())
        if known is None or known.process != sign.process:
            self._greet()

    def live(self) -> Mapping[NodeName, str]:
        """Return the addresses of the neighbours that live; of very many those that stand next to this node."""
        now = self._clock()
        self._heard = {node: one for node, one in self._heard.items() if now - one.at < PRESENCE_SECONDS}
        nearest = sorted(self._heard, key=lambda node: weight(self._me, 0, node))[:MAX_NEIGHBOURS]
        return {node: self._heard[node].address for node in nearest}
