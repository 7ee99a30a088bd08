"""The bucket as the puller sees it: which models and versions there are, and which files a version has.

Lists are strongly consistent, so they are what every decision is made from. Listing uses Google's client (it alone
gives generation, size and CRC32C); the bytes of models are moved by an engine of `puller/download/transfer.py`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from events.names import Ignored, ModelName, Version, locate, version_in
from puller.bucket import objects
from puller.bucket.access import TIMEOUT_SECONDS, Access
from puller.bucket.objects import Catalog, Listing, Odd, RemoteFile
from puller.bucket.passed_over import PassedOver
from service.causes import cause
from service.errors import Invalid, Transient
from service.gather import gather_all

if TYPE_CHECKING:
    from google.cloud.storage import Blob

R = TypeVar("R")

PAGE: Final = 1000  # the most Cloud Storage gives in one list operation
RETRY_SECONDS: Final = 5.0  # of one call; after that the next pass tries again
AGAIN: Final = "trying again at each poll"
# One list of everything takes an operation for each 1,000 objects, lists of folders one for each model. Where the first
# would be cheaper is known only when it was tried: it is given up at a share of what the second costs.
FLAT_SHARE: Final = 8
FLAT_PAGES: Final = 20  # at most, for the memory's sake
FLAT_PAUSE: Final = 48  # looks until it is tried again
FILE_FIELDS: Final = "items(name,size,crc32c,generation,md5Hash,updated,contentEncoding),nextPageToken"


class _Pages(Protocol):
    """What Google's client gives for a list operation: objects, and after them the folders it met."""

    prefixes: set[str]

    def __iter__(self) -> Iterator["Blob"]: ...


class _Answered:
    """Pages as Google's client gives them, but for an answer without a body, over which it trips."""

    def __init__(self, pages: _Pages) -> None:
        self._pages = pages

    @property
    def prefixes(self) -> set[str]:
        return self._pages.prefixes

    def __iter__(self) -> Iterator["Blob"]:
        try:
            yield from self._pages
        except AttributeError as error:
            raise Transient(f"the bucket answered a list with nothing; {AGAIN}") from error


