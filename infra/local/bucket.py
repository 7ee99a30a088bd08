"""The bucket and its topic from the side of whoever makes and fills them: a training job, a person, a test."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import requests
from google.api_core.exceptions import AlreadyExists, Conflict
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage  # type: ignore[import-untyped] # ships no types
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

TIMEOUT_SECONDS = 60.0


class Bucket:
    """One bucket of a GCS server on loopback, with the official client; safe to use from several threads."""

    def __init__(self, url: str, *, name: str, project: str) -> None:
        self.name = name
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy in the person's environment must not stand before loopback
        self.client = storage.Client(
            project=project,
            credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call] # google-auth is partly typed
            client_options={"api_endpoint": url},
            _http=self._session,
        )
        self._bucket = self.client.bucket(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def create(self) -> None:
        """Make the bucket if it is not there."""
        with contextlib.suppress(Conflict):
            self.client.create_bucket(self.name, timeout=TIMEOUT_SECONDS)

    def write(self, name: str, data: bytes) -> int:
        """Write an object and return its generation; the server checks the CRC32C."""
        blob = self._bucket.blob(name)
        blob.upload_from_string(
            data, content_type="application/octet-stream", checksum="crc32c", timeout=TIMEOUT_SECONDS
        )
        return int(blob.generation)

    def write_file(self, name: str, path: Path) -> int:
        """Write a file as an object and return its generation; the server checks the CRC32C."""
        blob = self._bucket.blob(name)
        blob.upload_from_filename(
            str(path), content_type="application/octet-stream", checksum="crc32c", timeout=TIMEOUT_SECONDS
        )
        return int(blob.generation)

    def read(self, name: str) -> bytes:
        """The bytes of an object."""
        return bytes(self._bucket.blob(name).download_as_bytes(checksum="crc32c", timeout=TIMEOUT_SECONDS))

    def delete(self, name: str) -> None:
        """Delete an object."""
        self._bucket.blob(name).delete(timeout=TIMEOUT_SECONDS)

    def names(self, prefix: str = "") -> list[str]:
        """The names of all objects under a prefix."""
        listed = self.client.list_blobs(self.name, prefix=prefix, timeout=TIMEOUT_SECONDS)
        return [str(blob.name) for blob in listed]


def make_topic(address: str, *, project: str, topic: str) -> None:
    """Make the topic if it is not there; the GCS server loses what it publishes to a missing one."""
    with grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)]) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        with contextlib.suppress(AlreadyExists):
            publisher.create_topic(name=f"projects/{project}/topics/{topic}", timeout=TIMEOUT_SECONDS)
