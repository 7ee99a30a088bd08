"""What we add to the way of a small version from the bucket into TensorFlow Serving, and the whole way in stages.

The node is real but for TensorFlow Serving's loader, which is scripted, so that a load costs next to nothing. The GCS
server keeps its objects in memory: on disk each of its lists reads the whole bucket, so that every version would be
slower than the one before, which is not Cloud Storage's way.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import trees
from bench.figures import Figure, Row, quantile
from bench.stages import STAGES, Unannounced, Way, way
from events.messages import VersionServed
from events.names import ModelName, Version
from infra.local import programs
from infra.local.client import nats_client
from infra.local.event_log import EventLog, listening
from infra.local.node import Loader
from infra.local.stack import Stack, StackOptions
from infra.local.upload import Upload

MODEL = ModelName("small")
VERSIONS, QUICK_VERSIONS = 100, 10
WARM_UP = 2  # versions before the clock starts
FILES, FILE_BYTES = 3, 4000  # of each version, beside its graph and index
AT_MOST_P50_MS, AT_MOST_P99_MS = 25.0, 100.0
QUIET_SECONDS = 0.15
LOOK_SECONDS = 0.01
SERVED_SECONDS = 60.0
LEAST_ANNOUNCED = 0.8  # of all versions, for the figures to mean anything


@dataclass(frozen=True, slots=True)
class Delivery:
    """Uploads versions and watches what becomes of them."""

    stack: Stack
    log: EventLog
    folder: Path

    async def deliver(self, version: Version) -> datetime:
        """Upload one version, wait until it is served and the node is quiet again; tell when the upload ended."""
        source = self.folder / str(version)
        trees.write(trees.alike(files=FILES, each=FILE_BYTES), source, seed=version)
        upload = Upload(self.stack.bucket, prefix="", model=MODEL, version=version)
        await asyncio.to_thread(upload.send, source)
        uploaded = datetime.now(UTC)
        async with asyncio.timeout(SERVED_SECONDS):
            await self.log.wait_for(VersionServed, version)
            await self._quiet()
        return uploaded

    async def _quiet(self) -> None:
        """Return when no event has come for a while: the version before is unloaded and all passes are over."""
        seen, since = len(self.log.seen), time.monotonic()
        while time.monotonic() < since + QUIET_SECONDS:
            await asyncio.sleep(LOOK_SECONDS)
            if len(self.log.seen) != seen:
                seen, since = len(self.log.seen), time.monotonic()


def measure(is_quick: bool) -> Iterator[Row]:  # noqa: FBT001 - one signature for all benchmarks
    """Deliver version after version of one model."""
    with Stack(StackOptions(loader=Loader.SCRIPTED, gcs_in_memory=True)) as stack:
        uploads, log = asyncio.run(_deliver_all(stack, WARM_UP + (QUICK_VERSIONS if is_quick else VERSIONS)))
    pubsub = "Google's Pub/Sub emulator" if programs.google_pubsub_emulator() else "our embedded Pub/Sub server"
    yield from rows(ways(dict(list(uploads.items())[WARM_UP:]), log), pubsub)


async def _deliver_all(stack: Stack, count: int) -> tuple[dict[Version, datetime], EventLog]:
    async with nats_client(stack.nats_url) as client, listening(client) as log:
        delivery = Delivery(stack, log, stack.supervisor.new_folder("versions"))
        versions = [Version(number) for number in range(1, count + 1)]
        return {version: await delivery.deliver(version) for version in versions}, log


def ways(uploads: Mapping[Version, datetime], log: EventLog) -> list[Way]:
    """The way of each version; one that was found before its notification says nothing about notifications."""
    found = []
    for version, uploaded in uploads.items():
        try:
            found.append(way(uploaded, log.of(version)))
        except Unannounced:
            continue
    if len(found) < LEAST_ANNOUNCED * len(uploads):
        raise Unannounced(f"only {len(found)} of {len(uploads)} versions were announced before they were found")
    return found


def rows(ways: Sequence[Way], pubsub: str) -> Iterator[Row]:
    """Put the ways into figures."""
    overheads = tuple(one.overhead_ms for one in ways)
    yield Figure("own overhead, p50", "ms", overheads, AT_MOST_P50_MS, note="notification → reload sent, no transfer")
    yield Figure("own overhead, p90", "ms", overheads, quantile=0.9)
    yield Figure("own overhead, p99", "ms", overheads, AT_MOST_P99_MS, quantile=0.99)
    for name, times in zip(STAGES, zip(*(one.stages_ms for one in ways), strict=True), strict=True):
        spread = f"p90 {quantile(times, 0.9):.1f}, p99 {quantile(times, 0.99):.1f} ms"
        source = f"; {pubsub}" if name == "notification" else ""
        yield Figure(f"stage: {name}", "ms", times, note=spread + source)
    whole = tuple(one.whole_ms for one in ways)
    for share in (0.5, 0.9, 0.99):
        yield Figure(f"upload finished → AVAILABLE, p{share * 100:.0f}", "ms", whole, quantile=share)
