"""How much one client may ask: requests a second, and streams at once. Time comes in as an argument."""

import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from master.api.problems import Kind, Problem

MAX_REMEMBERED = 10_000  # clients; who comes after that pushes out who was longest silent
MAX_STREAMS = 200  # each holds a NATS subscription and a socket
MAX_STREAMS_EACH = 25
STREAM_RETRY_SECONDS = 30


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


class Places:
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
