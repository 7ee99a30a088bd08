"""What the master needs to know beside what every service does; `--help` prints the descriptions."""

from typing import Annotated

from pydantic import Field

from service.settings import Port, Seconds, Settings


class MasterSettings(Settings):
    """The master's settings. A field's variable is `MM_` and its name in capitals."""

    http_port: Port = Field(8000, description="port of the API, /livez, /readyz, /status and /metrics")
    poll_seconds: Seconds = Field(60.0, description="seconds between looks for services that stopped reporting")
    command_seconds: Annotated[float, Field(gt=0, le=600)] = Field(
        5.0, description="so long the answers to a command are waited for"
    )
