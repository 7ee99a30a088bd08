"""A fleet's watches of desired state, for real: a connection and a consumer for each service, of 1,000 nodes in all."""

import asyncio
import time
from collections.abc import Iterator, Mapping

from bench.figures import Figure
from events import subjects
from events.desired import Desired
from events.names import ModelName
from infra.local import parts
from infra.local.client import nats_client
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from service import jetstream, settings
from service.bus import Bus
from service.connections import raise_file_limit
from service.settings import Settings
from service.tasks import end
from service.watch import Entry

SERVICES, QUICK_SERVICES = 2000, 300
AT_ONCE = 50  # services that start at the same time
CHANGES = 5
WAIT_SECONDS = 120.0
MODEL = ModelName("m")


class Watches:
    """The services, and what each of them has seen."""

    def __init__(self, url: str, services: int) -> None:
        self._seen = [0] * services
        self._moved = asyncio.Event()
        self.buses = [self._bus(url, number) for number in range(services)]

    async def until(self, revision: int) -> None:
        """Wait until all have seen a revision."""
        async with asyncio.timeout(WAIT_SECONDS):
            while min(self._seen) < revision:
                self._moved.clear()
                await self._moved.wait()

    def _bus(self, url: str, number: int) -> Bus:
        def show(content: Mapping[str, Entry]) -> None:
            self._seen[number] = max((entry.revision for entry in content.values()), default=0)
            self._moved.set()

        service = ("puller", "configurator")[number % 2]
        bus = Bus(settings.load(Settings, {"MM_NODE": f"node-{number // 2:04}", "MM_NATS_URL": url}), service)
        bus.watch(subjects.DESIRED_BUCKET, show)
        return bus


def measure(*, is_quick: bool) -> Iterator[Figure]:
    """Start the services, and change a document under their eyes."""
    services = QUICK_SERVICES if is_quick else SERVICES
    raise_file_limit()
    with Supervisor() as supervisor:
        port, monitor = supervisor.ports.reserve(), supervisor.ports.reserve()
        supervisor.start(parts.nats(supervisor.new_folder("nats"), port, monitor))
        made, changes, consumers = asyncio.run(_watch(f"nats://{LOOPBACK}:{port}", services))
    yield Figure(f"{services:,} real watches made", "s", (made,))
    note = "all of them in one process"
    yield Figure(f"a change seen by {services:,} watches", "s", changes, note=note)
    yield Figure(f"consumers of {services:,} services", "", (float(consumers),), float(services))


async def _watch(url: str, services: int) -> tuple[float, tuple[float, ...], int]:
    async with nats_client(url) as client:
        stream = client.jetstream(timeout=WAIT_SECONDS)
        bucket = await jetstream.bucket(stream, subjects.DESIRED_BUCKET)
        document, key = Desired().model_dump_json().encode(), subjects.desired_key(MODEL)
        watches, running, started = Watches(url, services), [], time.monotonic()
        revision = await bucket.put(key, document)
        try:
            for bus in watches.buses:
                running.append(asyncio.create_task(bus.run()))
                if len(running) % AT_ONCE == 0:
                    await asyncio.sleep(0)
            await watches.until(revision)
            made, changes = time.monotonic() - started, []
            for _ in range(CHANGES):
                begun = time.monotonic()
                await watches.until(await bucket.put(key, document))
                changes.append(time.monotonic() - begun)
            info = await stream.stream_info(f"KV_{subjects.DESIRED_BUCKET}")
            return made, tuple(changes), info.state.consumer_count
        finally:
            await end(running)
