"""What the bucket's objects are to the puller: files of versions of models. Pure: from what a list gives to values."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby, islice
from typing import TYPE_CHECKING

from events.bounds import MAX_FILES
from events.manifest import Content, decode_crc32c
from events.names import MANIFEST_NAME, BadName, FileName, Ignored, ModelName, ObjectPath, Version, locate, version_in
from puller.bucket.passed_over import PassedOver
from service.errors import Invalid
from service.isolation import Trouble, alone

if TYPE_CHECKING:
    from google.cloud.storage import Blob

NO_MODEL, NO_VERSION = "not a model name", "not a version number"  # why a folder is passed over
MAX_FOLDERS = 3  # of one number that are named
# What is written as Content-Encoding where nothing was encoded. Cloud Storage and its clients hand out the bytes as
# they are under each of these words.
UNENCODED = frozenset({"", "identity", "none", "binary", "7bit", "8bit", "utf-8"})


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a version, as one generation of an object in the bucket; the generation never changes its bytes."""

    name: FileName
    object_name: str
    content: Content
    generation: int
    md5: str | None  # base64; composite objects have none
    updated: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of one version at one moment, sorted by name, without the manifest."""

    files: tuple[RemoteFile, ...]
    manifest: RemoteFile | None
    ignored: PassedOver  # objects that are no files of the version
    problems: tuple[str, ...] = ()  # why the version cannot be used, whatever else is there


Listings = dict[tuple[ModelName, Version], Listing]
Odd = dict[ModelName, dict[Version, tuple[str, ...]]]  # folders such as 007 for 7; all where a number has several


@dataclass(frozen=True, slots=True)
class Catalog:
    """The models of the bucket and their versions; with their files where one list brought everything."""

    models: Mapping[ModelName, frozenset[Version]]
    ignored: PassedOver
    listings: Listings = field(default_factory=dict)
    odd: Odd = field(default_factory=dict)


def listing(blobs: Iterable["Blob"], prefix: str) -> Listing:
    """Put the objects of one version together; stops behind `MAX_FILES`, so rubbish fills neither memory nor time."""
    ignored = PassedOver()
    files: dict[FileName, RemoteFile] = {}
    problems: list[str] = []
    for blob in blobs:
        match locate(str(blob.name), prefix):
            case Ignored(reason=reason):
                ignored.add(reason, str(blob.name))
            case ObjectPath(file=name):
                match alone(_remote_file, name, blob):
                    case Trouble(reason=reason):
                        problems.append(f"the bucket's list says of {name} what cannot be: {reason}")
                    case file:
                        files[name] = file
                        problems += _problems(name, blob)
        if len(files) > MAX_FILES + 1:
            break
        if ignored.counts.total() > MAX_FILES:
            problems.append(f"it has more than {MAX_FILES} objects that are no files of a version")
            break
    manifest = files.pop(FileName(MANIFEST_NAME), None)
    return Listing(tuple(files[name] for name in sorted(files)), manifest, ignored, tuple(problems))


def catalog(blobs: Iterable["Blob"], prefix: str) -> Catalog:
    """Put all objects below the prefix together, sorted by name as lists give them."""
    ignored, passed = PassedOver(), set[tuple[str, str]]()
    found: dict[tuple[ModelName, Version], dict[str, Listing]] = defaultdict(dict)
    for folders, group in groupby(blobs, key=lambda blob: _folders(str(blob.name), prefix)):
        key = _key(folders) if folders else None
        if folders is None or key is None:
            passed |= set(_loose(group, prefix))
        elif isinstance(key, Ignored):
            passed.add((key.reason, f"{prefix}{'/'.join(folders[: 1 if key.reason == NO_MODEL else 2])}/"))
        else:
            found[key][folders[1]] = listing(group, prefix)
    for reason, name in passed:
        ignored.add(reason, name)
    models: dict[ModelName, dict[Version, tuple[str, ...]]] = defaultdict(dict)
    for (model, version), of_folders in found.items():
        models[model][version] = tuple(of_folders)
    return Catalog(
        {model: frozenset(versions) for model, versions in models.items()},
        ignored,
        {key: _only(key, of_folders) for key, of_folders in found.items()},
        {model: spelled for model, versions in models.items() if (spelled := odd(versions))},
    )


def _key(folders: tuple[str, str]) -> tuple[ModelName, Version] | Ignored:
    """Tell which version two folders are, or why they are none."""
    if (model := parse_model(folders[0])) is None:
        return Ignored(NO_MODEL)
    version = version_in(folders[1])
    return Ignored(NO_VERSION) if version is None else (model, version)


def _loose(blobs: Iterable["Blob"], prefix: str) -> Iterator[tuple[str, str]]:
    """Name the objects that lie above the versions' folders, with the reason."""
    for name in (str(blob.name) for blob in blobs):
        if isinstance(place := locate(name, prefix), Ignored):
            yield place.reason, name


