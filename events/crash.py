"""A configurator's word to the others, `mm.v1.crash`: these versions took TensorFlow Serving down on my node.

A word is whole: it stands in the place of the one before. It is said on every change, again every few seconds while
there is something to say, and to whoever is new. Losing one changes nothing but the delay.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from events import bounds, wording
from events.bounds import AtMost
from events.names import ModelName, NodeName, Version

MOST = 100  # versions of one word


class BadWord(ValueError):
    """A message that is no such word."""


class Crash(BaseModel):
    """A version that was being loaded when TensorFlow Serving went away."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    model: ModelName
    version: Version
    is_final: bool  # it is in quarantine for that; else it is suspected, and tried once more
    retry: str | None = Field(default=None, max_length=200)  # the operator's request that this attempt followed


class Crashes(BaseModel):
    """All that a node has to say; `is_new` asks the others to say theirs."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    node: NodeName
    crashes: Annotated[tuple[Crash, ...], AtMost(MOST)] = ()
    is_new: bool = False


def parse(data: bytes) -> Crashes:
    """Read a word; `BadWord` says what is wrong with it."""
    if problem := bounds.CRASH.problem(data):
        raise BadWord(f"the word is {problem}")
    try:
        return Crashes.model_validate_json(data)
    except ValidationError as error:
        raise BadWord(f"not a word about crashes: {wording.problems(error, whole='word')}") from error
