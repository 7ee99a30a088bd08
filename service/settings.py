"""Settings come from the environment, as one frozen class a service; this module alone reads it.

A wrong setting stops the process at the start with one line that names the variable, the value's problem, and exit
code 2. `--help` lists every setting with its meaning and default.
"""

import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from events import wording
from events.names import NodeName
from service.errors import BadSettings
from service.variables import PREFIX
from service.version import SAID

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=86400)]


class Settings(BaseModel):
    """What every service needs to know. A field's variable is `MM_` and its name in capitals."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    node: NodeName = Field(
        default_factory=lambda: NodeName.parse(socket.gethostname()),
        description="this node's name (default: host name)",
    )
    cluster: str = Field(
        "",
        pattern=r"^(|[a-z0-9][a-z0-9-]{0,62})$",
        description="name of the cluster, in reports; masters name nodes of another one that are in their NATS",
    )
    nats_url: str = Field("nats://127.0.0.1:4222", description="NATS servers, separated by commas")
    nats_user: str = Field("", description="NATS user name")
    nats_password: SecretStr = Field(SecretStr(""), description="NATS password")
    nats_nkey_file: Path | None = Field(None, description="file with the NATS nkey seed, instead of user and password")
    nats_ca_file: Path | None = Field(None, description="CA certificates to check the NATS servers by (turns TLS on)")
    http_host: str = Field("127.0.0.1", description="address of the HTTP port; 0.0.0.0 inside a container")
    http_advertise: str = Field(
        "", pattern=r"^(|[^\s/@]{1,253}:\d{1,5})$", description="host:port others reach it at (default: as it listens)"
    )
    http_names: str = Field(
        "",
        description="further host names, separated by commas, *.example.com for all below one, under which /status and"
        " /metrics are asked for; addresses, names without a dot, MM_NODE and MM_HTTP_ADVERTISE always count",
    )
    command_token: SecretStr = Field(
        SecretStr(""), description="bearer token for commands over HTTP; without it they are taken from this host only"
    )
    command_token_file: Path | None = Field(None, description="file with that token, instead of the variable")
    log_format: Literal["json", "text"] = Field("json", description="json or text")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="debug, info, warning or error")


class NodeSettings(Settings):
    """What the services on a node need to know besides."""

    models_dir: Path = Field(Path("/models"), description="the node's models directory")


S = TypeVar("S", bound=Settings)


def load(kind: type[S], environment: Mapping[str, str]) -> S:
    """Read a service's settings; `BadSettings` names every variable that is wrong, in one line.

    An empty variable counts as not set, so that compose files can pass optional ones through.
    """
    given = {name: environment[variable] for name in kind.model_fields if environment.get(variable := _variable(name))}
    try:
        loaded = kind.model_validate(given)
    except ValidationError as error:
        raise BadSettings(wording.problems(error, whole="settings", rename=_variable)) from error
    if loaded.command_token_file is None:
        return loaded
    return loaded.model_copy(update={"command_token": read_secret(loaded.command_token_file, "command_token_file")})


def start(kind: type[S], *, arguments: list[str], environment: Mapping[str, str], purpose: str) -> S:
    """Read settings for a program, or end it: `--help` and `--version` with 0, anything wrong with one line and 2."""
    if arguments in (["--help"], ["-h"]):
        sys.stdout.write(f"{purpose}\n\nSettings, from the environment:\n{describe(kind)}")
        raise SystemExit(0)
    if arguments == ["--version"]:
        sys.stdout.write(f"{SAID}\n")
        raise SystemExit(0)
    if arguments:
        sys.stderr.write(f"error: unknown argument {arguments[0]!a}; settings come from the environment, see --help\n")
        raise SystemExit(2)
    try:
        return load(kind, environment)
    except BadSettings as error:
        sys.stderr.write(f"error: wrong settings: {error}\n")
        raise SystemExit(2) from error


def names(kind: type[Settings]) -> frozenset[str]:
    """Name the variables that a service reads."""
    return frozenset(map(_variable, kind.model_fields))


def describe(kind: type[Settings]) -> str:
    """List the settings with meaning and default, a line each."""
    rows = [(_variable(name), _default(field), field.description or "") for name, field in kind.model_fields.items()]
    width = max(len(variable) for variable, _, _ in rows)
    return "".join(f"  {variable:<{width}}  {meaning}{default}\n" for variable, default, meaning in rows)


def read_secret(path: Path, name: str) -> SecretStr:
    """Read a secret from its file, as container engines hand them over."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"{_variable(name)}: cannot read {path}: {error}") from error
    if not text:
        raise BadSettings(f"{_variable(name)}: {path} is empty")
    return SecretStr(text)


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return " (required)"
    if field.default_factory is not None or field.default in (None, "", SecretStr("")):
        return ""
    return f" (default: {field.default})"
