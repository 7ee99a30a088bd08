"""Pullers of one site, each a host of its own, and the bucket behind their line."""

import asyncio
import json
import secrets
import shutil
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from nats.aio.client import Client

from bench.lan import Host, Lan, open_lan
from bench.meter import cpu_seconds
from bench.testbed import BUCKET, REMOVED, Testbed, desire, know_beforehand
from events.desired import Desired, Pinned, Policy
from events.messages import VersionPublished
from events.names import ModelName, NodeName, Version
from infra.local import node, parts
from infra.local.bucket import Bucket
from infra.local.child import Child
from infra.local.client import nats_client
from infra.local.event_log import EventLog, listening
from infra.local.ready import http_ok
from infra.local.supervisor import Supervisor
from puller.exchange.neighbourhood import SETTLED_SECONDS

MODEL, VERSION = ModelName("shared"), Version(1)
HTTP_PORT = 8001
LINE_MBIT, LAN_MBIT = 200, 1000
TRIES = 300.0  # seconds until a version must be there, or neighbours must have heard of each other
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Shared:
    """What one fetch by a site took."""

    seconds: tuple[float, ...]  # for each node that published, from the word to the published version
    line_bytes: int

    @property
    def last(self) -> float:
        """Seconds until all had published."""
        return max(self.seconds)


@dataclass(slots=True)
class Running:
    """A puller on a host."""

    name: NodeName
    host: Host
    child: Child
    models: Path
    log: EventLog

    def neighbours(self) -> int:
        """How many others of the site it hears."""
        with urllib.request.urlopen(f"http://{self.host.address}:{HTTP_PORT}/status", timeout=10) as answer:
            return int(json.load(answer)["exchange"]["neighbours"])

    async def published(self) -> datetime:
        """When it had the version, waiting for it."""
        try:
            async with asyncio.timeout(TRIES):
                await self.log.wait_for(VersionPublished, VERSION)
        except TimeoutError as error:
            raise TimeoutError(f"{self.name} has not published. Its last words:\n{self.child.tail()}") from error
        return next(at for at, event in self.log.of(VERSION) if isinstance(event, VersionPublished))


@dataclass(slots=True)
class Site:
    """Servers, the line, and hosts for pullers."""

    place: Testbed
    lan: Lan
    bucket: Host
    hosts: Sequence[Host]
    secret: Path
    runs: int = 0

    async def fetch(self, nodes: int, *, exchange: bool = True, kill_at_bytes: int | None = None) -> Shared:
        """Have so many pullers fetch at once; the last is killed when so many bytes have come over the line."""
        async with self._pullers(nodes, exchange=exchange) as (client, running):
            sent, word = self.bucket.sent_bytes(), await _want(client)
            staying = list(running)
            if kill_at_bytes is not None:
                await _until(lambda: self.bucket.sent_bytes() - sent >= kill_at_bytes)
                staying.pop().child.kill()
            ends = [await one.published() for one in staying]
            return Shared(tuple((end - word).total_seconds() for end in ends), self.bucket.sent_bytes() - sent)

    async def serve(self) -> float:
        """Have a node that has the version give it to one that comes; the giver's seconds of processor time."""
        async with self._pullers(1) as (client, (giver,)):
            await _want(client)
            await giver.published()
            before = cpu_seconds(giver.child.pid)
            async with self._puller(client, self.hosts[1], "later") as taker:
                await taker.published()
                return cpu_seconds(giver.child.pid) - before

    @asynccontextmanager
    async def _pullers(self, nodes: int, *, exchange: bool = True) -> AsyncIterator[tuple[Client, Sequence[Running]]]:
        """Start pullers that may not have the version yet, and wait until they hear each other."""
        self.runs += 1
        async with nats_client(self.place.nats_url) as client, AsyncExitStack() as stack:
            await desire(client, MODEL, REMOVED)
            names = [f"node-{number + 1}" for number in range(nodes)]
            running = [
                await stack.enter_async_context(self._puller(client, host, name, exchange=exchange, keeps_away=True))
                for name, host in zip(names, self.hosts, strict=False)
            ]
            if exchange:
                await _until(lambda: all(one.neighbours() == nodes - 1 for one in running))
            await asyncio.sleep(SETTLED_SECONDS)  # until then a fresh puller waits for its neighbours' signs of life
            yield client, running

    @asynccontextmanager
    async def _puller(
        self, client: Client, host: Host, name: str, *, exchange: bool = True, keeps_away: bool = False
    ) -> AsyncIterator[Running]:
        """Start the real program on a host; it and what it fetched are gone afterwards."""
        supervisor, place = self.place.supervisor, self.place
        own = {"MM_NATS_URL": place.nats_url, "MM_BUCKET": BUCKET, "STORAGE_EMULATOR_HOST": place.gcs_url}
        own |= {"MM_SITE": f"run-{self.runs}", "MM_EXCHANGE_TOKEN_FILE": str(self.secret), "NO_PROXY": "*"}
        own |= {"MM_EXCHANGE": "on" if exchange else "off"}
        plan = node.plan(name, folder=supervisor.new_folder("node"), ports=supervisor.ports, settings=own)
        if keeps_away:
            know_beforehand(plan, {MODEL: REMOVED})
        command = node.service(plan, "puller", port=HTTP_PORT)
        command = replace(
            command,
            argv=(*host.enter, *command.argv),
            environment={**command.environment, "MM_HTTP_HOST": host.address},
            ready=http_ok(HTTP_PORT, "/readyz", host=host.address),
        )
        async with listening(client, node=name, model=MODEL) as log:
            child = await asyncio.to_thread(supervisor.start, command)
            try:
                yield Running(NodeName(name), host, child, plan.models, log)
            finally:
                supervisor.stop(child)
                shutil.rmtree(plan.models)


@contextmanager
def site(supervisor: Supervisor, *, nodes: int) -> Iterator[Site]:
    """Make the site and start its servers; all of it ends with the supervisor."""
    with open_lan(supervisor) as lan:
        place, host = _servers(supervisor, lan)
        hosts = [lan.join(f"node-{number + 1}", mbit=LAN_MBIT) for number in range(nodes)]
        secret = supervisor.folder / "exchange-token"
        secret.write_text(secrets.token_hex(32))
        secret.chmod(0o600)
        with place.bucket as bucket:
            bucket.create()
            yield Site(place, lan, host, hosts, secret)


def _servers(supervisor: Supervisor, lan: Lan) -> tuple[Testbed, Host]:
    """Start NATS beside us, and the bucket behind the line."""
    folder, reserve = supervisor.new_folder("gcs"), supervisor.ports.reserve
    nats_port, gcs_port = reserve(), reserve()
    supervisor.start(parts.nats(supervisor.new_folder("nats"), nats_port, reserve(), host=lan.here))
    host = lan.join("bucket", mbit=LINE_MBIT)
    command = parts.gcs(folder, gcs_port, events=parts.Events(0, project="", topic=""), host=host.address)
    gcs = supervisor.start(replace(command, argv=(*host.enter, *command.argv)))
    bucket = Bucket(f"http://{host.address}:{gcs_port}", name=BUCKET, project="bench")
    return Testbed(supervisor, gcs, gcs_port, folder, f"nats://{lan.here}:{nats_port}", bucket, host.address), host


async def _want(client: Client) -> datetime:
    """Let everybody have the version; the time of the word."""
    now = datetime.now(UTC)
    await desire(client, MODEL, Desired(policy=Policy(want=Pinned(versions=(VERSION,)))))
    return now


async def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TRIES
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the pullers of the site did not get so far within {TRIES:g} s")
        await asyncio.sleep(LOOK_SECONDS)
