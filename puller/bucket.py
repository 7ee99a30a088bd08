"""The bucket as the puller sees it: which models and versions there are, and which files a version has.

Lists are strongly consistent, so they are what every decision is made from. Listing uses Google's client (it alone
gives generation, size and CRC32C); the bytes of models are moved by an engine of `puller/transfer.py`.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from events.manifest import Content, decode_crc32c
from events.names import MANIFEST_NAME, BadName, FileName, Ignored, ModelName, ObjectPath, Version, locate
from puller.access import TIMEOUT_SECONDS, Access
from puller.together import together
from service.errors import Transient

if TYPE_CHECKING:
    from google.cloud.storage import Blob

R = TypeVar("R")

MAX_FILES: Final = 50_000  # of one version; a SavedModel has a few hundred, shards and assets together
PAGE: Final = 1000  # the most Cloud Storage gives in one list operation
RETRY_SECONDS: Final = 5.0  # of one call; after that the next pass tries again
AGAIN: Final = "trying again at each poll"


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


class _Pages(Protocol):
    """What Google's client gives for a list operation: objects, and after them the folders it met."""

    prefixes: set[str]

    def __iter__(self) -> Iterator["Blob"]: ...


class Bucket:
    """One bucket, or the part of it below a prefix. Every method raises `Transient` with an operator's sentence."""

    def __init__(self, name: str, *, prefix: str, access: Access, page: int = PAGE) -> None:
        """Keep what was given; `prefix` comes from `events.names.parse_prefix`. The first call connects."""
        self._name = name
        self._prefix = prefix
        self._access = access
        self._page = page

    async def catalog(self) -> Catalog:
        """List models and versions: one list operation and one more a model (and one more per 1000 names of each).

        A flat list would cost an operation per 1000 objects, whatever they are.
        """
        ignored: Counter[str] = Counter()
        folders = await self._folders(self._prefix, ignored)
        models = [model for folder in folders if (model := _model(folder, ignored))]
        found = await together(self._versions(model, ignored) for model in models)
        return Catalog({model: versions for model, versions in zip(models, found, strict=True) if versions}, ignored)

    async def versions(self, model: ModelName) -> frozenset[Version]:
        """List one model's versions; none where there is no such model."""
        return await self._versions(model, Counter())

    async def listing(self, model: ModelName, version: Version) -> Listing:
        """List the files of a version; no files where there is no such version.

        Stops behind `MAX_FILES`, so that a bucket full of rubbish cannot fill the memory.
        """
        return await self._run(lambda: self._list_files(f"{self._prefix}{model}/{version}/"))

    async def read(self, file: RemoteFile, *, max_bytes: int) -> bytes:
        """Return the bytes of a small file (the manifest), of exactly this generation and checked."""
        if file.content.size > max_bytes:
            raise Transient(f"{file.object_name} has {file.content.size} bytes, more than {max_bytes}; it is not read")
        data = await self._run(lambda: self._download(file))
        if len(data) != file.content.size:
            raise Transient(f"{file.object_name} came with {len(data)} bytes instead of {file.content.size}")
        return data

    async def _versions(self, model: ModelName, ignored: Counter[str]) -> frozenset[Version]:
        folders = await self._folders(f"{self._prefix}{model}/", ignored)
        return frozenset(version for folder in folders if (version := _version(folder, ignored)) is not None)

    async def _folders(self, prefix: str, ignored: Counter[str]) -> list[str]:
        """The names of the folders directly below a prefix; objects there are none of ours."""

        def run() -> tuple[list[str], list[str]]:
            pages = self._list(prefix, delimiter="/", fields="prefixes,items(name),nextPageToken")
            objects = [str(blob.name) for blob in pages]
            return sorted(folder[len(prefix) : -1] for folder in pages.prefixes), objects

        folders, objects = await self._run(run)
        ignored.update(place.reason for name in objects if isinstance(place := locate(name, self._prefix), Ignored))
        return folders

    def _list_files(self, prefix: str) -> Listing:
        fields = "items(name,size,crc32c,generation,md5Hash,updated,contentEncoding),nextPageToken"
        ignored: Counter[str] = Counter()
        files: dict[FileName, RemoteFile] = {}
        problems = []
        for blob in self._list(prefix, delimiter=None, fields=fields):
            match locate(str(blob.name), self._prefix):
                case Ignored(reason=reason):
                    ignored[reason] += 1
                case ObjectPath(file=name):
                    problems += _problems(name, blob)
                    files[name] = _remote_file(name, blob)
            if len(files) > MAX_FILES + 1:
                break
        manifest = files.pop(FileName(MANIFEST_NAME), None)
        return Listing(tuple(files[name] for name in sorted(files)), manifest, ignored, tuple(problems))

    def _list(self, prefix: str, *, delimiter: str | None, fields: str) -> _Pages:
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415

        pages: _Pages = self._access.client.list_blobs(
            self._name,
            prefix=prefix,
            delimiter=delimiter,
            fields=fields,
            page_size=self._page,
            timeout=TIMEOUT_SECONDS,
            retry=DEFAULT_RETRY.with_timeout(RETRY_SECONDS).with_delay(initial=0.2, maximum=2.0),
        )
        return pages

    def _download(self, file: RemoteFile) -> bytes:
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415

        blob = self._access.client.bucket(self._name).blob(file.object_name, generation=file.generation)
        retry = DEFAULT_RETRY.with_timeout(RETRY_SECONDS)
        return bytes(blob.download_as_bytes(raw_download=True, checksum="crc32c", timeout=TIMEOUT_SECONDS, retry=retry))

    async def _run(self, call: Callable[[], R]) -> R:
        return await self._access.run(lambda: self._in_words(call))

    def _in_words(self, call: Callable[[], R]) -> R:
        """Turn what Google's libraries raise into a sentence for the operator."""
        from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, Unauthorized  # noqa: PLC0415
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        try:
            return call()
        except NotFound as error:
            what = f"bucket {self._name} does not exist, or this account may not see it"
            raise Transient(f"{what}: {_short(error)}; {AGAIN}") from error
        except (Forbidden, Unauthorized) as error:
            raise Transient(f"this account may not read bucket {self._name}: {_short(error)}; {AGAIN}") from error
        except GoogleAuthError as error:
            raise Transient(f"cannot sign in to read bucket {self._name}: {_short(error)}; {AGAIN}") from error
        except (GoogleAPIError, RequestException) as error:
            raise Transient(f"bucket {self._name} does not answer as it should: {_short(error)}; {AGAIN}") from error


