"""The bucket as the puller sees it: which models and versions there are, and which files a version has.

Lists are strongly consistent, so they are what every decision is made from. Listing uses Google's client (it alone
gives generation, size and CRC32C); the bytes of models are moved by an engine of `puller/transfer.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from events.manifest import Content
from events.names import FileName, ModelName, Version


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
    ignored: Mapping[str, int]  # reason -> objects that are no files of the version
    problems: tuple[str, ...] = ()  # why the version cannot be used, whatever else is there


@dataclass(frozen=True, slots=True)
class Catalog:
    """The models of the bucket and their versions: folder names only, nothing said about what is inside."""

    models: Mapping[ModelName, frozenset[Version]]
    ignored: Mapping[str, int]


class Bucket:
    """One bucket, or the part of it below a prefix. Every method raises `Transient` with an operator's sentence."""

    def __init__(self, name: str, *, prefix: str) -> None:
        """Keep what was given; `prefix` comes from `events.names.parse_prefix`. The first call connects."""
        self._name = name
        self._prefix = prefix

    async def catalog(self) -> Catalog:
        """List models and versions: one list operation and one more a model."""
        raise NotImplementedError

    async def listing(self, model: ModelName, version: Version) -> Listing:
        """List the files of a version; no files where there is no such version."""
        raise NotImplementedError

    async def read(self, file: RemoteFile, *, max_bytes: int) -> bytes:
        """Return the bytes of a small file (the manifest), of exactly this generation and checked."""
        raise NotImplementedError
