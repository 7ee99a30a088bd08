"""Says which part of a long run has begun, and how long it took."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(program: str, part: str) -> Iterator[None]:
    """Tell the person of one part; its seconds only where it ends well."""
    sys.stdout.write(f"{program}: {part}\n")
    sys.stdout.flush()
    started = time.monotonic()
    yield
    sys.stdout.write(f"{program}: {part}: {time.monotonic() - started:.0f} s\n")
    sys.stdout.flush()