def _model(folder: str, ignored: Counter[str]) -> ModelName | None:
    try:
        return ModelName.parse(folder)
    except BadName:
        ignored["not a model name"] += 1
        return None


def _version(folder: str, ignored: Counter[str]) -> Version | None:
    try:
        return Version.parse(folder)
    except BadName:
        ignored["not a version number"] += 1
        return None


def _remote_file(name: FileName, blob: "Blob") -> RemoteFile:
    return RemoteFile(
        name=name,
        object_name=str(blob.name),
        content=Content(int(blob.size), decode_crc32c(blob.crc32c) if blob.crc32c else 0),
        generation=int(blob.generation),
        md5=blob.md5_hash,
        updated=blob.updated,
    )


def _problems(name: FileName, blob: "Blob") -> list[str]:
    """Objects whose bytes cannot be had, or not be checked."""
    if not blob.crc32c:
        return [f"{name} has no CRC32C in the bucket: objects with a customer-supplied encryption key cannot be used"]
    if blob.content_encoding:
        return [f"{name} is stored with Content-Encoding {blob.content_encoding[:20]!a}: upload it as it is"]
    return []


def _short(error: Exception) -> str:
    """The first line of the cause, without the queries of addresses."""
    cause = getattr(error, "cause", None) or error  # what was tried until the time was over
    return re.sub(r"\?[^\s:]*", "", str(cause).strip().partition("\n")[0])[:300]
