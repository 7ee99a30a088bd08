"""What the ordinary way of a version leaves in the history: its sizing rests on that (docs/nats.md)."""

from functools import partial
from pathlib import Path

import nats
from nats.js import JetStreamContext

from events import subjects
from events.names import ModelName, Version
from infra.local import look
from infra.local.stack import Stack
from infra.local.upload import Upload
from infra.local.versions import FIRST, write_scripted
from tests.support.stack import eventually

MODEL = ModelName("line")
ONCE = (
    *("download.started", "download.finished", "version.verified", "version.published", "version.available"),
    *("version.served", "version.unloaded", "version.removed"),
)
TWICE = ("notification.received", "reload.sent")  # first object and manifest; with the version before and without it
MOST_BYTES = 480  # of an event, as the stream counts them


def serves(stack: Stack, version: Version) -> bool:
    return look.served(stack.node.rest_url, MODEL).get(version) == "AVAILABLE"


async def holds(stream: JetStreamContext, subject: str) -> bool:
    return bool((await stream.stream_info(subjects.EVENT_STREAM, subjects_filter=subject)).state.subjects)


async def test_a_versions_ordinary_way_is_twelve_small_events(stack: Stack, tmp_path: Path) -> None:
    """From the first notification until it is off the disk, because newer ones came."""
    write_scripted(tmp_path)
    for version in map(Version, range(1, 7)):
        Upload(stack.bucket, prefix="", model=MODEL, version=version).send(tmp_path / str(FIRST))
        await eventually(partial(serves, stack, version))
    client = await nats.connect(stack.nats_url)
    try:
        stream = client.jetstream()
        told = f"{subjects.EVENTS}.node-1.configurator.version.removed.{MODEL}.2"
        await eventually(partial(holds, stream, told))
        own = f"{subjects.EVENTS}.*.*.*.*.{MODEL}.2"
        found = await stream.stream_info(subjects.EVENT_STREAM, subjects_filter=own)
        state = (await stream.stream_info(subjects.EVENT_STREAM)).state
    finally:
        await client.close()
    counts = {".".join(subject.split(".")[-4:-2]): count for subject, count in (found.state.subjects or {}).items()}
    assert {kind: count for kind, count in counts.items() if kind not in TWICE} == dict.fromkeys(ONCE, 1)
    assert all(1 <= counts[kind] <= 2 for kind in TWICE)
    assert state.bytes / state.messages < MOST_BYTES
