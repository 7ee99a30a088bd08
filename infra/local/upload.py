"""The upload of `model-manager publish`, into the stack's own bucket.

Without the manifest it is an upload as any training job makes it, and the puller decides by the version's structure.
"""

from pathlib import Path

from events.names import ModelName, Version
from infra.local.bucket import Bucket
from master.cli.google.storage import GoogleBucket
from master.cli.publish.folder import look
from master.cli.publish.upload import upload


class Upload:
    """One version on its way to the bucket."""

    def __init__(self, bucket: Bucket, *, prefix: str, model: ModelName, version: Version) -> None:
        self._bucket = GoogleBucket(bucket.client, bucket.name)
        self._base = f"{prefix}{model}/{version}/"

    def send(self, folder: Path, *, with_manifest: bool = True) -> int:
        """Upload every file of the folder and return how many; the manifest follows when all are there."""
        found = look(folder)
        upload(self._bucket, found, base=self._base, with_manifest=with_manifest)
        return len(found.files)
