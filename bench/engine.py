"""`python -m bench.engine ENGINE URL MODEL VERSION FOLDER`: one version through one engine, in a process of its own.

The puller has no setting for its second engine, which is for where obstore cannot be used. This is the puller's own
list, transfer and publication, without the service around them. Prints a line of JSON.
"""

import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench.meter import peak_memory_mib
from bench.rivals import Run
from bench.site import BUCKET
from events.names import ModelName, Version
from puller import disk
from puller.access import Access
from puller.bucket import Bucket
from puller.engine import Engine
from puller.google_engine import GoogleEngine
from puller.obstore_engine import ObstoreEngine
from puller.transfer import Transfer, Wanted
from service.layout import Layout

ENGINES: dict[str, Callable[[str, Access], Engine]] = {"obstore": ObstoreEngine, "google": GoogleEngine}


def fetch(engine: str, url: str, *, model: ModelName, version: int, folder: Path) -> Run:
    """Have a process of its own fetch a version into a folder."""
    folder.mkdir()
    try:
        argv = (sys.executable, "-m", "bench.engine", engine, url, str(model), str(version), str(folder))
        done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True)
        return Run(**json.loads(done.stdout))
    finally:
        shutil.rmtree(folder)


async def main(engine: str, url: str, *place: str) -> Run:
    """Fetch and publish; imports and connecting are not timed, as they are not for a puller that runs."""
    model, version, layout = ModelName.parse(place[0]), Version.parse(place[1]), Layout(Path(place[2]))
    access = Access(emulator=url)
    bucket = Bucket(BUCKET, prefix="", access=access)
    transfer = Transfer(ENGINES[engine](BUCKET, access), layout=layout, reserve_bytes=0, bytes_per_second=None)
    await bucket.catalog()
    started, cpu = time.monotonic(), _cpu_seconds()
    wanted = Wanted(model, version, (await bucket.listing(model, version)).files)
    await transfer.fetch(wanted, on_progress=lambda _: None)
    await asyncio.to_thread(disk.publish, layout, wanted.receipt(staged=datetime.now(UTC)))
    run = Run(time.monotonic() - started, _cpu_seconds() - cpu, peak_memory_mib(os.getpid()))
    access.close()
    return run


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    found = asyncio.run(main(*sys.argv[1:]))
    print(json.dumps(asdict(found)))
