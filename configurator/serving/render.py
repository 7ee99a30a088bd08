"""Configs as TensorFlow Serving reads them: the message of a reload, and the text of the file it starts with. Pure.

Policy is always `specific` and the platform always named: an entry without one makes TensorFlow Serving refuse every
later reload until it is restarted.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from configurator.serving.applied_config import Config, Entry
from events.names import BadName, ModelName, Version
from events.wording import clean
from service.isolation import Each, each

PLATFORM = "tensorflow"
MAX_OTHERS = 2000  # entries of somebody else in a config file
EMPTY = b"model_config_list {}\n"  # by itself, so that TensorFlow Serving starts watching with no model


class BadConfig(ValueError):
    """A config file that cannot be read."""


class TooMany(BadConfig):
    """A config file that names more models of others than are kept."""


def models(config: Config, base_path: Callable[[ModelName, Entry], Path]) -> Each[ModelName, ModelConfig]:
    """Write each model's part of the config."""
    return each(sorted(config), lambda name: model(name, config[name], base_path(name, config[name])))


def message(parts: Mapping[ModelName, ModelConfig], others: Iterable[ModelConfig] = ()) -> ModelServerConfig:
    """Write the whole config; of a name that is both ours and another's, ours. No name may stand there twice."""
    server = ModelServerConfig()
    server.model_config_list.SetInParent()
    server.model_config_list.config.extend(part for _, part in sorted(parts.items()))
    server.model_config_list.config.extend(part for part in others if part.name not in parts)
    return server


def text(
    good: Mapping[ModelName, frozenset[Version]],
    base_path: Callable[[ModelName], Path],
    others: Iterable[ModelConfig] = (),
) -> bytes:
    """Write the file to start with, our part without labels: they may not name what is not loaded yet."""
    parts = models({name: Entry(versions) for name, versions in good.items()}, lambda name, _: base_path(name))
    whole = message(parts.done, others)  # what fails here fails in each reload, too
    return str(text_format.MessageToString(whole)).encode() if whole.model_config_list.config else EMPTY


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


def others(data: bytes, base_path: Callable[[ModelName], Path]) -> tuple[ModelConfig, ...]:
    """Read the entries of models that lie elsewhere, whole; what TensorFlow Serving would refuse is left out.

    `BadConfig` says what is wrong with the file, `TooMany` that there are too many of them.
    """
    found: dict[str, ModelConfig] = {}
    for entry in _read(data).model_config_list.config:
        if _is_usable(entry) and not _lies_here(entry, base_path):
            found.setdefault(entry.name, entry)
    if len(found) > MAX_OTHERS:
        raise TooMany(f"it names {len(found)} models outside the models directory, more than {MAX_OTHERS}")
    return tuple(found.values())


def is_foreign(data: bytes, base_path: Callable[[ModelName], Path]) -> bool:
    """Tell whether a file holds something that somebody else wrote and that is written otherwise from now on."""
    try:
        server = _read(data)
        if server in (ModelServerConfig(), _read(EMPTY)):
            return False
        return data != text(parse(data, base_path), base_path, others(data, base_path))
    except BadConfig:
        return True


def _lies_here(entry: ModelConfig, base_path: Callable[[ModelName], Path]) -> bool:
    try:
        return Path(entry.base_path) == base_path(ModelName.parse(entry.name))
    except BadName:
        return False


def _is_usable(entry: ModelConfig) -> bool:
    """Tell whether TensorFlow Serving takes an entry; one without platform has it refuse all that follow."""
    has_place = entry.base_path.startswith("/") or "://" in entry.base_path
    return bool(entry.name and has_place and (entry.model_platform or entry.model_type))


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
