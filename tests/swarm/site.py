"""The swarm of a lab with model.manager on it, set up by the commands that docs/swarm.md gives to people."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from infra.swarm.lab.swarm import Lab
from tests.compose.world import World, eventually

ROOT = Path(__file__).resolve().parents[2]
STACK = "mm"
SERVICES = "model-manager/services"
TFSERVING = "model-manager/tfserving"
MASTERS = ("node1", "node2")
SETTINGS = {
    "MM_IMAGE": f"{SERVICES}:dev",
    "MM_TFSERVING_IMAGE": f"{TFSERVING}:dev",
    "MM_RESERVE_MIB": "1",
    "MM_PULLER_POLL_SECONDS": "20",
    "MM_SETTLE_SECONDS": "2",
    "MM_HEALTH_INTERVAL": "2s",
    "MM_MONITOR": "8s",
    "MM_UPDATE_DELAY": "2s",
    "MM_NATS_UPDATE_DELAY": "10s",
}


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Site:
    """A lab, and the folder its deployments are made from."""

    lab: Lab
    folder: Path

    def prepare(self) -> None:
        """Label the nodes, and make keys, certificates, tokens and settings, as a person would."""
        nodes = self.lab.nodes()
        for node in nodes:
            labels = ["mm.serving=yes", "mm.nats=yes", *(["mm.master=yes"] if node in MASTERS else [])]
            self.docker("node", "update", *(f"--label-add={label}" for label in labels), node)
        python = sys.executable
        self._must(python, "-m", "infra.nats.users", "--shared", "--operator", "test", "--folder", self.folder / "nats")
        self._must("python3", "-m", "infra.swarm", "certificate", "--folder", self.folder)
        made = json.loads(self._must(python, "-m", "master.cli", "token", "test", "--role", "admin", "--json"))
        (self.folder / "tokens").write_text(f"{made['line']}\n")
        (self.folder / "admin-token").write_text(made["token"])
        self.change_command_token()
        (self.folder / "exchange-token").write_text(f"{secrets.token_hex(32)}\n")
        (self.folder / "settings.env").write_text("".join(f"{name}={value}\n" for name, value in SETTINGS.items()))

    def change_command_token(self) -> None:
        """Write another token for commands between master and nodes."""
        (self.folder / "command-token").write_text(f"{secrets.token_hex(32)}\n")

    def deploy(self, **settings: str) -> Done:
        """Deploy, with settings that go before those of the file."""
        lab = ("--also", "infra/swarm/lab/stack.yml", "--resolve-image", "never", "--timeout", "400")
        return self._run("python3", "-m", "infra.swarm", "deploy", *self._which, *lab, settings=settings)

    def status(self) -> Done:
        """Ask the tool whether all runs as ordered."""
        return self._run("python3", "-m", "infra.swarm", "status", *self._which)

    def docker(self, *words: str, node: str = "node1") -> str:
        """Run a docker command on a node's engine."""
        return self._must("docker", "--host", self.lab.node_host(node), *words)

    def tag(self, image: str, name: str) -> None:
        """Give an image another name on every node, as if it had been built anew."""
        for node in self.lab.nodes():
            self.docker("tag", image, name, node=node)

    def container(self, service: str, node: str) -> str:
        """The id of a service's running container on a node."""
        (found,) = self.containers(node, service)
        return found

    def containers(self, node: str, *services: str) -> list[str]:
        """The ids of the containers of services that run on a node."""
        label = "--filter=label=com.docker.swarm.service.name"
        shown = [self.docker("ps", "--quiet", f"{label}={STACK}_{service}", node=node) for service in services]
        return [container for lines in shown for container in lines.split()]

    def images(self, service: str) -> set[str]:
        """The images that a service's tasks run."""
        words = ("--filter=desired-state=running", "--format={{.Image}}")
        return set(self.docker("service", "ps", *words, f"{STACK}_{service}").split())

    def tasks(self, *services: str) -> set[str]:
        """The ids of the tasks that shall run."""
        names = [f"{STACK}_{service}" for service in services]
        return set(self.docker("service", "ps", "--quiet", "--filter=desired-state=running", *names).split())

    def node_state(self, node: str) -> str:
        """What the swarm says of a node: ready, down, or why it says nothing."""
        words = ("docker", "node", "inspect", "--format={{.Status.State}}", node)
        return self._run(*words).said.strip()  # an error while the manager itself is on its way

    def wait_node(self, node: str, state: str) -> None:
        """Wait until the swarm says so of a node."""
        said = partial(self.node_state, node)
        eventually(lambda: said() == state, f"the swarm says {node} is {state}", seconds=180, seen=said)

    def wait_whole(self) -> None:
        """Wait until everything runs as ordered."""
        eventually(lambda: self.status().code == 0, "all runs as ordered", seconds=300, seen=lambda: self.status().said)

    def world(self, master: str = "node1") -> World:
        """All of it as a client sees it, through one of the masters."""
        serving = ",".join(f"{node}={self.lab.address(node)}:8500/8501" for node in self.lab.nodes())
        return World(
            {
                "MM_MASTER_URL": f"http://{self.lab.address(master)}:8000",
                "MM_TOKEN": (self.folder / "admin-token").read_text(),
                "MM_SERVING": serving,
                "MM_GCS_URL": f"http://{self.lab.address('gcs')}:4443",
                "MM_BUCKET": "models",
                "MM_PROJECT": "model-manager",
            }
        )

    @property
    def _which(self) -> tuple[str, ...]:
        return ("--stack", STACK, "--folder", str(self.folder))

    def _must(self, *command: str | Path) -> str:
        done = self._run(*command)
        if done.code:
            raise AssertionError(f"{' '.join(map(str, command[:5]))} ended with {done.code}: {done.said}")
        return done.said

    def _run(self, *command: str | Path, settings: Mapping[str, str] | None = None) -> Done:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
        environment = {**plain, "DOCKER_HOST": self.lab.host, **self.lab.environment(), **(settings or {})}
        done = subprocess.run(
            list(map(str, command)),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout)
