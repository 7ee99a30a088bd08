"""The command `token`: make a bearer token, and the line by which the master knows it."""

import hashlib
import secrets
from enum import StrEnum
from typing import Annotated

import typer

from events.names import BadName, NodeName
from master.cli.ends import Exit, Failure
from master.cli.session import Json, Session

TOKEN_BYTES = 32


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
    as_json: Json = False,
) -> Exit:
    """Make a token. It is shown once; the master keeps only its hash."""
    try:
        NodeName.parse(name)
    except BadName as error:
        rule = "letters, digits, '.', '_' and '-', the first a letter or digit"
        raise Failure(f"{name[:80]!a} cannot name a token ({rule})", code=Exit.USAGE) from error
    secret = secrets.token_urlsafe(TOKEN_BYTES)
    line = entry(name, role, secret)
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
