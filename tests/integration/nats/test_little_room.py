"""NATS with too little room for the history: nodes are seen as they are, and the cause is said where people look."""

import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from infra.local import parts, programs
from infra.local.child import Command
from infra.local.ports import LOOPBACK
from infra.local.ready import http_ok
from infra.local.supervisor import Supervisor
from master.cli.exits import Exit
from tests.support.stack import GcsServer, eventually, refusing

LITTLE = 'jetstream {{ store_dir: "{store}", max_file_store: 100MB }}'
CAUSE = "max_file_store"


@pytest.fixture
def urls(supervisor: Supervisor, gcs_server: GcsServer) -> Iterator[tuple[str, str]]:
    """A master and a node's puller, over such a server."""
    nats = {"MM_NATS_URL": refusing(supervisor, LITTLE).url}
    port, other = supervisor.ports.reserve(), supervisor.ports.reserve()
    puller = {
        **nats,
        "MM_NODE": "node-a",
        "MM_BUCKET": "models",
        "MM_MODELS_DIR": str(supervisor.new_folder("node-a")),
        "MM_HTTP_PORT": str(other),
        "MM_RESERVE_MIB": "0",
        "STORAGE_EMULATOR_HOST": gcs_server.url,
    }
    argv = (str(programs.python()), "-m", "puller")
    commands = (
        parts.master(port, {**nats, "MM_WITHOUT_TOKENS": "true"}),
        Command("puller", argv, ready=http_ok(other, "/livez"), environment=puller),
    )
    started = [supervisor.launch(command) for command in commands]
    supervisor.wait_ready(*started)
    yield f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{other}"
    for child in started:
        supervisor.stop(child)


async def test_no_node_is_lost_and_the_cause_is_told(urls: tuple[str, str]) -> None:
    """At `/status` of the service, and by `doctor`, which sends nobody to the host."""
    master, puller = urls

    async def puller_says() -> bool:
        async with httpx.AsyncClient() as client:
            return CAUSE in " ".join((await client.get(f"{puller}/status")).json()["warnings"])

    await eventually(puller_says, seconds=30)

    def doctor_says() -> bool:
        done = doctor(master)
        lines = [line for line in done.stdout.splitlines() if line.startswith("wrong") and "node-a" in line]
        return done.returncode == Exit.NOT_AS_DESIRED and any(CAUSE in line for line in lines)

    await eventually(doctor_says, seconds=60)
    said = doctor(master).stdout
    assert "lost" not in said
    assert "look at the host" not in said


def doctor(master: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "master.cli", "doctor"],
        env={"PATH": os.environ["PATH"], "MM_MASTER_URL": master, "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
