"""Errors as RFC 9457 writes them: one closed list of what can go wrong, each with its status.

`type` is for programs, `detail` is a sentence for people: what happened, and what to do.
"""

import json
from collections.abc import Mapping, Sequence
from enum import Enum

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException

from events import validation
from events.names import NodeName
from master.errors import Conflict, NotFound, Refused
from service.errors import Transient

MEDIA_TYPE = "application/problem+json"
MAX_NAMED = 8  # errors listed of one request
RETRY_SECONDS = 5


class Kind(Enum):
    """What can go wrong: name, status, title, and how the sentence may read."""

    MALFORMED = ("malformed", 400, "The request is not understood", "the request line is not understood")
    NOT_SIGNED_IN = ("not-signed-in", 401, "No known token", "the token is not known")
    NOT_ALLOWED = ("not-allowed", 403, "The token's role does not allow this", "this needs the role operator")
    NOT_FOUND = ("not-found", 404, "There is no such thing", "no node has a model wide-deep")
    WRONG_METHOD = ("wrong-method", 405, "This path does not take this method", "PATCH is not for this path")
    BODY_LATE = ("body-late", 408, "The request's body did not come in time", "no whole body within 10 s")
    CONFLICT = ("conflict", 409, "Somebody else changed it at the same time", "others kept changing the model")
    CHANGED = ("changed", 412, "It was changed since you looked at it", "the document is at revision 8, not 7")
    TOO_LARGE = ("too-large", 413, "The request's body is too large", "the body has more than 65536 bytes")
    WRONG_MEDIA_TYPE = ("wrong-media-type", 415, "The request's body is not JSON", "send it as application/json")
    INVALID = ("invalid", 422, "Something in the request is not right", "body.dry_run: Input should be a valid boolean")
    REFUSED = (
        "refused",
        422,
        "This contradicts what is known",
        "version 3 was removed by an operator; restore it first",
    )
    NO_PRECONDITION = ("no-precondition", 428, "The request must say which revision it is about", "send If-Match")
    TOO_MANY = ("too-many", 429, "Too many requests", "more than 100 requests a second; come again in 1 s")
    BUG = ("bug", 500, "The master failed at this", "this is a fault in the master; its log says more")
    AWAY = ("away", 503, "Something the master needs is away", "NATS is away: connection lost")

    def __init__(self, slug: str, status: int, title: str, example: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title
        self.example = example


EVERYWHERE = (Kind.NOT_SIGNED_IN, Kind.NOT_ALLOWED, Kind.INVALID, Kind.TOO_MANY, Kind.BUG, Kind.AWAY)
BODY = (Kind.BODY_LATE, Kind.TOO_LARGE, Kind.WRONG_MEDIA_TYPE)  # what can be wrong with any body
SCHEMA = "#/components/schemas/ProblemDocument"


class Wrong(BaseModel):
    """One thing that is not right in a request."""

    where: str = Field(description="such as body.change.versions.0 or query.limit")
    problem: str


class ProblemDocument(BaseModel):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(frozen=True)
    type: str = Field(description="urn:model-manager:problem: and one of a closed list of names, for programs")
    title: str
    status: int
    detail: str = Field(description="for people: what happened, and what to do")
    instance: str = Field(description="the path that was asked for")
    errors: tuple[Wrong, ...] | None = Field(default=None, description="what is not right, one by one")
    revision: int | None = Field(default=None, description="the desired document's revision as it is now")
    needs: str | None = Field(default=None, description="the role that is needed")
    unanswered: tuple[NodeName, ...] | None = Field(default=None, description="nodes that said nothing")


class Problem(Exception):
    """A problem on its way to the client; `members` are those of the document beside the five of the RFC."""

    def __init__(self, kind: Kind, detail: str, *, headers: Mapping[str, str] = {}, **members: object) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.headers = headers
        self.members = members


def answer(problem: Problem, request: Request) -> Response:
    """Write a problem as an answer. What came from outside may be no text at all, so everything is escaped."""
    document = ProblemDocument.model_validate(
        {
            "type": type_of(problem.kind),
            "title": problem.kind.title,
            "status": problem.kind.status,
            "detail": problem.detail,
            "instance": request.url.path,
            **problem.members,
        }
    )
    return Response(
        json.dumps(document.model_dump(exclude_none=True)),
        status_code=problem.kind.status,
        headers=dict(problem.headers),
        media_type=MEDIA_TYPE,
    )


def type_of(kind: Kind) -> str:
    """Name a problem's type."""
    return f"urn:model-manager:problem:{kind.slug}"


def documented(*kinds: Kind) -> dict[int | str, dict[str, object]]:
    """Describe these problems, and those that every route has, for the OpenAPI document."""
    described: dict[int | str, dict[str, object]] = {}
    for kind in (kind for kind in Kind if kind in {*EVERYWHERE, *kinds}):
        example = {
            "type": type_of(kind),
            "title": kind.title,
            "status": kind.status,
            "detail": kind.example,
            "instance": "/v1/models/wide-deep",
        }
        entry = described.setdefault(
            kind.status,
            {"description": kind.title, "content": {MEDIA_TYPE: {"schema": {"$ref": SCHEMA}, "examples": {}}}},
        )
        entry["content"][MEDIA_TYPE]["examples"][kind.slug] = {"value": example}  # type: ignore[index]  # just made
    return described


def away(detail: str, **members: object) -> Problem:
    """Say that something is away, and when to come again."""
    return Problem(Kind.AWAY, detail, headers={"Retry-After": str(RETRY_SECONDS)}, **members)


def invalid(found: ValidationError | RequestValidationError, *, where: Sequence[str] = ()) -> Problem:
    """Say what is not right in a request, without showing it back."""
    errors = found.errors()
    wrong = tuple(
        Wrong(where=_place((*where, *one["loc"])), problem=validation.sentence(one)) for one in errors[:MAX_NAMED]
    )
    words = "; ".join(f"{one.where}: {one.problem}" for one in wrong)
    more = f"; and {len(errors) - MAX_NAMED} more" if len(errors) > MAX_NAMED else ""
    return Problem(Kind.INVALID, f"{words}{more}", errors=wrong)


def install(app: FastAPI) -> None:
    """Have every error that leaves a route answered as a problem."""

    async def answered(request: Request, error: Exception) -> Response:
        return answer(_problem(request, error), request)

    for kind in (Problem, RequestValidationError, NotFound, Refused, Conflict, Transient, HTTPException, Exception):
        app.add_exception_handler(kind, answered)


def _problem(request: Request, error: Exception) -> Problem:  # noqa: PLR0911 - one for each kind of error
    match error:
        case Problem():
            return error
        case RequestValidationError():
            return invalid(error)
        case NotFound():
            return Problem(Kind.NOT_FOUND, str(error))
        case Refused():
            return Problem(Kind.REFUSED, str(error))
        case Conflict():
            kind = Kind.CHANGED if "if-match" in request.headers else Kind.CONFLICT
            return Problem(kind, str(error), revision=error.revision)
        case Transient():
            return away(str(error))
        case HTTPException():
            return _from_framework(request, error)
        case _:
            words = "this is a fault in the master; its log says more, and it may have taken effect or not"
            return Problem(Kind.BUG, words)


def _from_framework(request: Request, error: HTTPException) -> Problem:
    headers = dict(error.headers or {})
    match error.status_code:
        case 404:
            return Problem(Kind.NOT_FOUND, f"there is no {request.url.path[:200]!a}; /openapi.json lists what there is")
        case 405:
            return Problem(Kind.WRONG_METHOD, f"{request.method} is not for this path", headers=headers)
        case _:
            return Problem(Kind.MALFORMED, str(error.detail), headers=headers)


def _place(path: Sequence[int | str]) -> str:
    return ".".join(str(part)[:80] for part in path)
