"""Where things are on a node's disk, and how to read them.

    MODELS_DIR/<model>/<version>/…                          exactly the files of a published version
    MODELS_DIR/models.config                                what TensorFlow Serving starts with
    MODELS_DIR/models.config.before-model-manager           what stood there before, if somebody else wrote it
    MODELS_DIR/.model-manager/not-managed.config            entries of others in models.config, should that be lost
    MODELS_DIR/.model-manager/receipts/<model>/<version>    what was published: every file's size, CRC32C, generation
    MODELS_DIR/.model-manager/extended/<model>/<version>    it got files after it was published: test it again
    MODELS_DIR/.model-manager/quarantine/<model>/<version>  why a version is not tried again, and which bytes it had
    MODELS_DIR/.model-manager/stage/<model>/<version>/      a download in progress (puller)
    MODELS_DIR/.model-manager/trash/                        on its way out (configurator)
    MODELS_DIR/.model-manager/lock.<service>                who holds the folder (`service/folder_lock.py`)
    MODELS_DIR/.model-manager/desired.<service>             the service's copy of desired state, for when NATS is away

A folder with a version's canonical number is a published version; that one rename is the truth. Its receipt is
written before, so a published version of ours always has one; a version without was put there by hand.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, NonNegativeInt, ValidationError

from events import bounds
from events.bounds import AtMost
from events.names import BadName, FileName, ModelName, Version
from events.wording import clean
from service import files
from service.files import disk_errors

T = TypeVar("T", bound=BaseModel)
OWN = ".model-manager"


class FileRecord(BaseModel):
    """A published file."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    name: FileName
    size: NonNegativeInt
    crc32c: NonNegativeInt
    generation: NonNegativeInt
    md5: str | None = None  # base64, as Cloud Storage writes it; composite objects have none


class Receipt(BaseModel):
    """What was published under a version's number."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    model: ModelName
    version: Version
    staged: datetime
    files: Annotated[tuple[FileRecord, ...], AtMost(bounds.MAX_FILES)]
    signed_by: Annotated[str, AfterValidator(clean)] = ""  # whom this node believed when it was published
    signed_digest: str = ""  # SHA-256 in hexadecimal that the subject of the believed statement has
    provenance: Annotated[str, AfterValidator(clean)] = ""  # by whom and out of what it was built, in words
    doubt: Annotated[str, AfterValidator(clean)] = ""  # why it was published though nobody was believed

    @property
    def fingerprint(self) -> str:
        """What makes two contents of a version equal."""
        return fingerprint(self.files)


class Quarantine(BaseModel):
    """A version that will not be tried again while its bytes are these."""

    model_config = ConfigDict(defer_build=True, extra="ignore", frozen=True)
    model: ModelName
    version: Version
    since: datetime
    reason: Annotated[str, AfterValidator(clean)]  # a release before this one wrote what it was told
    fingerprint: str | None  # None: the version had no receipt
    retry: str | None = None  # the operator's retry request that was already followed
    took_down: bool = False  # TensorFlow Serving went away while it was loading it


def fingerprint(files: tuple[FileRecord, ...]) -> str:
    """Sum up names and contents; generations do not count, the same bytes uploaded again are the same."""
    content = sorted((file.name, file.size, file.crc32c) for file in files)
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one models directory."""

    models_dir: Path

    @property
    def own(self) -> Path:
        """The folder for everything that is not a model's file."""
        return self.models_dir / OWN

    def model(self, model: ModelName) -> Path:
        """TensorFlow Serving's base path of a model."""
        return self.models_dir / model

    def version(self, model: ModelName, version: Version) -> Path:
        """The folder of a published version."""
        return self.models_dir / model / str(version)

    def receipt(self, model: ModelName, version: Version) -> Path:
        """The receipt of a version."""
        return self.own / "receipts" / model / f"{version}.json"

    def extended(self, model: ModelName, version: Version) -> Path:
        """The mark of a version that got files after it was published, and was not tested since."""
        return self.own / "extended" / model / str(version)

    def quarantine(self, model: ModelName, version: Version) -> Path:
        """The quarantine record of a version."""
        return self.own / "quarantine" / model / f"{version}.json"

    def stage(self, model: ModelName, version: Version) -> Path:
        """Where a version is put together."""
        return self.own / "stage" / model / str(version)

    @property
    def trash(self) -> Path:
        """Where removed folders wait for their deletion."""
        return self.own / "trash"

    def lock(self, name: str) -> Path:
        """A service's lock on the folder."""
        return self.own / f"lock.{name}"

    def desired(self, service: str) -> Path:
        """A service's copy of desired state."""
        return self.own / f"desired.{service}.json"


def names(layout: Layout) -> frozenset[ModelName]:
    """Name the models that have a folder or a quarantine record. Raises `Transient`.

    A link that cannot be followed counts, too: whoever looks there learns why, of that model alone.
    """
    found: set[ModelName] = set()
    for folder in (layout.models_dir, layout.own / "quarantine"):
        with disk_errors(f"cannot list {folder}"):
            found.update(_models(folder) if folder == layout.models_dir or folder.is_dir() else ())
    return frozenset(found)


def versions(layout: Layout, model: ModelName) -> frozenset[Version]:
    """Tell which versions of a model are on disk; none where it has no folder. Raises `Transient`."""
    with disk_errors(f"cannot list {layout.model(model)}"):
        return _versions(layout.model(model)) if layout.model(model).is_dir() else frozenset()


def extended(layout: Layout, model: ModelName) -> frozenset[Version]:
    """Name the versions that got files after they were published, and were not tested since. Raises `Transient`."""
    folder = layout.extended(model, Version(0)).parent
    with disk_errors(f"cannot list {folder}"):
        marks = list(folder.iterdir()) if folder.is_dir() else []
    return frozenset(version for mark in marks if (version := _version(mark.name)) is not None)


def read_receipt(layout: Layout, model: ModelName, version: Version) -> Receipt | None:
    """Read a version's receipt; None where there is none or it is unreadable (then it counts as put there by hand)."""
    return _read(Receipt, layout.receipt(model, version))


def quarantined(layout: Layout, model: ModelName) -> dict[Version, Quarantine]:
    """Read a model's quarantine records; one that is none is left out. Raises `Transient`."""
    folder = layout.quarantine(model, Version(0)).parent
    with disk_errors(f"cannot list {folder}"):
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
    records = (_read(Quarantine, path) for path in paths if path.suffix == ".json")
    return {record.version: record for record in records if record and record.model == model}


def _models(folder: Path) -> Iterator[ModelName]:
    """Name the folders that are called as a model can be; a link that cannot be followed may lead to one."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(BadName):
                model = ModelName.parse(entry.name)
                if _is_folder(entry, unknown=True):
                    yield model


def _versions(folder: Path) -> frozenset[Version]:
    """Name the folders that are called as a version is; TensorFlow Serving finds none behind what leads nowhere."""
    with os.scandir(folder) as entries:
        found = [(_version(entry.name), entry) for entry in entries]
        return frozenset(
            version for version, entry in found if version is not None and _is_folder(entry, unknown=False)
        )


def _version(name: str) -> Version | None:
    try:
        return Version.parse(name)
    except BadName:
        return None


def _is_folder(entry: "os.DirEntry[str]", *, unknown: bool) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or to a name that is too long
        return unknown


def _read(kind: type[T], path: Path) -> T | None:
    try:
        data = files.read(path, most_bytes=bounds.RECORD.max_bytes + 1)
        return None if bounds.RECORD.problem(data) else kind.model_validate_json(data)
    except (OSError, ValidationError):
        return None
