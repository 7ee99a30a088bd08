"""Which trouble befalls which request to the bucket: decided from a seed, with no clock and no network.

The dice are thrown for the n-th time that a target is asked for, so that requests that overtake each other do not
change what befalls the others: the same seed and the same requests bring the same faults.
"""

import random
from dataclasses import dataclass, fields
from typing import Final

CODES: Final = (429, 500, 502, 503, 504)


class BadFaults(ValueError):
    """These faults make no sense."""


@dataclass(frozen=True, slots=True)
class BucketFaults:
    """The chance of each fault for one request, from 0 to 1; all together at most 1."""

    error: float = 0.0
    """429, 500, 502, 503 or 504, with Retry-After."""
    reset: float = 0.0
    """The connection is reset after some bytes of the answer."""
    stall: float = 0.0
    """Some bytes of the answer, then nothing for `stall_seconds`, then the connection ends."""
    truncate: float = 0.0
    """The answer ends early, politely."""
    flip: float = 0.0
    """One bit of an object's bytes is wrong."""
    wrong_length: float = 0.0
    """A consistent answer that is too short."""
    drip: float = 0.0
    """The answer comes in small pieces over `drip_seconds`."""
    stale: float = 0.0
    """A list is answered as it was some time ago."""
    expire: float = 0.0
    """The token of a list's next page is not accepted any more."""
    replace: float = 0.0
    """The object is written anew, with the same bytes, before it is read: its generation is gone."""
    stall_seconds: float = 5.0
    drip_seconds: float = 2.0
    retry_after_seconds: int = 1
    page: int = 0
    """At most so many names in one answer to a list, so that lists have pages; 0: as many as asked for."""
    seed: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
                raise BadFaults(f"{field.name} is a number from 0 up, not {value!r}")
        if sum(getattr(self, name) for name in CHANCES) > 1:
            raise BadFaults(f"the chances of {', '.join(CHANCES)} add up to more than 1")


CHANCES: Final = tuple(field.name for field in fields(BucketFaults) if field.default == 0.0 and field.type is float)


@dataclass(frozen=True, slots=True)
class Ask:
    """What the faults depend on in a request."""

    target: str
    is_list: bool = False
    is_media: bool = False  # the bytes of an object
    has_token: bool = False


@dataclass(frozen=True, slots=True)
class Fate:
    """One fault for one request: `at` says where in the answer, from 0 to 1."""

    kind: str
    at: float
    code: int


def decide(faults: BucketFaults, ask: Ask, *, nth: int) -> Fate | None:
    """Throw the dice for the n-th request for a target."""
    dice = random.Random(f"{faults.seed} {ask.target} {nth}")  # noqa: S311 - repeatable on purpose
    roll, at, code = dice.random(), dice.random(), dice.choice(CODES)
    for name in CHANCES:
        roll -= getattr(faults, name)
        if roll < 0:
            return Fate(name, at, code) if _fits(name, ask) else None
    return None


def _fits(name: str, ask: Ask) -> bool:
    match name:
        case "flip" | "replace":
            return ask.is_media
        case "stale":
            return ask.is_list
        case "expire":
            return ask.is_list and ask.has_token
        case _:
            return True
