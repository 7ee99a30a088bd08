"""Forgetting nothing too soon and nothing too late: bounded memories of what was heard lately.

Pub/Sub delivers at least once, and Cloud Storage may send one event as several messages. What slips through costs one
list operation; what is held back wrongly is found by the next poll.
"""

from collections.abc import Hashable

KEYS = 16384  # about a megabyte, and seconds of the fastest stream


class Recent:
    """The newest keys, to tell what is heard again. Only their hashes are kept."""

    def __init__(self, size: int = KEYS) -> None:
        self._size = size
        self._keys: dict[int, None] = {}

    def is_new(self, key: Hashable) -> bool:
        """Tell whether the key is heard for the first time, and remember it as the newest."""
        number = hash(key)
        was_known = number in self._keys
        self._keys.pop(number, None)
        self._keys[number] = None
        if len(self._keys) > self._size:
            del self._keys[next(iter(self._keys))]
        return not was_known


class Pace:
    """Lets each key through at most once in a while."""

    def __init__(self, seconds: float, size: int = KEYS) -> None:
        self._seconds = seconds
        self._size = size
        self._passed: dict[Hashable, float] = {}

    def wait_seconds(self, key: Hashable, *, now: float) -> float:
        """Tell how long the key has to wait; 0 lets it through, and starts its next wait."""
        passed = self._passed.get(key)
        if passed is not None and now < passed + self._seconds:
            return passed + self._seconds - now
        self._passed.pop(key, None)
        self._passed[key] = now
        if len(self._passed) > self._size:
            del self._passed[next(iter(self._passed))]
        return 0.0
