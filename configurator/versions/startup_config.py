"""The file that TensorFlow Serving starts with, and the record of the last good versions beside it.

Who comes from a config file written by hand finds its models in it still: entries of models that lie outside the
models directory stay there, whole, until an operator says otherwise. A copy of the file as it was is kept, too.
"""

from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from configurator.serving import render
from configurator.versions.confirmed_versions import Good
from events.names import ModelName, Version
from service import files, logs
from service.errors import Transient
from service.files import disk_errors
from service.layout import Layout

log = logs.get("configurator.disk")

MAX_BYTES = 16 * 1024 * 1024  # 15,000 models of ours take a fifth of that
COPY = "before-model-manager"


class TooBig(Transient):
    """The config file cannot be taken over whole, so nothing is written in its place and nothing is unloaded."""


class ConfigFile:
    """The config file and its records. All calls block."""

    def __init__(self, layout: Layout, path: Path) -> None:
        self._layout = layout
        self._path = path
        self._record = layout.own / "last-good.config"
        self._others = layout.own / "not-managed.config"

    def read_good(self) -> tuple[dict[ModelName, frozenset[Version]], dict[ModelName, frozenset[Version]]]:
        """Read the last good versions, and what the config file holds; without a record the file is the record."""
        in_file, recorded = self._read(self._path), self._read(self._record)
        known = (in_file or {}) if recorded is None else recorded
        return known, known if in_file is None else in_file

    def read_others(self) -> tuple[ModelConfig, ...]:
        """Read the entries that are not ours; without a readable file the record holds. Raises `Transient`."""
        for path in (self._path, self._others):
            with disk_errors(f"cannot read {path}"):
                data = _bounded(path) if path.exists() else b""
            try:
                if data:
                    return render.others(data, self._layout.model)
            except render.TooMany as error:
                raise TooBig(f"{path} is left as it is: {error}; name fewer") from error
            except render.BadConfig as error:  # of the file that is said where our own part of it is read
                log.debug("no entries of others to be read", path=str(path), reason=str(error))
        return ()

    def keep_copy(self) -> None:
        """Keep a copy of a config file that is not ours beside it, the first one found. Raises `Transient`."""
        path, copy = self._path, self._path.with_name(f"{self._path.name}.{COPY}")
        with disk_errors(f"cannot keep a copy of {path}"):
            data = path.read_bytes() if path.exists() else b""
            if data and not copy.exists() and render.is_foreign(data, self._layout.model):
                files.write(copy, data)
                log.warning(
                    "config file of somebody else is written anew; a copy is kept", path=str(path), copy=str(copy)
                )

    def write_good(self, good: Good) -> None:
        """Remember the last good versions. Raises `Transient`."""
        files.write(self._record, render.text(good, self._layout.model))

    def write(self, startable: Good, others: tuple[ModelConfig, ...]) -> bool:
        """Write what TensorFlow Serving starts with; tell whether that is new. Raises `Transient`.

        The file goes first: what an operator let go does not come back with it.
        """
        is_new = files.write(self._path, render.text(startable, self._layout.model, others))
        if others or self._others.exists():
            files.write(self._others, render.text({}, self._layout.model, others))
        return is_new

    def _read(self, path: Path) -> dict[ModelName, frozenset[Version]] | None:
        try:
            return render.parse(path.read_bytes(), self._layout.model)
        except FileNotFoundError:
            return None
        except (OSError, render.BadConfig) as error:
            log.warning("config not readable; it is written anew", path=str(path), reason=str(error))
            return None


def _bounded(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise TooBig(f"{path} is left as it is: it is bigger than {MAX_BYTES} bytes; name fewer models in it")
    return path.read_bytes()
