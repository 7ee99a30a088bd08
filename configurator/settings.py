"""What the configurator needs to know beside what every service does; `--help` prints the descriptions."""

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, NonNegativeInt, model_validator

from configurator.serving import address, tls
from events.names import CONFIG_NAME
from service.google_access import check_ca_file
from service.settings import NodeSettings, Port, Seconds

MIB: Final = 1024 * 1024


def check_attest_key(path: Path) -> Path:
    """Make sure at the start that the key is there and can sign."""
    from service.signatures import keys  # noqa: PLC0415 - cryptography takes memory; few nodes need it here

    try:
        keys.load_private(path)
    except keys.BadKey as error:
        raise ValueError(str(error)) from error
    return path


class ConfiguratorSettings(NodeSettings):
    """The configurator's settings. A field's variable is `MM_` and its name in capitals."""

    serving_address: Annotated[str, AfterValidator(address.check)] = Field(
        "127.0.0.1:8500", description="host:port of TensorFlow Serving's gRPC, or unix:/path of its socket"
    )
    serving_ca_file: Annotated[Path, AfterValidator(check_ca_file)] | None = Field(
        None, description="CA certificates to check TensorFlow Serving by (turns TLS on)"
    )
    serving_cert_file: Path | None = Field(
        None, description="client certificate shown to TensorFlow Serving, where its SSLConfig has client_verify"
    )
    serving_key_file: Path | None = Field(None, description="the key of that certificate")
    serving_name: Annotated[str, Field(pattern=r"^(|[A-Za-z0-9*._:-]{1,253})$")] = Field(
        "", description="name that TensorFlow Serving's certificate is for (default: the host of MM_SERVING_ADDRESS)"
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
    stagger_seconds: Annotated[float, Field(ge=0, le=3600)] = Field(
        0.5, description="nodes begin the first load of a version within so many seconds, not at once (0: at once)"
    )
    heed_peers: bool = Field(
        default=True,
        description="do not load what took TensorFlow Serving down on another node until an operator retries it",
    )
    attest_key: Annotated[Path, AfterValidator(check_attest_key)] | None = Field(
        None, description="private key (PEM) by which this node signs what it serves, for `model-manager prove`"
    )
    http_port: Port = Field(8002, description="port of /livez, /readyz, /status and /metrics")

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.serving_cert_file or self.serving_key_file or self.serving_name) and not self.serving_ca_file:
            raise ValueError("MM_SERVING_CERT_FILE, MM_SERVING_KEY_FILE and MM_SERVING_NAME need MM_SERVING_CA_FILE")
        if bool(self.serving_cert_file) != bool(self.serving_key_file):
            raise ValueError("MM_SERVING_CERT_FILE and MM_SERVING_KEY_FILE need each other")
        if self.serving_cert_file and self.serving_key_file:
            tls.check_pair(self.serving_cert_file, self.serving_key_file)
        return self

    @property
    def serving_tls(self) -> tls.Tls | None:
        """What TLS to TensorFlow Serving is made with; None where it is spoken to in the clear."""
        if not self.serving_ca_file:
            return None
        return tls.Tls(self.serving_ca_file, self.serving_cert_file, self.serving_key_file, self.serving_name)

    @property
    def config_file(self) -> Path:
        """The file that TensorFlow Serving starts with."""
        return self.model_config_file or self.models_dir / CONFIG_NAME

    @property
    def reserve_bytes(self) -> int:
        """What of the disk should stay free."""
        return self.reserve_mib * MIB
