"""What a puller survives: everything around it away, at the start and later, and its own sudden end."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace

from nats.js.errors import KeyNotFoundError

from events import subjects
from events.names import ModelName
from events.status import PullerReport
from infra.local.client import nats_client
from infra.local.connections import accepting
from infra.local.ports import LOOPBACK
from service import jetstream
from tests.integration.puller.conftest import MODEL, TINY_MODEL, FragileWorld, World, read_tree, render_manifest
from tests.support.stack import eventually

TINY = read_tree(TINY_MODEL / "1")


async def test_nats_is_away_and_models_still_come(world: World) -> None:
    """Without NATS uploads are published all the same; back again, it is told at once, and that it is reached."""
    world.nats.child.stop()
    puller = world.start_puller()
    world.upload(1)
    await eventually(lambda: puller.state(1) == "published")
    assert not puller.report.nats.is_connected
    world.nats.child.start()
    await eventually(lambda: puller.report.nats.is_connected)
    async with nats_client(world.nats.url) as client:

        async def told() -> bool:
            bucket = await jetstream.bucket(client.jetstream(), subjects.STATUS_BUCKET)
            try:
                kept = await bucket.get("node-1.puller")
            except KeyNotFoundError:
                return False
            report = PullerReport.model_validate_json(kept.value or b"")
            return bool(report.models) and report.nats.is_connected

        await eventually(told)


async def test_the_bucket_is_away_at_the_start(world: World) -> None:
    """A puller without its bucket lives, is not ready, says why, and gets to work when the bucket answers."""
    world.upload(1)
    world.gcs.child.stop()
    puller = world.start_puller(wait=False)
    await eventually(lambda: puller.report.bucket.reason not in {"", "not connected yet"})
    assert not puller.report.is_ready
    world.gcs.child.start()
    await eventually(lambda: puller.state(1) == "published")
    assert puller.report.is_ready


async def test_the_bucket_goes_away_later(world: World) -> None:
    """What is on disk stays as it is while the bucket is away, and new versions come when it is back."""
    puller = world.start_puller(poll_seconds="1")
    world.upload(1)
    await eventually(lambda: puller.state(1) == "published")
    world.gcs.child.stop()
    await eventually(lambda: not puller.report.bucket.is_connected)
    assert puller.state(1) == "published"
    world.gcs.child.start()
    world.upload(2)
    await eventually(lambda: puller.state(2) == "published")
    assert puller.report.bucket.is_connected


async def test_an_unknown_bucket_is_named(world: World) -> None:
    """A bucket that does not exist is named in the reason, and the puller keeps trying."""
    puller = world.start_puller(wait=False, bucket="no-such-bucket")
    await eventually(lambda: "no-such-bucket" in puller.report.bucket.reason)
    assert "no-such-bucket" in puller.report.last_pass.error


async def test_an_unknown_topic_is_named_and_polling_goes_on(world: World) -> None:
    """With a wrong topic the reason says so, and models come by polling."""
    puller = world.start_puller(topic="no-such-topic", poll_seconds="5")
    await eventually(lambda: "no-such-topic does not exist" in puller.report.pubsub.reason)
    world.upload(1)
    await eventually(lambda: puller.state(1) == "published")


async def test_a_killed_puller_finishes_what_it_began(world: World) -> None:
    """Kill -9 in the middle of a download leaves nothing visible; the next start goes on where it ended."""
    shard = "variables/variables.data-00000-of-00001"
    files = {**TINY, shard: bytes(range(256)) * 65536}  # 16 MiB
    for name, data in {**files, "manifest.json": render_manifest(files)}.items():
        world.gcs.bucket.write(f"{MODEL}/1/{name}", data)
    puller = world.start_puller(bandwidth_mib="4")
    await eventually(lambda: puller.state(1) == "downloading" and puller.staged_bytes > 1 << 20)
    await eventually(lambda: (entry := puller.version(1)) and entry.progress and entry.progress.bytes_done > 0)
    puller.child.kill()
    assert not puller.folder(1).exists()
    puller.child.start()
    await eventually(lambda: puller.state(1) == "published")
    assert puller.files(1) == files


async def test_a_disk_without_room_is_told_with_numbers(world: World) -> None:
    """A version that would eat the reserve is not begun; its state and the disk's numbers are in the report."""
    puller = world.start_puller(reserve_mib=str(1 << 40))
    world.upload(1)
    await eventually(lambda: puller.state(1) == "no space")
    entry, disk = puller.version(1), puller.report.disk
    assert entry is not None
    assert "stay in reserve" in entry.reason
    assert disk.reserve > disk.free > 0
    assert not puller.folder(1).exists()


