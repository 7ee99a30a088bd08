"""A stack of real nodes with a master, and the command `model-manager` as people type it."""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from infra.local import programs
from infra.local.child import Command
from infra.local.ports import LOOPBACK
from infra.local.ready import http_ok
from infra.local.stack import Stack
from master.cli.exits import Exit
from tests.support.stack import EVENTUALLY_SECONDS

SECONDS = "60s"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A stack with a master, and the command."""

    stack: Stack
    url: str
    versions: Path

    def run(self, line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one command; its words are separated by blanks."""
        return subprocess.run(
            [sys.executable, "-m", "master.cli", *line.split()],
            env={
                "PATH": os.environ["PATH"],
                "PYTHONWARNINGS": "error",
                "MM_MASTER_URL": self.url,
                "STORAGE_EMULATOR_HOST": self.stack.gcs_url,
                "PUBSUB_EMULATOR_HOST": self.stack.pubsub_address,
                "MM_PROJECT": self.stack.project,
                "MM_BUCKET": self.stack.bucket.name,
                "MM_TOPIC": self.stack.topic,
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def do(self, line: str) -> str:
        """Run one command that shall succeed; what it printed."""
        done = self.run(line)
        assert done.returncode == Exit.DONE, f"{line}: {done.stdout}{done.stderr}"
        return done.stdout

    def publish(self, version: int) -> None:
        """Publish a version and wait until both nodes serve it, and it alone."""
        self.do(f"publish {self.versions / str(version)} gs://{self.stack.bucket.name}/line/{version}")
        self.do(f"wait line {version} --timeout {SECONDS}")
        self.until_served([version], [version])

    def until_served(self, *versions: list[int]) -> None:
        """Wait until node-1, node-2 … serve just these: a node serves both for a moment when it changes over."""
        deadline = time.monotonic() + EVENTUALLY_SECONDS
        while (serving := self.serving()) != list(versions):
            assert time.monotonic() < deadline, f"the nodes serve {serving}, not {versions}"

    def until_nothing_is_wrong(self) -> list[str]:
        """Wait until `doctor` finds nothing wrong; what it says then. A busy machine's nodes seem lost at times."""
        deadline = time.monotonic() + EVENTUALLY_SECONDS
        while True:
            found = self.run("doctor").stdout.splitlines()
            wrong = [line for line in found if line.startswith("wrong")]
            if not wrong:
                return found
            assert time.monotonic() < deadline, wrong

    def serving(self) -> list[list[int]]:
        """Which versions each node serves."""
        return [cell["serving"] for cell in json.loads(self.do("model line --json"))["nodes"]]


def master(stack: Stack, **variables: str) -> tuple[Command, str]:
    port = stack.supervisor.ports.reserve()
    command = Command(
        f"master-{port}",
        (str(programs.python()), "-m", "master"),
        ready=http_ok(port, "/readyz"),
        environment={
            "MM_NODE": "master-1",
            "MM_NATS_URL": stack.nats_url,
            "MM_HTTP_HOST": LOOPBACK,
            "MM_HTTP_PORT": str(port),
            "MM_LOG_FORMAT": "text",
            **variables,
        },
        ready_seconds=30.0,
    )
    return command, f"http://{LOOPBACK}:{port}"
