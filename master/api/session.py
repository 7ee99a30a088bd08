"""A browser's session: the token in a cookie that no script can read.

The cookie holds the token itself and is looked up as a bearer token is, so any number of masters agree with nothing
between them, and a token that is taken away ends its sessions. Why so: docs/decisions/0010-dashboard.md.

Browsers send a cookie to every port of a host, and TensorFlow Serving's REST API has the paths `/v1/models`, too. So
the dashboard asks below `/dashboard/v1`, and over HTTP the cookie is for that path alone. Over HTTPS it is a `__Host-`
cookie: no other host can set it, and no port gets it that does not speak HTTPS.
"""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.types import Scope

from master.api import bodies, problems
from master.api.auth import Caller, Role, Tokens
from master.api.bodies import Body, Described
from master.api.examples import shown
from master.api.origin import is_own
from master.api.problems import Kind, Problem
from master.api.rights import Viewer

PATH = "/v1/session"
PREFIX = "/dashboard"  # before the paths of the API, where a browser asks
COOKIE = "mm_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
MAX_SECONDS = 12 * 3600  # a browser forgets it after a long shift

router = APIRouter(tags=["session"])


class TokenBody(Body):
    """What to sign in with."""

    token: str = Field(min_length=1, max_length=512, description="as `model-manager token` printed it")


class Session(BaseModel):
    """Who asks, and what they may do."""

    model_config = ConfigDict(frozen=True)
    name: str
    role: Role
    is_open: bool = Field(description="no tokens are configured: whoever is on this host is admin, without a token")


BODY = Described(TokenBody, {"token": TokenBody(token="mm_9f86d081884c7d65")})  # noqa: S106 - an example
SESSION = Session(name="alice", role=Role.OPERATOR, is_open=False)


@router.get(PATH, summary="Who asks", response_model=Session, responses={**problems.documented(), **shown(SESSION)})
async def get_session(request: Request, caller: Viewer) -> Response:
    """Tell the name and the role of the token or of the session."""
    return _shown(caller, is_open=not _tokens(request))


@router.post(
    PATH,
    summary="Sign a browser in",
    response_model=Session,
    responses={**problems.documented(*problems.BODY), **shown(SESSION)},
    openapi_extra=BODY.extra,
)
async def sign_in(request: Request, body: Annotated[TokenBody, Depends(bodies.read(TokenBody))]) -> Response:
    """Put the token into a cookie that comes with each request of the dashboard, and that scripts cannot read."""
    if not is_own(request):
        raise Problem(Kind.NOT_ALLOWED, "only the dashboard signs in here; programs send the token with each request")
    caller = _tokens(request).find(body.token.strip())
    if caller is None:
        raise Problem(Kind.NOT_SIGNED_IN, "the token is not known; `model-manager token` makes one")
    answer = _shown(caller, is_open=False)
    is_secure = request.url.scheme == "https"
    answer.set_cookie(
        SECURE_COOKIE if is_secure else COOKIE,
        body.token.strip(),
        max_age=MAX_SECONDS,
        path="/" if is_secure else PREFIX,
        secure=is_secure,
        httponly=True,
        samesite="strict",
    )
    return answer


@router.delete(PATH, status_code=204, summary="Sign a browser out", responses=problems.documented())
async def sign_out() -> Response:
    """Have the browser forget the cookie; without one nothing happens."""
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, path=PREFIX, httponly=True, samesite="strict")
    answer.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="strict")
    return answer


def inside(scope: Scope) -> Scope:
    """Lead a request of the dashboard to the path of the API that it means, noting that it is one."""
    if not scope["path"].startswith(f"{PREFIX}/v1/"):
        return scope
    raw = scope.get("raw_path")
    return {
        **scope,
        "path": scope["path"].removeprefix(PREFIX),
        "raw_path": raw.removeprefix(PREFIX.encode()) if raw else raw,
        "state": {**scope.get("state", {}), "is_dashboard": True},
    }


def kept(request: Request) -> str:
    """Return the token that a browser keeps; empty where it has none, or asks as programs do."""
    if not getattr(request.state, "is_dashboard", False):
        return ""
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE) or ""


def _shown(caller: Caller, *, is_open: bool) -> Response:
    session = Session(name=caller.name, role=caller.role, is_open=is_open)
    return Response(session.model_dump_json(), media_type="application/json")


def _tokens(request: Request) -> Tokens:
    return cast("Tokens", request.app.state.tokens)
