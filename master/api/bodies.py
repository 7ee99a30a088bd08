"""Bodies of requests, read as JSON by the same rules as everywhere else, and described in the OpenAPI document.

The framework would parse JSON first and check Python values then; some documents mean another thing that way (keys that
are numbers), and text that is no Unicode would get through.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from master.api import problems
from master.api.problems import Kind, Problem

B = TypeVar("B", bound=BaseModel)
JSON = "application/json"


class Body(BaseModel):
    """What all bodies share: a field that is not known is an error and not a guess."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read(kind: type[B]) -> Callable[[Request], Awaitable[B]]:
    """Make a dependency that reads a body; nothing at all counts as an empty object."""

    async def parse(request: Request) -> B:
        data = await request.body()
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if data and media_type != JSON:
            raise Problem(Kind.WRONG_MEDIA_TYPE, f"send the body as {JSON}", headers={"Accept": JSON})
        try:
            return kind.model_validate_json(data or b"{}", strict=True)  # a dry run of "no" or 0 is no way to say false
        except ValidationError as error:
            raise problems.invalid(error, where=("body",)) from error

    return parse


@dataclass(frozen=True, slots=True)
class Described:
    """A body's part of the OpenAPI document."""

    kind: type[BaseModel]
    examples: Mapping[str, BaseModel]
    is_required: bool = True

    @property
    def extra(self) -> dict[str, object]:
        """What a route adds to its description."""
        examples = {
            name: {"value": example.model_dump(mode="json", exclude_unset=True)}
            for name, example in self.examples.items()
        }
        schema = {"$ref": f"#/components/schemas/{self.kind.__name__}"}
        content = {JSON: {"schema": schema, "examples": examples}}
        return {"requestBody": {"required": self.is_required, "content": content}}
