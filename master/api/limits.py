"""How much one client may ask: requests a second, streams and looks into the past at once. Time is an argument."""

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from master.api.problems import Kind, Problem

MAX_REMEMBERED = 10_000  # clients; who comes after that pushes out who was longest silent
MAX_STREAMS = 200  # each holds a NATS subscription and a socket
MAX_STREAMS_EACH = 25
STREAM_RETRY_SECONDS = 30
MAX_LOOKS = 4  # into the history at once, each of which works for up to a second
MAX_LOOKS_EACH = 2
MAX_LOOKS_WAITING = 20  # of one caller; who asks for more is told to come again
LOOK_RETRY_SECONDS = 2


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rate:
    """A token bucket for each client: so many requests a second, and twice as many at once after a silence."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._burst = max(1.0, 2 * per_second)
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, client: str, now: float) -> None:
        """Take one, or raise the problem that says when there is one again."""
        bucket = self._buckets.setdefault(client, _Bucket(self._burst, now))
        self._buckets.move_to_end(client)
        if len(self._buckets) > MAX_REMEMBERED:
            self._buckets.popitem(last=False)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.tokens < 1:
            seconds = math.ceil((1 - bucket.tokens) / self._per_second)
            raise Problem(
                Kind.TOO_MANY,
                f"more than {self._per_second:g} requests a second; come again in {seconds} s",
                headers={"Retry-After": str(seconds)},
            )
        bucket.tokens -= 1


class StreamSlots:
    """Places for event streams, some for each caller."""

    def __init__(self, total: int = MAX_STREAMS, each: int = MAX_STREAMS_EACH) -> None:
        self._total = total
        self._each = each
        self._taken: dict[str, int] = {}

    @contextmanager
    def one(self, caller: str) -> Iterator[None]:
        """Take a place for as long as the stream lasts, or raise the problem that there is none."""
        mine = self._taken.get(caller, 0)
        if mine >= self._each or sum(self._taken.values()) >= self._total:
            whose = f"{caller} has {mine}" if mine >= self._each else f"all together have {self._total}"
            raise Problem(
                Kind.TOO_MANY,
                f"{whose} event streams open already; close one, or look at /v1/history now and then",
                headers={"Retry-After": str(STREAM_RETRY_SECONDS)},
            )
        self._taken[caller] = mine + 1
        try:
            yield
        finally:
            self._taken[caller] -= 1
            if not self._taken[caller]:
                del self._taken[caller]


class HistorySlots:
    """Turns at looking into the history: few at once, few of one caller, and the others wait."""

    def __init__(self, total: int = MAX_LOOKS, each: int = MAX_LOOKS_EACH, waiting: int = MAX_LOOKS_WAITING) -> None:
        self._each = each
        self._waiting = waiting
        self._all = asyncio.Semaphore(total)
        self._own: dict[str, asyncio.Semaphore] = {}
        self._asked: Counter[str] = Counter()

    @asynccontextmanager
    async def one(self, caller: str) -> AsyncIterator[None]:
        """Take a turn when it comes, or raise the problem that too many of this caller wait already."""
        if self._asked[caller] >= self._each + self._waiting:
            raise Problem(
                Kind.TOO_MANY,
                f"{caller} looks into the history {self._asked[caller]} times already; come again in"
                f" {LOOK_RETRY_SECONDS} s",
                headers={"Retry-After": str(LOOK_RETRY_SECONDS)},
            )
        own = self._own.setdefault(caller, asyncio.Semaphore(self._each))
        self._asked[caller] += 1
        try:
            async with own, self._all:
                yield
        finally:
            self._asked[caller] -= 1
            if not self._asked[caller]:
                del self._asked[caller], self._own[caller]
