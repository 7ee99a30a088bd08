"""One version on its way through the real puller: from an operator's word until it is published.

The puller is started with an empty folder and a desired state that keeps the model away, so it is up and at rest when
the clock starts. What is timed is list, fetch, check, sync and publish, and the word's way over NATS.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from nats.aio.client import Client

from bench.meter import cpu_seconds, peak_memory_mib
from bench.peers import Run
from bench.testbed import REMOVED, Testbed, desire, know_beforehand
from events.desired import Desired, Pinned, Policy
from events.messages import DownloadFinished, DownloadStarted, VersionPublished
from events.names import ModelName, Version
from infra.local.child import Child
from infra.local.client import nats_client
from infra.local.event_log import EventLog, listening
from infra.local.node import NodePlan

PULL_SECONDS = 60.0


class PullFailed(Exception):
    """The puller did not publish what it was asked for."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one pull took, and where its bytes came from."""

    run: Run
    finished: DownloadFinished
    begin_seconds: float  # from the word to the first request for bytes
    publish_seconds: float  # from the last byte, synced, to the published version


@dataclass(frozen=True, slots=True)
class Pulling:
    """A puller at rest, ready to be sent."""

    plan: NodePlan
    model: ModelName
    child: Child
    client: Client
    log: EventLog

    async def pull(self, version: Version) -> Pulled:
        """Have it fetch and publish a version."""
        cpu_before, started = cpu_seconds(self.child.pid), datetime.now(UTC)
        await desire(self.client, self.model, Desired(policy=Policy(want=Pinned(versions=(version,)))))
        try:
            async with asyncio.timeout(PULL_SECONDS):
                await self.log.wait_for(VersionPublished, version)
        except TimeoutError as error:
            raise PullFailed(
                f"{self.model} version {version} is not published. The puller:\n{self.child.tail()}"
            ) from error
        return self._pulled(version, started, cpu_seconds(self.child.pid) - cpu_before)

    def _pulled(self, version: Version, started: datetime, cpu: float) -> Pulled:
        events = self.log.of(version)
        begun, fetched, ended = (
            next(at for at, event in events if isinstance(event, kind))
            for kind in (DownloadStarted, DownloadFinished, VersionPublished)
        )
        return Pulled(
            Run((ended - started).total_seconds(), cpu, peak_memory_mib(self.child.pid)),
            next(event for _, event in events if isinstance(event, DownloadFinished)),
            begin_seconds=(begun - started).total_seconds(),
            publish_seconds=(ended - fetched).total_seconds(),
        )


@asynccontextmanager
async def puller(site: Testbed, model: ModelName) -> AsyncIterator[Pulling]:
    """Start a puller with an empty folder; it and what it fetched are gone afterwards."""
    plan = site.plan()
    async with nats_client(site.nats_url) as client, listening(client) as log:
        await desire(client, model, REMOVED)
        know_beforehand(plan, {model: REMOVED})
        child = site.start_puller(plan)
        try:
            yield Pulling(plan, model, child, client, log)
        finally:
            site.supervisor.stop(child)
            shutil.rmtree(plan.models)


def pull(site: Testbed, model: ModelName, versions: Sequence[Version]) -> tuple[Pulled, ...]:
    """Have a fresh puller fetch these versions, one after the other."""

    async def go() -> tuple[Pulled, ...]:
        async with puller(site, model) as pulling:
            os.sync()  # what others wrote before is not our burden
            return tuple([await fetch(pulling, version) for version in versions])

    async def fetch(pulling: Pulling, version: Version) -> Pulled:
        site.fill_memory()
        return await pulling.pull(version)

    return asyncio.run(go())