async def test_a_models_folder_that_is_no_folder_is_told(world: World) -> None:
    """A models directory that cannot be read is named in the error; the puller is not ready and does not die."""
    puller = world.start_puller(wait=False, models_dir="/proc/no-such-folder")
    await eventually(lambda: "/proc/no-such-folder" in puller.report.last_pass.error)
    assert not puller.report.is_ready


async def test_a_term_signal_ends_it_at_once(world: World) -> None:
    """SIGTERM in the middle of a transfer ends the process cleanly, within the time that containers get."""
    files = {**TINY, "variables/variables.data-00000-of-00001": bytes(1 << 24)}
    for name, data in {**files, "manifest.json": render_manifest(files)}.items():
        world.gcs.bucket.write(f"{MODEL}/1/{name}", data)
    puller = world.start_puller(bandwidth_mib="1")
    await eventually(lambda: puller.state(1) == "downloading")
    await asyncio.to_thread(puller.child.stop)
    assert puller.child.exit_code == 0


async def test_pubsub_dies_and_comes_back(fragile_world: FragileWorld) -> None:
    """A restarted Pub/Sub has forgotten the subscription; it is made again, and what was missed meanwhile is found."""
    world = fragile_world.world
    puller = world.start_puller()
    await eventually(lambda: puller.report.pubsub.is_connected)
    fragile_world.pubsub.kill()
    await eventually(lambda: not puller.report.pubsub.is_connected)
    world.upload(1)
    fragile_world.pubsub.start()
    fragile_world.make_topic()
    await eventually(lambda: puller.report.pubsub.is_connected)
    await eventually(lambda: puller.state(1) == "published")
    world.upload(2)
    await eventually(lambda: puller.state(2) == "published")


def test_wrong_settings_are_one_line() -> None:
    """The program ends at once with code 2 and a line that names the variable."""
    ended = subprocess.run(
        [sys.executable, "-m", "puller"], env={"MM_TOPIC": "t"}, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "MM_BUCKET" in ended.stderr


async def test_it_stops_while_a_list_of_the_bucket_does_not_end(world: World) -> None:
    """SIGTERM is followed at once, although the bucket's answer goes on and on and a thread waits for its end."""
    asked = asyncio.Event()

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        asked.set()
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.5)

    async with accepting(drip, LOOPBACK) as port:
        slow = replace(world, gcs=replace(world.gcs, url=f"http://{LOOPBACK}:{port}"))
        puller = await asyncio.to_thread(slow.start_puller, wait=False)
        await asked.wait()
        puller.child.signal(signal.SIGTERM)
        await eventually(lambda: puller.child.exit_code is not None)
    assert puller.child.exit_code == 0


async def test_a_folder_that_leads_nowhere_is_that_models_warning(world: World) -> None:
    """At `/status` and for masters; other models come."""
    puller = world.start_puller()
    puller.layout.model(ModelName("bad")).symlink_to("x" * 300)
    world.upload(1)
    await eventually(lambda: puller.state(1) == "published")
    world.upload(1, model="bad")
    await eventually(lambda: puller.state(1, "bad") == "failed")
    assert [words.split(":")[0] for words in puller.report.warnings] == ["bad"]
    assert "File name too long" in puller.report.warnings[0]