class Bucket:
    """One bucket, or the part of it below a prefix. Every method raises `Transient` with an operator's sentence."""

    def __init__(self, name: str, *, prefix: str, access: Access, page: int = PAGE) -> None:
        """Keep what was given; `prefix` comes from `events.names.parse_prefix`. The first call connects."""
        self._name = name
        self._prefix = prefix
        self._access = access
        self._page = page
        self._looks_until_flat = 0
        self._odd: Odd = {}

    async def catalog(self) -> Catalog:
        """List models and versions, with as few operations as will do.

        One list of the models' folders; then one of everything, if that turns out to be short, else one a model. Each
        is an operation for every 1,000 names.
        """
        ignored = PassedOver()
        folders = await self._folders(self._prefix, ignored)
        if whole := await self._flat(len(folders)):
            return whole
        models = []
        for folder in folders:
            if model := objects.parse_model(folder):
                models.append(model)
            else:
                ignored.add(objects.NO_MODEL, f"{self._prefix}{folder}/")
        found = await gather_all(self._versions(model, ignored) for model in models)
        self._odd = {model: folders for model, folders in self._odd.items() if model in models}
        return Catalog({model: versions for model, versions in zip(models, found, strict=True) if versions}, ignored)

    async def versions(self, model: ModelName) -> frozenset[Version]:
        """List one model's versions; none where there is no such model."""
        return await self._versions(model, PassedOver())

    async def listing(self, model: ModelName, version: Version) -> Listing:
        """List the files of a version; none where there is no such version, or where several folders are it."""
        if version in self._odd.get(model, {}):
            await self._versions(model, PassedOver())  # its folders may have become more or fewer
        folders = self._odd.get(model, {}).get(version, (str(version),))
        if len(folders) > 1:
            return objects.ambiguous(model, version, folders=folders)
        prefix = f"{self._prefix}{model}/{folders[0]}/"
        return await self._run(
            lambda: objects.listing(self._list(prefix, delimiter=None, fields=FILE_FIELDS), self._prefix)
        )

    async def all_listings(self, model: ModelName, *, most_lists: int) -> dict[Version, Listing] | None:
        """List the files of all versions of a model at once; None where that takes more list operations."""
        whole = await self._whole(f"{self._prefix}{model}/", most_lists)
        if whole is None:
            return None
        self._odd.pop(model, None)
        self._odd |= {name: dict(folders) for name, folders in whole.odd.items()}
        return {version: listing for (_, version), listing in whole.listings.items()}

    async def read(self, file: RemoteFile, *, max_bytes: int) -> bytes:
        """Return the bytes of a small file (the manifest), of exactly this generation and checked.

        `Invalid` where it is larger than that; `Transient` says nothing about other objects.
        """
        if file.content.size > max_bytes:
            raise Invalid(f"{file.object_name} has {file.content.size} bytes, more than {max_bytes}; it is not read")
        data = await self._access.run(lambda: self._in_words(lambda: self._download(file), of_object=file.object_name))
        if len(data) != file.content.size:
            raise Transient(f"{file.object_name} came with {len(data)} bytes instead of {file.content.size}")
        return data

    async def _flat(self, models: int) -> Catalog | None:
        """List everything at once; None where that is not cheaper, as far as is known."""
        pages = min(models // FLAT_SHARE, FLAT_PAGES)
        self._looks_until_flat = max(0, self._looks_until_flat - 1)
        if not pages or self._looks_until_flat:
            return None

        whole = await self._whole(self._prefix, pages)
        if whole is None:
            self._looks_until_flat = FLAT_PAUSE
        else:
            self._odd = {model: dict(folders) for model, folders in whole.odd.items()}
        return whole

    async def _whole(self, prefix: str, pages: int) -> Catalog | None:
        """List all objects below a prefix; None where they have more pages."""

        def run() -> Catalog | None:
            blobs = self._list(prefix, delimiter=None, fields=FILE_FIELDS)
            try:
                return objects.catalog(objects.at_most(blobs, pages * self._page), self._prefix)
            except objects.TooMany:
                return None

        return await self._run(run)

    async def _versions(self, model: ModelName, ignored: PassedOver) -> frozenset[Version]:
        found: defaultdict[Version, tuple[str, ...]] = defaultdict(tuple)
        for folder in await self._folders(f"{self._prefix}{model}/", ignored):
            if (version := version_in(folder)) is None:
                ignored.add(objects.NO_VERSION, f"{self._prefix}{model}/{folder}/")
            else:
                found[version] += (folder,)
        self._odd.pop(model, None)
        self._odd |= {model: odd} if (odd := objects.odd(found)) else {}
        return frozenset(found)

    async def _folders(self, prefix: str, ignored: PassedOver) -> list[str]:
        """The names of the folders directly below a prefix; objects there are none of ours."""

        def run() -> tuple[list[str], list[str]]:
            pages = self._list(prefix, delimiter="/", fields="prefixes,items(name),nextPageToken")
            names = [str(blob.name) for blob in pages]
            return sorted(folder[len(prefix) : -1] for folder in pages.prefixes), names

        folders, names = await self._run(run)
        for name in names:
            if isinstance(place := locate(name, self._prefix), Ignored):
                ignored.add(place.reason, name)
        return folders

    def _list(self, prefix: str, *, delimiter: str | None, fields: str) -> _Answered:
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415

        pages: _Pages = self._access.client.list_blobs(
            self._access.bucket(self._name),
            prefix=prefix,
            delimiter=delimiter,
            fields=fields,
            page_size=self._page,
            timeout=TIMEOUT_SECONDS,
            retry=DEFAULT_RETRY.with_timeout(RETRY_SECONDS).with_delay(initial=0.2, maximum=2.0),
        )
        return _Answered(pages)

    def _download(self, file: RemoteFile) -> bytes:
        from google.cloud.storage.exceptions import DataCorruption  # noqa: PLC0415
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415

        blob = self._access.bucket(self._name).blob(file.object_name, generation=file.generation)
        retry = DEFAULT_RETRY.with_timeout(RETRY_SECONDS)
        try:
            data = blob.download_as_bytes(raw_download=True, checksum="crc32c", timeout=TIMEOUT_SECONDS, retry=retry)
        except DataCorruption as error:
            raise Transient(f"{file.object_name} came damaged: its CRC32C is not the bucket's; {AGAIN}") from error
        return bytes(data)

    async def _run(self, call: Callable[[], R]) -> R:
        return await self._access.run(lambda: self._in_words(call))

    def _in_words(self, call: Callable[[], R], *, of_object: str = "") -> R:
        """Turn what Google's libraries raise into a sentence for the operator."""
        from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, Unauthorized  # noqa: PLC0415
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
        from requests import RequestException  # noqa: PLC0415

        try:
            return call()
        except NotFound as error:
            if of_object:
                raise Transient(f"{of_object} is gone from bucket {self._name} since it was listed; {AGAIN}") from error
            what = f"bucket {self._name} does not exist, or this account may not see it"
            raise Transient(f"{what}: {cause(error)}; {AGAIN}") from error
        except (Forbidden, Unauthorized) as error:
            if of_object:
                raise Transient(f"this account may not read {of_object}: {cause(error)}; {AGAIN}") from error
            raise Transient(f"this account may not read bucket {self._name}: {cause(error)}; {AGAIN}") from error
        except GoogleAuthError as error:
            raise Transient(f"cannot sign in to read bucket {self._name}: {cause(error)}; {AGAIN}") from error
        except (GoogleAPIError, RequestException) as error:
            raise Transient(f"bucket {self._name} does not answer as it should: {cause(error)}; {AGAIN}") from error
