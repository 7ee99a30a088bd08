"""Forgetting nothing too soon and nothing too late: bounded memories of what was heard lately.

Pub/Sub delivers at least once, and Cloud Storage may send one event as several messages. What slips through costs one
list operation; what is held back wrongly is found by the next poll.
"""

import math
from collections import OrderedDict
from collections.abc import Hashable

KEYS = 8192  # about a megabyte, and a second of the fastest stream


class Recent:
    """The newest keys, to tell what is heard again. Only their hashes are kept."""

    def __init__(self, size: int = KEYS) -> None:
        self._size = size
        self._keys: OrderedDict[int, None] = OrderedDict()

    def is_new(self, key: Hashable) -> bool:
        """Tell whether the key is heard for the first time, and remember it as the newest."""
        number = hash(key)
        was_known = number in self._keys
        self._keys[number] = None
        self._keys.move_to_end(number)
        if len(self._keys) > self._size:
            self._keys.popitem(last=False)
        return not was_known


class Pace:
    """Lets each key through at most once in a while."""

    def __init__(self, seconds: float, size: int = KEYS) -> None:
        self._seconds = seconds
        self._size = size
        self._passed: OrderedDict[Hashable, float] = OrderedDict()

    def wait_seconds(self, key: Hashable, *, now: float) -> float:
        """Tell how long the key has to wait; 0 lets it through, and starts its next wait."""
        if left_seconds := self.left_seconds(key, now=now):
            return left_seconds
        self._passed[key] = now
        self._passed.move_to_end(key)
        if len(self._passed) > self._size:
            self._passed.popitem(last=False)
        return 0.0

    def left_seconds(self, key: Hashable, *, now: float) -> float:
        """Tell how long the key has to wait, and let nothing through."""
        passed = self._passed.get(key)
        return max(0.0, passed + self._seconds - now) if passed is not None else 0.0


class Allowance:
    """Lets so many through at once, and then so many a second."""

    def __init__(self, *, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._counted_at = -math.inf

    def wait_seconds(self, *, now: float) -> float:
        """Tell how long the next one has to wait; 0 if it may go."""
        if math.isfinite(self._counted_at):
            self._left = min(self._burst, self._left + (now - self._counted_at) * self._per_second)
        self._counted_at = now
        return max(0.0, (1 - self._left) / self._per_second)

    def take(self) -> None:
        """Let one through."""
        self._left -= 1
