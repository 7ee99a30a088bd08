"""How long to wait before the next try at one version."""

import random
from typing import Final

BACKOFF_SECONDS: Final = (1.0, 60.0)


def backoff(tries: int) -> float:
    """Double with each try; less up to a fifth at random, so that nodes do not march in step."""
    least_seconds, most_seconds = BACKOFF_SECONDS
    return min(most_seconds, least_seconds * 2.0 ** min(tries - 1, 20)) * (1 - 0.2 * random.random())  # noqa: S311
