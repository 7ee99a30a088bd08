"""A cluster of three NATS servers that loses its majority: what is seen then, and that all is well again afterwards."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import httpx
import pytest

from infra.local import parts, programs
from infra.local.child import Child, Command
from infra.local.ports import LOOPBACK
from infra.local.ready import http_ok
from infra.local.supervisor import Supervisor
from infra.nats import streams
from master.cli.exits import Exit
from service import settings
from service.errors import Transient
from service.settings import Settings
from tests.integration.nats.conftest import CENTRE, SETTLE_SECONDS
from tests.support.nats import Secured
from tests.support.stack import GcsServer, eventually

WORDS = "NATS answers, JetStream does not"


@dataclass(frozen=True, slots=True)
class Services:
    """A master and a node's puller at all three servers, and the command."""

    master: str
    puller: str

    async def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run one command; its words are separated by blanks."""
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "master.cli", *line.split()],
            env={"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", "MM_MASTER_URL": self.master, "COLUMNS": "300"},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    async def says(self, line: str, words: str, *, code: Exit) -> bool:
        """Whether a command ends with a code and says some words, in whichever stream."""
        done = await self.run(line)
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert "ServiceUnavailable" not in said
        return done.returncode == code and words in " ".join(said.split())

    async def fails(self, url: str) -> bool:
        """Whether a service counts what fails, and says so."""
        return await self._failing(url) > 0 and WORDS in await self._warnings(url)

    async def is_well(self, url: str) -> bool:
        """Whether nothing fails in a service."""
        return await self._failing(url) == 0 and not await self._warnings(url)

    async def _failing(self, url: str) -> float:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"{url}/metrics")).text
        found = re.search(r"(?m)^mm_nats_failing ([0-9.]+)$", text)
        assert found
        return float(found[1])

    async def _warnings(self, url: str) -> str:
        async with httpx.AsyncClient() as client:
            return " ".join((await client.get(f"{url}/status")).json()["warnings"])


@pytest.fixture
def services(supervisor: Supervisor, cluster: list[Secured], gcs_server: GcsServer) -> Iterator[Services]:
    urls = {"MM_NATS_URL": ",".join(one.url for one in cluster)}
    port, other = supervisor.ports.reserve(), supervisor.ports.reserve()
    started: list[Child] = []

    def start(command: Command) -> None:
        started.append(supervisor.launch(command))

    start(parts.master(port, {**cluster[0].environment("master", "master-1"), **urls, "MM_WITHOUT_TOKENS": "true"}))
    puller = {
        **cluster[0].environment("puller.node-a", CENTRE),
        **urls,
        "MM_BUCKET": "models",
        "MM_MODELS_DIR": str(supervisor.new_folder("node-a")),
        "MM_HTTP_PORT": str(other),
        "MM_RESERVE_MIB": "0",
        "MM_LOG_FORMAT": "text",
        "STORAGE_EMULATOR_HOST": gcs_server.url,
    }
    argv = (str(programs.python()), "-m", "puller")
    start(Command("puller", argv, ready=http_ok(other, "/livez"), environment=puller))
    yield Services(f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{other}")
    for child in started:
        supervisor.stop(child)


async def set_up(cluster: list[Secured]) -> None:
    """Make streams and buckets with three copies, as soon as the young cluster has a leader."""
    admin = settings.load(Settings, cluster[0].environment("admin", "setup"))
    made: dict[str, int] = {}

    async def is_set_up() -> bool:
        with contextlib.suppress(Transient):
            made.update(await streams.set_up(admin, replicas=3))
        return bool(made)

    await eventually(is_set_up, seconds=SETTLE_SECONDS)
    assert set(made.values()) == {3}


async def until(services: Services, line: str, words: str, *, code: Exit) -> None:
    """Wait until a command ends and speaks like this; where it does not, show what it says in place of it."""
    try:
        await eventually(lambda: services.says(line, words, code=code), seconds=SETTLE_SECONDS)
    except AssertionError as error:
        last = await services.run(line)
        raise AssertionError(f"{line}: exit code {last.returncode}: {last.stdout}{last.stderr}") from error


@pytest.mark.timeout(500)
async def test_a_majority_that_goes_is_told_everywhere_and_comes_back(
    cluster: list[Secured], services: Services
) -> None:
    """Two of three servers die: the view is stale, services are troubled, changes refuse; then they come back."""
    await set_up(cluster)
    await until(services, "pause line --yes --ahead", "updates paused", code=Exit.DONE)
    await until(services, "status --check", "1 node (1 well)", code=Exit.DONE)

    for lost in cluster[1:]:
        await asyncio.to_thread(lost.child.kill)
    await until(services, "status", WORDS, code=Exit.DONE)
    await until(services, "status --check", WORDS, code=Exit.NOT_AS_DESIRED)
    await until(services, "resume line --yes --ahead", WORDS, code=Exit.UNREACHABLE)
    await until(services, "history line", WORDS, code=Exit.UNREACHABLE)
    await until(services, "doctor", WORDS, code=Exit.NOT_AS_DESIRED)
    for url in (services.master, services.puller):
        await eventually(partial(services.fails, url), seconds=SETTLE_SECONDS)
    await until(services, "nodes", "the puller warns: sending signs of life fails since", code=Exit.DONE)
    assert await services.says("nodes", "troubled", code=Exit.DONE)
    assert await services.says("status", WORDS, code=Exit.DONE)  # and it has not become well in between

    for lost in cluster[1:]:
        await asyncio.to_thread(lost.child.start)
    await until(services, "resume line --yes --ahead", "updates resumed", code=Exit.DONE)
    for url in (services.master, services.puller):
        await eventually(partial(services.is_well, url), seconds=SETTLE_SECONDS)
    await until(services, "status --check", "1 node (1 well)", code=Exit.DONE)
    assert WORDS not in (await services.run("doctor")).stdout
