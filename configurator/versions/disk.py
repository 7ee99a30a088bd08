"""The node's models directory: what is on it, quarantine records, the last good versions, and removal.

The configurator alone removes versions. A removed version leaves by one rename into the trash; its files are deleted
from there by a task of its own, since that may take long. What has no receipt of ours is never touched.
"""

import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

from configurator.serving.applied_config import Entry, Key
from configurator.versions.confirmed_versions import Good
from configurator.versions.startup_config import ConfigFile
from events.names import ModelName, Version
from service import files, layout, logs
from service.errors import Transient
from service.files import disk_errors, is_empty, is_folder, refuse_links
from service.isolation import Each, each
from service.layout import Layout, Quarantine, Receipt

log = logs.get("configurator.disk")


class Unlistable(Transient):
    """A model's folder cannot be listed; where TensorFlow Serving cannot either, it updates no model at all."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A model's folder, with the quarantine records that concern the bytes that are in it, or none that are."""

    versions: frozenset[Version]
    by_hand: frozenset[Version]  # without a receipt of ours
    hollow: frozenset[Version]  # empty and without a receipt: no version at all
    is_there: bool
    quarantined: Mapping[Version, Quarantine]
    has_records: bool = False  # of versions in quarantine, in force or not
    extended: frozenset[Version] = frozenset()  # got files after they were published, and were not tested since

    @property
    def is_anything(self) -> bool:
        """Whether there is any version in it, or what looks like one, or a record of one."""
        return bool(self.versions or self.hollow or self.has_records)


@dataclass(frozen=True, slots=True)
class Space:
    """The file system of the models, in bytes."""

    total: int
    free: int


