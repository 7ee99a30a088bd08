"""What the configurator needs to know beside what every service does; `--help` prints the descriptions."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator, Field, NonNegativeInt

from configurator import address
from events.names import CONFIG_NAME
from service.settings import NodeSettings, Port, Seconds

MIB: Final = 1024 * 1024


class ConfiguratorSettings(NodeSettings):
    """The configurator's settings. A field's variable is `MM_` and its name in capitals."""

    serving_address: Annotated[str, AfterValidator(address.check)] = Field(
        "127.0.0.1:8500", description="host:port of TensorFlow Serving's gRPC, or unix:/path of its socket"
    )
    model_config_file: Path | None = Field(
        None, description="file TensorFlow Serving starts with (default: MM_MODELS_DIR/models.config)"
    )
    poll_seconds: Seconds = Field(15.0, description="seconds between looks at everything")
    retention: Annotated[int, Field(ge=0, le=1000)] = Field(2, description="older versions kept on disk for a rollback")
    reserve_mib: NonNegativeInt = Field(1024, description="below so many free MiB only one older version is kept")
    grace_seconds: Annotated[float, Field(ge=0, le=86400)] = Field(
        10.0, description="a version that nobody needs any more stays on disk for so many seconds"
    )
    load_seconds: Seconds = Field(600.0, description="a version that loads for longer is given up")
    new_load_seconds: Seconds | None = Field(
        None,
        description="the same for the first version of a model, during which no other reload is taken "
        "(default: MM_LOAD_SECONDS)",
    )
    reload_seconds: Seconds = Field(120.0, description="a reload that takes longer is looked into")
    smoke_seconds: Seconds = Field(30.0, description="a version must answer its sample within so many seconds")
    serving_lost_seconds: Seconds = Field(
        120.0, description="after so many seconds without TensorFlow Serving its config file is emptied"
    )
    http_port: Port = Field(8002, description="port of /livez, /readyz, /status and /metrics")

    @property
    def config_file(self) -> Path:
        """The file that TensorFlow Serving starts with."""
        return self.model_config_file or self.models_dir / CONFIG_NAME

    @property
    def reserve_bytes(self) -> int:
        """What of the disk should stay free."""
        return self.reserve_mib * MIB