def odd(folders: Mapping[Version, tuple[str, ...]]) -> dict[Version, tuple[str, ...]]:
    """Choose the versions of a model whose folder is not called as their number is written, or that have several."""
    return {version: names for version, names in folders.items() if names != (str(version),)}


def _only(key: tuple[ModelName, Version], found: Mapping[str, Listing]) -> Listing:
    return next(iter(found.values())) if len(found) == 1 else ambiguous(*key, folders=found)


def ambiguous(model: ModelName, version: Version, *, folders: Iterable[str]) -> Listing:
    """Say of a version that several folders have its number, as `7` and `007`: TensorFlow Serving would take one."""
    named = " and ".join(f"{model}/{folder}/" for folder in sorted(folders)[:MAX_FOLDERS])
    return Listing((), None, PassedOver(), (f"{named} are both version {version}: delete all but one of them",))


def at_most(blobs: Iterable["Blob"], count: int) -> Iterator["Blob"]:
    """Give so many objects, and raise `TooMany` where there is one more."""
    rest = iter(blobs)
    yield from islice(rest, count)
    if next(rest, None) is not None:
        raise TooMany


class TooMany(Exception):
    """There are more objects than were to be read."""


@lru_cache(maxsize=4096)
def parse_model(folder: str) -> ModelName | None:
    """The model that a folder holds, if it may hold one."""
    try:
        return ModelName.parse(folder)
    except BadName:
        return None


def _folders(name: str, prefix: str) -> tuple[str, str] | None:
    """The folders of model and version in front of an object's name; None where it lies above them."""
    parts = name.removeprefix(prefix).split("/", 2)
    return (parts[0], parts[1]) if len(parts) == 3 else None


def _remote_file(name: FileName, blob: "Blob") -> RemoteFile:
    """Read an entry of a list; `Invalid` where it does not say what an object has."""
    lacking = [field for field in ("size", "generation", "updated") if getattr(blob, field) is None]
    if lacking:
        raise Invalid(f"no {' and no '.join(lacking)}")
    return RemoteFile(
        name=name,
        object_name=str(blob.name),
        content=Content(_count(blob.size), decode_crc32c(blob.crc32c) if blob.crc32c else 0),
        generation=_count(blob.generation),
        md5=blob.md5_hash,
        updated=blob.updated if blob.updated.tzinfo else blob.updated.replace(tzinfo=UTC),
    )


def _count(value: object) -> int:
    number = int(str(value))
    if not 0 <= number < 2**63:
        raise Invalid(f"the number {str(value)[:30]}")
    return number


def _is_encoded(content_encoding: str) -> bool:
    """Tell whether the bytes are not those of the file."""
    return any(word.strip().lower() not in UNENCODED for word in content_encoding.split(","))


def _problems(name: FileName, blob: "Blob") -> list[str]:
    """Objects whose bytes cannot be had, or not be checked."""
    if not blob.crc32c:
        return [f"{name} has no CRC32C in the bucket: objects with a customer-supplied encryption key cannot be used"]
    if _is_encoded(blob.content_encoding or ""):
        return [f"{name} is stored with Content-Encoding {blob.content_encoding[:20]!a}: upload it as it is"]
    return []
