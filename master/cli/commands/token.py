"""The command `token`: make a bearer token, and the line by which the master knows it."""

import hashlib
import re
import secrets
from enum import StrEnum
from typing import Annotated

import typer

from events.names import BadName, NodeName
from master.cli.exits import Exit, Failure
from master.cli.session import Json, Session

TOKEN_BYTES = 32
PATTERN = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,128}", re.ASCII)  # as `master/api/auth.py` takes it


class Role(StrEnum):
    """What a token allows; each includes those before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


def token(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="whose token it is, as the history shows it")],
    *,
    role: Annotated[Role, typer.Option("--role", help="what it allows")] = Role.VIEWER,
    models: Annotated[
        list[str] | None,
        typer.Option("--models", metavar="PATTERN", help="an operator of these models alone, such as 'team-a-*'"),
    ] = None,
    as_json: Json = False,
) -> Exit:
    """Make a token. It is shown once; the master keeps only its hash."""
    try:
        NodeName.parse(name)
    except BadName as error:
        rule = "letters, digits, '.', '_' and '-', the first a letter or digit"
        raise Failure(f"{name[:80]!a} cannot name a token ({rule})", code=Exit.USAGE) from error
    if models and role is not Role.OPERATOR:
        raise Failure("--models bounds what an operator may change: give --role operator, too", code=Exit.USAGE)
    if wrong := [one for one in models or () if not PATTERN.fullmatch(one)]:
        raise Failure(f"--models {wrong[0][:80]!a} is no pattern of models", code=Exit.USAGE)
    secret = secrets.token_urlsafe(TOKEN_BYTES)
    line = entry(name, role, secret) + (f":{'|'.join(models)}" if models else "")
    if as_json:
        session.screen.json({"name": name, "role": role, "token": secret, "line": line})
        return Exit.DONE
    session.screen.note("append this line to the master's MM_TOKENS_FILE:")
    session.screen.say(line)
    session.screen.note(f"and give this to {name}, to be set as MM_TOKEN; it is not shown again:")
    session.screen.say(secret)
    return Exit.DONE


def entry(name: str, role: Role, secret: str) -> str:
    """Write the line of the master's token file."""
    return f"{name}:{role}:{hashlib.sha256(secret.encode()).hexdigest()}"
