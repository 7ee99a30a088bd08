"""Which role a route needs. Who asks is known from the gate; a session of the dashboard would be found there, too."""

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from master.api.auth import Caller, Role
from master.api.problems import Kind, Problem

_bearer = HTTPBearer(
    scheme_name="token",
    auto_error=False,  # the gate has looked already; this stands here for the OpenAPI document
    description="`model-manager token NAME --role ROLE` makes one. Roles: viewer reads and has dry runs, operator"
    " changes what is served, admin forgets nodes; each includes those before it.",
)


def needs(role: Role) -> Callable[..., Awaitable[Caller]]:
    """Make a dependency that lets callers with a role pass, and tells who it is."""

    async def check(
        request: Request, _credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Caller:
        caller = cast("Caller", request.state.caller)
        _demand(caller, role)
        if role is not Role.VIEWER and "model" in request.path_params:
            permit(caller, str(request.path_params["model"]))
        return caller

    return check


def permit_change(caller: Caller, model: str, *, is_dry_run: bool) -> None:
    """Refuse a change of a model to who may not make it. A dry run changes nothing: whoever looks may have one."""
    if not is_dry_run:
        _demand(caller, Role.OPERATOR)
        permit(caller, model)


def _demand(caller: Caller, role: Role) -> None:
    if not caller.role.includes(role):
        raise Problem(
            Kind.NOT_ALLOWED, f"this needs the role {role}; the token {caller.name} is {caller.role}", needs=role
        )


def permit(caller: Caller, model: str | None) -> None:
    """Refuse a change of a model, or of all models at once (None), that the token's patterns do not cover."""
    if not caller.may_change(model):
        bound = " or ".join(caller.models)
        what = f"model {model[:128]} is none" if model else "this touches all models; name one"
        raise Problem(
            Kind.NOT_ALLOWED, f"the token {caller.name} may change models called {bound}: {what}", needs=Role.OPERATOR
        )


Viewer = Annotated[Caller, Depends(needs(Role.VIEWER))]
Operator = Annotated[Caller, Depends(needs(Role.OPERATOR))]
Admin = Annotated[Caller, Depends(needs(Role.ADMIN))]