class Disk:
    """Everything the configurator does on disk. All calls block."""

    def __init__(self, layout: Layout, config_file: Path) -> None:
        self._layout = layout
        self._config = ConfigFile(layout, config_file)

    def look(self, names: Collection[ModelName]) -> Each[ModelName, Folder]:
        """Tell what is there of these models and of all others found. Raises `Transient`."""
        found = each(layout.names(self._layout) | set(names), self._folder)
        done = {name: folder for name, folder in found.done.items() if folder.is_anything or name in names}
        return Each(done, found.troubles)

    def space(self) -> Space:
        """Tell how full the disk is. Raises `Transient`."""
        with disk_errors(f"cannot look at the disk of {self._layout.models_dir}"):
            usage = shutil.disk_usage(self._layout.models_dir)
        return Space(usage.total, usage.free)

    def missing(self, keys: Iterable[Key]) -> list[Key]:
        """Name the versions whose folder is not there."""
        return sorted(key for key in keys if not is_folder(self._layout.version(*key)))

    def path(self, key: Key) -> Path:
        """Where a version is."""
        return self._layout.version(*key)

    def fingerprint(self, key: Key) -> str | None:
        """Sum up the bytes of a version, by its receipt."""
        receipt = self.receipt(key)
        return receipt.fingerprint if receipt else None

    def receipt(self, key: Key) -> Receipt | None:
        """Read what was published under a version's number; None where there is no receipt of ours."""
        return layout.read_receipt(self._layout, *key)

    def quarantine(self, record: Quarantine) -> None:
        """Remember that a version is not to be tried again. Raises `Transient`."""
        path = self._layout.quarantine(record.model, record.version)
        self._refuse_links(path.parent)
        files.write(path, record.model_dump_json(indent=2).encode())

    def tested(self, key: Key) -> None:
        """Note that a version was tested with all its files. Raises `Transient`."""
        path = self._layout.extended(*key)
        with disk_errors(f"cannot remove {path}"):
            path.unlink(missing_ok=True)

    def release(self, key: Key) -> None:
        """Forget that a version is in quarantine. Raises `Transient`."""
        path = self._layout.quarantine(*key)
        with disk_errors(f"cannot remove {path}"):
            path.unlink(missing_ok=True)

    def read_good(self) -> tuple[dict[ModelName, frozenset[Version]], dict[ModelName, frozenset[Version]]]:
        """Read the last good versions, and what the config file holds; without a record the file is the record."""
        return self._config.read_good()

    def keep_foreign(self) -> tuple[ModelConfig, ...]:
        """Keep a copy of a config file that is not ours, and return its entries that stay. Raises `Transient`."""
        others = self._config.read_others()
        self._config.keep_copy()
        return others

    def write_good(self, good: Good) -> None:
        """Remember the last good versions. Raises `Transient`."""
        self._config.write_good(good)

    def write_config(self, startable: Good, others: tuple[ModelConfig, ...] = ()) -> bool:
        """Write what TensorFlow Serving starts with; tell whether that is new. Raises `Transient`."""
        return self._config.write(startable, others)

    def remove(self, key: Key) -> None:
        """Take a version off the models directory, by one rename. Raises `Transient`."""
        folder = self._layout.version(*key)
        self._refuse_links(folder.parent, self._layout.trash)
        with disk_errors(f"cannot remove {folder}"):
            self._layout.trash.mkdir(parents=True, exist_ok=True)
            folder.rename(self._layout.trash / f"{key[0]}.{key[1]}.{uuid4().hex}")
            files.sync_folder(folder.parent)
            self._layout.receipt(*key).unlink(missing_ok=True)
            self._layout.extended(*key).unlink(missing_ok=True)

    def remove_folder(self, model: ModelName) -> None:
        """Take away the folder of a removed model if nothing is in it. Raises `Transient`."""
        folder = self._layout.model(model)
        with disk_errors(f"cannot remove {folder}"):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()

    def base_path(self, model: ModelName, entry: Entry) -> Path:
        """Tell where TensorFlow Serving looks for a model's versions."""
        return self._held(model) if entry.is_held else self._layout.model(model)

    def hold(self, model: ModelName, entry: Entry) -> Path:
        """Return the base path of a model in a config; of one that is held, after making the stand-in.

        In the stand-in, versions on disk are links, and the others, which are in memory, are empty folders.
        """
        folder = self.base_path(model, entry)
        if not entry.is_held:
            return folder
        self._refuse_links(folder)
        with disk_errors(f"cannot make {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            for version in entry.versions:
                real, place = self._layout.version(model, version), folder / str(version)
                if is_folder(real) and not place.is_symlink():
                    files.remove(place)
                    place.symlink_to(real)
                elif not is_folder(real) and not is_folder(place):
                    place.unlink(missing_ok=True)
                    place.mkdir()
        return folder

    def let_go(self, models: Iterable[ModelName]) -> None:
        """Remove the stand-ins of models that are not held any more. Raises `Transient`."""
        self._refuse_links(self._layout.own / "held")
        for model in models:
            with disk_errors(f"cannot remove {self._held(model)}"):
                files.remove(self._held(model))

    def prop(self, model: ModelName, versions: Iterable[Version]) -> None:
        """Put empty folders where TensorFlow Serving waits for versions that vanished, so that it can go on.

        It tries one, fails, and lets the reload end. A base path appears with all of its versions in one rename.
        Raises `Transient`.
        """
        with disk_errors(f"cannot make {self._layout.model(model)}"):
            staged = self._layout.own / "held" / uuid4().hex
            self._refuse_links(staged.parent, self._layout.model(model))
            for version in versions:
                self._layout.receipt(model, version).unlink(missing_ok=True)
                (staged / str(version)).mkdir(parents=True)
            if is_folder(self._layout.model(model)):
                for path in staged.iterdir():
                    path.rename(self._layout.model(model) / path.name)
                staged.rmdir()
            else:
                staged.rename(self._layout.model(model))

    def clear(self, key: Key) -> None:
        """Remove an empty folder that is no version."""
        with disk_errors(f"cannot remove {self._layout.version(*key)}"):
            self._layout.version(*key).rmdir()

    def sweep(self) -> None:
        """Delete what is in the trash; what cannot be deleted now is tried again by the next sweep."""
        try:
            self._refuse_links(self._layout.trash)
            with disk_errors(f"cannot look at {self._layout.trash}"):
                paths = sorted(self._layout.trash.iterdir()) if self._layout.trash.is_dir() else []
            for path in paths:
                _delete(path)
        except Transient as error:
            log.warning("trash is not deleted", reason=str(error))

    def _folder(self, name: ModelName) -> Folder:
        try:
            found = layout.versions(self._layout, name)
        except Transient as error:
            raise Unlistable(str(error)) from error
        records, extended = layout.quarantined(self._layout, name), layout.extended(self._layout, name)
        with disk_errors(f"cannot look at {self._layout.model(name)}"):
            by_hand = frozenset(version for version in found if not self._layout.receipt(name, version).exists())
            hollow = frozenset(version for version in by_hand if is_empty(self._layout.version(name, version)))
        versions = found - hollow
        in_force = {
            version: record
            for version, record in records.items()
            if version not in versions or self.fingerprint((name, version)) == record.fingerprint
        }
        is_there = is_folder(self._layout.model(name))
        return Folder(
            versions, by_hand - hollow, hollow, is_there, in_force, has_records=bool(records), extended=extended
        )

    def _refuse_links(self, *folders: Path) -> None:
        refuse_links(*folders, below=self._layout.models_dir)

    def _held(self, model: ModelName) -> Path:
        return self._layout.own / "held" / model


def _delete(path: Path) -> None:
    try:
        files.remove(path)
    except OSError as error:
        log.warning("trash cannot be deleted yet", path=str(path), reason=error.strerror)
