"""Does one thing of the puller's byte path in a process of its own, to be killed in the middle.

python -m tests.support.puller_child publish MODELS_DIR RECEIPT_FILE STEP   kills itself before that step
python -m tests.support.puller_child fetch MODELS_DIR URL SIZE CRC32C      stages the object m/1/f
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from events.manifest import Content
from events.names import FileName, ModelName, Version
from puller.bucket.access import Access
from puller.bucket.objects import RemoteFile
from puller.disk import publication
from puller.download.http_engine import HttpEngine
from puller.download.transfer import Transfer, Wanted
from service.errors import Transient
from service.layout import Layout, Receipt
from tests.fakes.bucket import EPOCH
from tests.support.puller_world import World


def publish(layout: Layout, receipt_file: str, deadly_step: str) -> None:
    """Publish until a step, then die as by kill -9."""

    def step(name: str) -> None:
        if name == deadly_step:
            os.kill(os.getpid(), signal.SIGKILL)

    receipt = Receipt.model_validate_json(Path(receipt_file).read_bytes())
    publication.seal(layout, receipt, step=step)
    publication.publish(layout, receipt, step=step)


def wanted(size: int, crc32c: int) -> Wanted:
    """The one object of the server in tests/fakes/http_bucket.py."""
    file = RemoteFile(FileName("f"), "m/1/f", Content(size, crc32c), 7, None, EPOCH)
    return Wanted(ModelName("m"), Version(1), (file,))


async def fetch(layout: Layout, url: str, size: str, crc32c: str) -> None:
    """Stage the object."""
    engine = HttpEngine("bucket", Access(emulator=url))
    transfer = Transfer(engine, layout=layout, reserve_bytes=0, bytes_per_second=None)
    await transfer.fetch(wanted(int(size), int(crc32c)), on_progress=lambda _: None)


async def fill(layout: Layout, files: str) -> None:
    """Stage small files, then one more in another version; print a line for each."""
    world = World(layout)
    for number in range(int(files)):
        world.bucket.write(f"m/1/f{number}", b"x" * 5000)
    world.bucket.write("m/2/f", b"x")
    for version in (1, 2):
        try:
            await world.fetch(version)
            print("staged")  # noqa: T201 - this is what it is for
        except Transient as error:
            print(type(error).__name__, error)  # noqa: T201


if __name__ == "__main__":
    command, models_dir, *arguments = sys.argv[1:]
    if command == "publish":
        publish(Layout(Path(models_dir)), *arguments)
    elif command == "fill":
        asyncio.run(fill(Layout(Path(models_dir)), *arguments))
    else:
        asyncio.run(fetch(Layout(Path(models_dir)), *arguments))
