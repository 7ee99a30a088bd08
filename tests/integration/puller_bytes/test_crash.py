"""kill -9 at every step: nothing half is ever visible, and the next start goes on."""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from events.names import Version
from events.pieces import piece_bytes
from puller.bucket.access import Access
from puller.disk import crc32c, leftovers
from puller.disk.ranges import RANGE_BYTES
from puller.download.http_engine import HttpEngine
from puller.download.transfer import Fetched, Transfer
from service.layout import Layout, read_receipt, versions
from tests.fakes import http_bucket
from tests.fakes.http_bucket import HttpBucket
from tests.support.puller_child import wanted
from tests.support.puller_world import MODEL, World, contents
from tests.support.stack import eventually

CHILD = (sys.executable, "-m", "tests.support.puller_child")
ROOT = Path(__file__).parents[3]
FILES = {"saved_model.pb": b"graph" * 1000, "assets/deep/words": b"words", "assets/empty": b""}
STEPS = (
    "prune",
    "permissions",
    "sync folders",
    "receipt",
    "check",
    "model folder",
    "rename",
    "sync model folder",
    "drop journal",
    "done",
)


@pytest.fixture
async def world(tmp_path: Path) -> World:
    """A version that is staged whole, and another one that is published."""
    world = World(Layout(tmp_path / "models"))
    world.layout.models_dir.mkdir()
    for version, name, data in [(1, name, data) for name, data in FILES.items()] + [(5, "saved_model.pb", b"old")]:
        world.bucket.write(f"m/{version}/{name}", data)
    await world.fetch(5)
    await world.publish(5)
    await world.fetch(1)
    return world


async def die_at(step: str, world: World, tmp_path: Path) -> None:
    """Publish version 1 in a process that kills itself before a step."""
    receipt = tmp_path / "receipt.json"
    receipt.write_text((await world.receipt(1)).model_dump_json())
    command = (*CHILD, "publish", str(world.layout.models_dir), str(receipt), step)
    ended = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL


def assert_nothing_half(world: World) -> bool:
    """What is visible is whole and has a receipt; tell whether it is visible."""
    visible = world.published(1)
    assert visible in (None, FILES)
    assert world.published(5) == {"saved_model.pb": b"old"}
    for version in versions(world.layout, MODEL):
        assert read_receipt(world.layout, MODEL, version) is not None
    return visible is not None


async def test_the_steps_are_these(world: World) -> None:
    """The list above, at which the others die, is the one that a publication takes."""
    taken: list[str] = []
    await world.publish(1, step=taken.append)
    assert tuple(taken) == STEPS


@pytest.mark.parametrize("step", STEPS)
async def test_a_publication_killed_at_any_step_is_healed(world: World, tmp_path: Path, step: str) -> None:
    """Nothing half is visible; if still wanted, it is published without fetching anything; else nothing is left."""
    await die_at(step, world, tmp_path)
    is_visible = assert_nothing_half(world)
    assert is_visible == (STEPS.index(step) > STEPS.index("rename"))
    other = World(Layout(tmp_path / "other"), world.bucket)
    await asyncio.to_thread(shutil.copytree, world.layout.models_dir, other.layout.models_dir)
    await publish_again(world, is_visible=is_visible)
    forget(other, is_visible=is_visible)


async def publish_again(world: World, *, is_visible: bool) -> None:
    """The next start where the version is wanted."""
    leftovers.sweep(world.layout, keep=() if is_visible else {(MODEL, Version(1))})
    if not is_visible:
        assert (await world.fetch(1)).bytes_moved == 0
        await world.publish(1)
    assert assert_nothing_half(world)
    assert contents(world.layout.own / "stage") == {}


def forget(world: World, *, is_visible: bool) -> None:
    """The next start where it is not wanted any more."""
    for _ in range(2):  # the first sweep takes the stage, the second what only the stage held
        leftovers.sweep(world.layout, keep=())
    assert contents(world.layout.own / "stage") == {}
    receipts = {path.name for path in (world.layout.own / "receipts/m").iterdir()}
    assert receipts == ({"1.json", "5.json"} if is_visible else {"5.json"})
    assert_nothing_half(world)


@pytest.fixture
async def server() -> AsyncIterator[HttpBucket]:
    async with http_bucket.running(b"0123456789abcdef" * ((RANGE_BYTES + 1_000_000) // 16)) as running:
        yield running


async def test_a_killed_transfer_fetches_only_what_is_missing(server: HttpBucket, tmp_path: Path) -> None:
    """Pieces that were written before the kill are read, checked and kept."""
    size, crc = len(server.data), crc32c.extend(0, server.data)
    layout = Layout(tmp_path)
    server.behaviours = [http_bucket.stall_the_end] * 2
    command = (*CHILD, "fetch", str(tmp_path), server.url, str(size), str(crc))
    child = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    journal = leftovers.journal(layout, MODEL, Version(1))
    whole = RANGE_BYTES // piece_bytes(size)  # pieces of the first range; the second one never ends
    await eventually(lambda: journal.exists() and journal.read_bytes().count(b"\n") == whole)
    child.kill()
    await child.wait()
    server.requests.clear()
    access = Access(emulator=server.url)
    transfer = Transfer(HttpEngine("bucket", access), layout=layout, reserve_bytes=0, bytes_per_second=None)
    fetched = await transfer.fetch(wanted(size, crc), on_progress=lambda _: None)
    access.close()
    assert fetched == Fetched(bytes_moved=1_000_000, bytes_linked=0, bytes_resumed=RANGE_BYTES)
    assert [(request.start, request.end) for request in server.requests] == [(RANGE_BYTES, size)]
    assert (layout.stage(MODEL, Version(1)) / "f").read_bytes() == server.data
