"""What the master needs to know beside what every service does; `--help` prints the descriptions."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from service.settings import Port, Seconds, Settings


class MasterSettings(Settings):
    """The master's settings. A field's variable is `MM_` and its name in capitals."""

    http_port: Port = Field(8000, description="port of the API, /livez, /readyz, /status and /metrics")
    poll_seconds: Seconds = Field(60.0, description="seconds between looks for services that stopped reporting")
    forget_lost_days: Annotated[float, Field(ge=0, le=3650)] = Field(
        0.0, description="nodes lost for so many days are forgotten, with the policies that were theirs alone; 0: never"
    )
    command_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        5.0, description="so long the answers to a command are waited for"
    )
    tokens: SecretStr = Field(
        SecretStr(""),
        description="bearer tokens of the API, name:role:sha256-in-hex, separated by commas;"
        " with none here or in the file only this host itself is answered, as admin",
    )
    tokens_file: Path | None = Field(None, description="file with such tokens, one a line; read again when it changes")
    without_tokens: bool = Field(
        default=False,
        description="start though there is no token and MM_HTTP_HOST is not this host alone; others are refused all the"
        " same",
    )
    trusted_proxies: str = Field(
        "",
        description="addresses or networks, separated by commas, of proxies before the API: of them alone"
        " X-Forwarded-For and X-Forwarded-Proto are believed",
    )
    requests_per_second: Annotated[float, Field(gt=0, le=100_000)] = Field(
        100.0, description="so many requests a second one token may make of the API, and twice as many at once"
    )
