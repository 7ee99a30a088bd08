"""Reads and checks model server configs, with TensorFlow Serving's words for what it refuses.

Pure but for reading the file.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from google.protobuf import text_format
from google.protobuf.message import Message
from tensorflow_serving.config.model_server_config_pb2 import (
    TENSORFLOW,
    ModelConfig,
    ModelConfigList,
    ModelServerConfig,
)

from infra.tfserving.servable import Code, StatusError
from infra.tfserving.source import Monitored

log = logging.getLogger("tfserving.config")

PLATFORM = "tensorflow"
_Text = TypeVar("_Text", bound=Message)


class ConfigError(StatusError):
    """This config, file or flag cannot be taken."""


def read_text(path: Path, empty: _Text) -> _Text:
    """Parse a text proto file into `empty`, or raise `ConfigError`."""
    try:
        text = path.read_bytes().decode()
        return text_format.Parse(text, empty)
    except FileNotFoundError as error:
        raise ConfigError(Code.NOT_FOUND, f"{path}; No such file or directory") from error
    except OSError as error:
        raise ConfigError(Code.UNKNOWN, f"{path}; {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        log.error("Error parsing text-format %s: %s", empty.DESCRIPTOR.full_name, error)  # noqa: TRY400
        raise ConfigError(Code.INVALID_ARGUMENT, f"Invalid protobuf file: '{path}'") from error


def single_model(name: str, base_path: str) -> ModelServerConfig:
    """Return the config that --model_name and --model_base_path stand for."""
    model = ModelConfig(name=name, base_path=base_path, model_platform=PLATFORM)
    return ModelServerConfig(model_config_list=ModelConfigList(config=[model]))


def check_transition(old: ModelServerConfig, new: ModelServerConfig) -> None:
    """Refuse a change from a list of models to anything else."""
    kinds = (old.WhichOneof("config"), new.WhichOneof("config"))
    if kinds[0] is None or old == new or kinds == ("model_config_list", "model_config_list"):
        return
    raise ConfigError(
        Code.FAILED_PRECONDITION,
        "Cannot transition to requested config. It is only legal to transition from one ModelConfigList to another.",
    )


def check_models(models: Iterable[ModelConfig]) -> None:
    """Refuse a name listed twice, then any relative base path."""
    names: set[str] = set()
    for model in models:
        if model.name in names:
            raise ConfigError(
                Code.INVALID_ARGUMENT, f"Illegal to list model {model.name} multiple times in config list"
            )
        names.add(model.name)
    for model in models:
        if _is_relative(model.base_path):
            raise ConfigError(
                Code.INVALID_ARGUMENT,
                f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}",
            )


def check_platforms(old: Iterable[ModelConfig], new: Iterable[ModelConfig]) -> None:
    """Refuse another platform for a known name; an old model without any platform makes every check fail."""
    known = {model.name: platform(model) for model in old}
    for model in new:
        if model.name in known and (wanted := platform(model)) != known[model.name]:
            raise ConfigError(
                Code.INVALID_ARGUMENT,
                f"Illegal to change a model's platform. For model {model.name} platform was {known[model.name]} and "
                f"new platform requested is {wanted}",
            )


def check_routes(models: Iterable[ModelConfig]) -> None:
    """Refuse platforms that this server does not serve."""
    for model in models:
        if (wanted := platform(model)) != PLATFORM:
            raise ConfigError(Code.INVALID_ARGUMENT, f"Model {model.name} requests unsupported platform {wanted}")


def platform(model: ModelConfig) -> str:
    """Return a model's platform, or raise `ConfigError` when it names none or two."""
    if model.model_type:
        return _platform_of_type(model)
    if model.model_platform:
        return str(model.model_platform)
    raise ConfigError(
        Code.INVALID_ARGUMENT,
        "Illegal setting neither ModelServerConfig::model_type (deprecated) nor ModelServerConfig::model_platform, "
        f"model name is {model.name}",
    )


def monitored(config: ModelServerConfig) -> list[Monitored]:
    """Return what the file system source has to watch."""
    models = config.model_config_list.config
    return [Monitored(model.name, model.base_path, model.model_version_policy) for model in models]


def _platform_of_type(model: ModelConfig) -> str:
    if model.model_platform:
        raise ConfigError(
            Code.INVALID_ARGUMENT,
            "Illegal setting both ModelServerConfig::model_type (deprecated) and ModelServerConfig::model_platform, "
            f"model name is {model.name}",
        )
    if model.model_type == TENSORFLOW:
        return PLATFORM
    raise ConfigError(Code.INVALID_ARGUMENT, f"ModelServerConfig::model_type choice {model.model_type} not supported.")


def _is_relative(base_path: str) -> bool:
    parts = urlsplit(base_path)
    return not parts.scheme and not parts.netloc and not base_path.startswith("/")
