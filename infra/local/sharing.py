"""The demo's act for two nodes: they fetch a version together, and the line to the bucket carries each byte once."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from nats.aio.client import Client

from events.messages import DownloadFinished, VersionPublished
from events.names import ModelName
from infra.local import waiting
from infra.local.event_log import EventLog, listening
from infra.local.screen import Screen
from infra.local.stack import Stack
from infra.local.timeline import Moment, moments, rows, size
from infra.local.upload import Upload
from infra.local.versions import FIRST
from infra.local.waiting import DemoFailed

MODEL = ModelName("large")
TABLE = "assets.extra/table"  # TensorFlow Serving does not read it
TABLE_BYTES = 64 * 1024 * 1024  # sixteen pieces
MOST_OVER_THE_LINE = 1.25  # of the version's bytes; the exchange promises little more than one


@dataclass(frozen=True, slots=True)
class Got:
    """Where a node's bytes of a version came from, as it says itself."""

    node: str
    bucket: int
    neighbours: int

    @property
    def words(self) -> str:
        """The shares in per cent."""
        total = max(1, self.bucket + self.neighbours)
        bucket, neighbours = (round(100 * part / total) for part in (self.bucket, self.neighbours))
        return f"{self.node} has {bucket} % from the bucket and {neighbours} % from its neighbour"


async def share(stack: Stack, screen: Screen, client: Client, *, versions: Path) -> None:
    """Upload a large version and show which node has which bytes from where."""
    screen.act(f"{len(stack.nodes)} nodes fetch a large version together: {size(TABLE_BYTES)}")
    folder = versions / MODEL
    await asyncio.to_thread(_write, versions / str(FIRST), folder)
    async with AsyncExitStack() as heard:
        logs = {
            node.name: await heard.enter_async_context(listening(client, node=node.name, model=MODEL))
            for node in stack.nodes
        }
        upload = Upload(stack.bucket, prefix=stack.options.prefix, model=MODEL, version=FIRST)
        await asyncio.to_thread(upload.send, folder)
        uploaded = datetime.now(UTC)
        for log in logs.values():
            await waiting.event(log, VersionPublished, FIRST)
        screen.timeline(rows(uploaded, told(logs)))
        everyone = [await got(node, log) for node, log in logs.items()]
        screen.fact("; ".join(one.words for one in everyone))
        screen.fact(sum_up(everyone))


def told(logs: Mapping[str, EventLog]) -> list[Moment]:
    """Put in words when each node began and ended, and where its bytes came from."""
    return [
        Moment(moment.at, moment.what, f"{node}: {moment.detail}" if moment.detail else node)
        for node, log in logs.items()
        for moment in moments(log.of(FIRST))
        if moment.what in {"download started", "download finished", "published on disk"}
    ]


async def got(node: str, log: EventLog) -> Got:
    """Read out of a node's own report of its download where the bytes came from."""
    finished = await waiting.event(log, DownloadFinished, FIRST)
    return Got(node, finished.bytes_moved, finished.bytes_from_neighbours)


def sum_up(everyone: list[Got]) -> str:
    """Say how much came over the line, or raise `DemoFailed` where the nodes did not share."""
    over_the_line = sum(one.bucket for one in everyone)
    whole = max(one.bucket + one.neighbours for one in everyone)
    words = f"{size(over_the_line)} came from the bucket for a version of {size(whole)} on {len(everyone)} nodes"
    if over_the_line > MOST_OVER_THE_LINE * whole:
        raise DemoFailed(words)
    return words


def _write(good: Path, folder: Path) -> None:
    shutil.copytree(good, folder)
    table = folder / TABLE
    table.parent.mkdir(exist_ok=True)
    table.write_bytes(os.urandom(TABLE_BYTES))
