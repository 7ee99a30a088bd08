"""Configs as TensorFlow Serving reads them: the message of a reload, and the text of the file it starts with. Pure.

Policy is always `specific` and the platform always named: an entry without one makes TensorFlow Serving refuse every
later reload until it is restarted.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from configurator.told import Config, Entry
from events.names import BadName, ModelName, Version
from events.wording import clean
from service.isolation import Each, each

PLATFORM = "tensorflow"
EMPTY = b"model_config_list {}\n"  # by itself, so that TensorFlow Serving starts watching with no model


class BadConfig(ValueError):
    """A config file that cannot be read."""


def models(config: Config, base_path: Callable[[ModelName, Entry], Path]) -> Each[ModelName, ModelConfig]:
    """Write each model's part of the config."""
    return each(sorted(config), lambda name: model(name, config[name], base_path(name, config[name])))


def message(parts: Mapping[ModelName, ModelConfig]) -> ModelServerConfig:
    """Write the whole config."""
    server = ModelServerConfig()
    server.model_config_list.SetInParent()
    server.model_config_list.config.extend(part for _, part in sorted(parts.items()))
    return server


def text(good: Mapping[ModelName, frozenset[Version]], base_path: Callable[[ModelName], Path]) -> bytes:
    """Write the file to start with, without labels: they may not name what is not loaded yet."""
    if not good:
        return EMPTY
    parts = models({name: Entry(versions) for name, versions in good.items()}, lambda name, _: base_path(name))
    return str(text_format.MessageToString(message(parts.done))).encode()  # what fails here fails in each reload, too


def parse(data: bytes, base_path: Callable[[ModelName], Path]) -> dict[ModelName, frozenset[Version]]:
    """Read a file; entries that are not of our making are left out. `BadConfig` says what is wrong with it."""
    found = {}
    for entry in _read(data).model_config_list.config:
        try:
            name = ModelName.parse(entry.name)
            versions = frozenset(Version.check(number) for number in entry.model_version_policy.specific.versions)
        except BadName:
            continue
        if versions and Path(entry.base_path) == base_path(name):
            found[name] = versions
    return found


def is_foreign(data: bytes, base_path: Callable[[ModelName], Path]) -> bool:
    """Tell whether a file holds something that somebody else wrote: writing it anew would lose that."""
    try:
        server = _read(data)
        return server not in (ModelServerConfig(), _read(EMPTY)) and data != text(parse(data, base_path), base_path)
    except BadConfig:
        return True


def _read(data: bytes) -> ModelServerConfig:
    try:
        return text_format.Parse(data.decode(), ModelServerConfig())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise BadConfig(clean(str(error))) from error


def model(name: ModelName, entry: Entry, base_path: Path) -> ModelConfig:
    """Write one model's part of the config."""
    part = ModelConfig(name=name, base_path=str(base_path), model_platform=PLATFORM)
    part.model_version_policy.specific.versions.extend(sorted(entry.versions))
    for label, version in sorted(entry.labels.items()):
        part.version_labels[label] = version
    return part
