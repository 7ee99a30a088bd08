"""A models directory, a bucket in memory and a transfer between them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from events.names import FileName, ModelName, Version
from events.status import Progress
from puller.bucket.objects import RemoteFile
from puller.disk import publication
from puller.download.range_download import RetryPolicy
from puller.download.transfer import Fetched, Transfer, Wanted
from service.layout import Layout, Receipt
from tests.fakes.bucket import FakeBucket

MODEL = ModelName("m")
QUICK = RetryPolicy(tries=3, stall_seconds=0.2, pause_seconds=0.001)


@dataclass(slots=True)
class World:
    """One bucket, one disk."""

    layout: Layout
    bucket: FakeBucket = field(default_factory=FakeBucket)
    progress: list[Progress] = field(default_factory=list)

    async def files(self, version: int = 1) -> tuple[RemoteFile, ...]:
        """The version's files as the bucket lists them."""
        return (await self.bucket.listing(MODEL, Version(version))).files

    def transfer(self, *, reserve_bytes: int = 0, retries: RetryPolicy = QUICK) -> Transfer:
        """A process's transfer; another one is as after a restart."""
        return Transfer(
            self.bucket,
            layout=self.layout,
            reserve_bytes=reserve_bytes,
            bytes_per_second=None,
            retries=retries,
        )

    async def fetch(self, version: int = 1, *, transfer: Transfer | None = None) -> Fetched:
        """Stage a version as the bucket lists it now."""
        wanted = Wanted(MODEL, Version(version), await self.files(version))
        return await (transfer or self.transfer()).fetch(wanted, on_progress=self.progress.append)

    async def receipt(self, version: int = 1) -> Receipt:
        """The receipt of a version as the bucket lists it now."""
        wanted = Wanted(MODEL, Version(version), await self.files(version))
        return wanted.receipt(staged=datetime(2026, 1, 1, tzinfo=UTC))

    async def publish(self, version: int = 1, *, step: Callable[[str], None] = lambda _: None) -> Receipt:
        """Publish what is staged of a version."""
        receipt = await self.receipt(version)
        publication.seal(self.layout, receipt, step=step)
        publication.publish(self.layout, receipt, step=step)
        return receipt

    def staged(self, name: str, version: int = 1) -> Path:
        """Where a file is staged."""
        return self.layout.stage(MODEL, Version(version)) / FileName.parse(name)

    def published(self, version: int = 1) -> dict[str, bytes] | None:
        """The files of a published version; None where there is none."""
        return contents(self.layout.version(MODEL, Version(version)))


def contents(folder: Path) -> dict[str, bytes] | None:
    """All files below a folder."""
    if not folder.exists():
        return None
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
