"""Forgetting nothing too soon and nothing too late: bounded memories of what was heard lately.

Pub/Sub delivers at least once, and Cloud Storage may send one event as several messages. What slips through costs one
list operation; what is held back wrongly is found by the next poll.
"""

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
        passed = self._passed.get(key)
        if passed is not None and now < passed + self._seconds:
            return passed + self._seconds - now
        self._passed[key] = now
        self._passed.move_to_end(key)
        if len(self._passed) > self._size:
            self._passed.popitem(last=False)
        return 0.0
