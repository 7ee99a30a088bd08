"""A peer's hint, `mm.v1.hint`: one puller tells the others that the bucket has something new for a model."""

from pydantic import BaseModel, ConfigDict, ValidationError

from events import bounds, wording
from events.names import ModelName, NodeName


class BadHint(ValueError):
    """A message that is no hint."""


class Hint(BaseModel):
    """Who says it, and of which model."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    node: NodeName
    model: ModelName


def parse(data: bytes) -> Hint:
    """Read a hint; `BadHint` says what is wrong with it."""
    if problem := bounds.HINT.problem(data):
        raise BadHint(f"the hint is {problem}")
    try:
        return Hint.model_validate_json(data)
    except ValidationError as error:
        raise BadHint(f"not a hint: {wording.problems(error, whole='hint')}") from error
