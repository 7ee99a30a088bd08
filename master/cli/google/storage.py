"""One bucket of Cloud Storage, or of an emulator, with Google's client; safe to use from several threads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, TypedDict

import requests
from google.api_core.exceptions import PreconditionFailed
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud import storage  # type: ignore[import-untyped] # ships no types
from google.cloud.storage.retry import DEFAULT_RETRY

from events import resources
from events.manifest import Content, decode_crc32c
from master.cli.google.causes import google_errors
from service import google_access
from service.reading import Read, nobody


class _Look(TypedDict):
    timeout: tuple[float, float]
    retry: Retry


CONNECT_SECONDS: Final = 8.0  # where packets are dropped somebody waits for a word
TIMEOUT_SECONDS: Final = (CONNECT_SECONDS, 60.0)  # to connect, and between two pieces of an answer
# Looking is tried again for so long only: a wrong address shall be told while somebody still sits there. Writing keeps
# the two minutes of Google's client, for a line that breaks in the middle of a large upload.
LOOK: Final[_Look] = {"timeout": (CONNECT_SECONDS, 12.0), "retry": DEFAULT_RETRY.with_timeout(8.0)}
# What is sent in one request of a large file: a broken line costs at most so much anew, and memory for each worker.
CHUNK_BYTES = 16 * 1024 * 1024
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
FINALIZE = "OBJECT_FINALIZE"
PUBSUB = "//pubsub.googleapis.com/"  # before the path of a topic
NO_CHECKSUM = -1  # of objects that were encrypted with a key of their own: equal to nothing
CONNECTIONS = 16  # eight uploads, and some room


# Only where there is no object of the name yet, which also makes a lost request safe to repeat.
_NEW = {
    "content_type": "application/octet-stream",
    "checksum": "crc32c",
    "if_generation_match": 0,
    "timeout": TIMEOUT_SECONDS,
}


@dataclass(frozen=True, slots=True)
class Notifier:
    """A notification configuration of a bucket."""

    topic: str  # projects/P/topics/T
    event_types: tuple[str, ...]
    prefix: str


def connect(project: str, *, emulator: str) -> storage.Client:
    """Make a client; `emulator` is what STORAGE_EMULATOR_HOST says, empty for the real Cloud Storage."""
    if not emulator:
        with google_errors("cannot reach Cloud Storage"):
            credentials = google_access.credentials([SCOPE])
            signed = AuthorizedSession(  # type: ignore[no-untyped-call] # google-auth is partly typed
                credentials, auth_request=google_access.TimedRequest()
            )
            signed.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))
            return storage.Client(project=project or "none", credentials=credentials, _http=signed)
    session = requests.Session()
    session.trust_env = False  # no proxy stands before an emulator
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=CONNECTIONS))
    return storage.Client(
        project=project or "none",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # google-auth is partly typed
        client_options={"api_endpoint": emulator if "://" in emulator else f"http://{emulator}"},
        _http=session,
    )


class GoogleBucket:
    """A bucket by name. `client` is made by `connect`, or is one that exists already.

    `billing_project` pays for each request, where the bucket has requester-pays; empty where its own project does.
    """

    def __init__(self, client: storage.Client, name: str, *, billing_project: str = "") -> None:
        self.name = name
        self._client = client
        self._bucket = client.bucket(name, user_project=billing_project or None)

    def contents(self, prefix: str) -> dict[str, Content]:
        """Size and CRC32C of all objects below a prefix, by full name."""
        with google_errors(f"cannot list gs://{self.name}/{prefix}"):
            listed = self._client.list_blobs(
                self._bucket, prefix=prefix, fields="items(name,size,crc32c),nextPageToken", **LOOK
            )
            return {str(blob.name): _content(blob) for blob in listed}

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders directly below a prefix."""
        with google_errors(f"cannot list gs://{self.name}/{prefix}"):
            listed = self._client.list_blobs(
                self._bucket, prefix=prefix, delimiter="/", fields="prefixes,nextPageToken", **LOOK
            )
            found = {str(name) for page in listed.pages for name in page.prefixes}
            return sorted(name[len(prefix) :].rstrip("/") for name in found)

    def create_file(self, name: str, path: Path, *, moved: Read = nobody) -> Content:
        """Write a file as a new object and return what the bucket has of it; the server checks the CRC32C."""
        blob = self._bucket.blob(name, chunk_size=CHUNK_BYTES)
        size = path.stat().st_size
        with path.open("rb") as file:
            counted = _Counted(file, moved)
            return self._create(blob, lambda: blob.upload_from_file(counted, size=size, **_NEW))

    def create(self, name: str, data: bytes) -> Content:
        """Write a new object and return what the bucket has of it."""
        blob = self._bucket.blob(name)
        return self._create(blob, lambda: blob.upload_from_string(data, **_NEW))

    def read(self, name: str, write: Callable[[bytes], object]) -> None:
        """Give an object's bytes, as they are stored, to `write`, piece by piece; their CRC32C is checked."""
        with google_errors(f"cannot read gs://{self.name}/{name}"):
            self._bucket.blob(name).download_to_file(
                _Sink(write), raw_download=True, checksum="crc32c", timeout=TIMEOUT_SECONDS
            )

    def is_there(self) -> bool:
        """Whether the bucket exists."""
        with google_errors(f"cannot look at gs://{self.name}"):
            return bool(self._bucket.exists(**LOOK))

    def lacking(self, permissions: tuple[str, ...]) -> list[str]:
        """Which of these permissions the account does not have on the bucket."""
        with google_errors(f"cannot ask for the permissions on gs://{self.name}"):
            granted = self._bucket.test_iam_permissions(list(permissions), **LOOK)
            return [one for one in permissions if one not in granted]

    def notifiers(self) -> list[Notifier]:
        """The bucket's notification configurations."""
        with google_errors(f"cannot list the notifications of gs://{self.name}"):
            found = self._bucket.list_notifications(**LOOK)
            found.item_to_value = _notifier  # the library's own takes no project by number, and none of a domain
            if self._bucket.user_project:  # of all lists this is the one for which the library leaves it away
                found.extra_params = {"userProject": self._bucket.user_project}
            return list(found)

    def notify(self, *, topic_path: str, prefix: str) -> None:
        """Have new objects below a prefix told to a topic; everything a puller needs is in the attributes."""
        with google_errors(f"cannot make a notification of gs://{self.name}"):
            self._bucket.notification(
                topic_name=resources.short(topic_path),
                topic_project=resources.project_of(topic_path),
                event_types=[FINALIZE],
                blob_name_prefix=prefix or None,
                payload_format="NONE",
            ).create(timeout=TIMEOUT_SECONDS)

    def service_agent(self) -> str:
        """The account in whose name Cloud Storage publishes notifications: that of the bucket's project."""
        with google_errors(f"cannot ask for the service agent of gs://{self.name}"):
            self._bucket.reload(**LOOK)
            return str(self._client.get_service_account_email(project=str(self._bucket.project_number), **LOOK))

    def _create(self, blob: storage.Blob, send: Callable[[], None]) -> Content:
        with google_errors(f"cannot write gs://{self.name}/{blob.name}"):
            try:
                send()
            except PreconditionFailed:
                # Either somebody else was faster, or our own request arrived and its answer was lost.
                blob.reload(timeout=TIMEOUT_SECONDS)
            return _content(blob)


class _Counted:
    """A file that tells how far it was read; what is read again after an error is not counted twice."""

    def __init__(self, file: BinaryIO, moved: Read) -> None:
        self._file = file
        self._moved = moved
        self._furthest = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._moved(max(0, self._file.tell() - self._furthest))
        self._furthest = max(self._furthest, self._file.tell())
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class _Sink:
    """What a download writes into."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._at = 0

    def write(self, piece: bytes) -> int:
        self._write(piece)
        self._at += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._at


def _notifier(_: object, item: Mapping[str, object]) -> Notifier:
    """Read an entry of the list; of another kind of topic than Pub/Sub's, it is one that tells us nothing."""
    kinds = item.get("event_types")
    return Notifier(
        topic=str(item.get("topic", "")).removeprefix(PUBSUB),
        event_types=tuple(map(str, kinds)) if isinstance(kinds, list) else (),
        prefix=str(item.get("object_name_prefix", "")),
    )


def _content(blob: storage.Blob) -> Content:
    return Content(int(blob.size), decode_crc32c(blob.crc32c) if blob.crc32c else NO_CHECKSUM)
