"""The stack as containers: `docker-compose` and `docker`, for whoever starts it and for the fault checks beside it."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
SMALL_DISK = ROOT / "tests/compose/small-disk.yml"
NODES = ("node-a", "node-b")
NODE_SERVICES = ("puller", "configurator", "tfserving")
STEADY = ("nats", "pubsub", "gcs", "master", *(f"{part}-{node}" for node in NODES for part in NODE_SERVICES))
HEALTHY_SECONDS = 240.0
LAST_LINES = 40  # of a quiet command's words, where it fails


class StackFailed(Exception):
    """A command of the container engine failed, or the stack did not come up."""


@dataclass(frozen=True, slots=True)
class Stack:
    """One run of the compose file under a project name of its own, so that it touches no other."""

    project: str
    compose: tuple[str, ...]
    environment: Mapping[str, str]
    files: tuple[Path, ...]

    def run(self, *words: str, is_quiet: bool = True) -> int:
        """Run a compose command; its exit code."""
        given = [word for file in self.files for word in ("-f", str(file))]
        command = [*self.compose, *given, "--project-directory", str(ROOT), "-p", self.project, *words]
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} if is_quiet else {}
        environment = {**os.environ, **self.environment}
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False, text=True, **quiet)  # type: ignore[call-overload] # of two shapes
        if is_quiet and done.returncode:
            sys.stdout.write("\n".join(done.stdout.splitlines()[-LAST_LINES:]) + "\n")
        return int(done.returncode)

    def must(self, *words: str, is_quiet: bool = True) -> None:
        """Run a compose command that has to succeed."""
        if code := self.run(*words, is_quiet=is_quiet):
            raise StackFailed(f"`{' '.join([*self.compose, *words])}` ended with {code}")

    def container(self, service: str) -> str:
        """The id of a service's container, running or not."""
        filters = (f"label=com.docker.compose.project={self.project}", f"label=com.docker.compose.service={service}")
        words = [word for one in filters for word in ("--filter", one)]
        found = docker("ps", "--all", "--quiet", *words).split()
        if len(found) != 1:
            raise StackFailed(f"{len(found)} containers of {service} are there, not one")
        return found[0]

    def health(self, service: str) -> str:
        """What the engine says of a service's container: healthy, starting, unhealthy, exited, …"""
        shown = json.loads(docker("inspect", self.container(service)))[0]["State"]
        if shown["Status"] != "running":
            return str(shown["Status"])
        return str(shown.get("Health", {}).get("Status", "running"))

    def wait_healthy(self, services: Sequence[str] = STEADY) -> None:
        """Wait until the containers are running and healthy."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        while True:
            states = {service: self.health(service) for service in services}
            if set(states.values()) == {"healthy"}:
                return
            if time.monotonic() > deadline:
                bad = {service: state for service, state in states.items() if state != "healthy"}
                raise StackFailed(f"not healthy within {HEALTHY_SECONDS:g} s: {bad}")
            time.sleep(0.5)

    def show_logs(self, services: Sequence[str] = STEADY, *, lines: int = 15) -> None:
        """Write the last words of containers, for whoever looks at a failure."""
        for service in services:
            sys.stdout.write(f"----- {service}\n")
            sys.stdout.flush()
            self.run("logs", f"--tail={lines}", "--no-color", service, is_quiet=False)


def docker(*words: str) -> str:
    """Run a docker command and return its output."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise StackFailed(f"`docker {' '.join(words)}` ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def find_compose() -> tuple[str, ...]:
    """The compose command there is; version 1 first, which is the stricter one."""
    return ("docker-compose",) if shutil.which("docker-compose") else ("docker", "compose")


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has now."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [listener.getsockname()[1] for listener in listeners]
    finally:
        for listener in listeners:
            listener.close()


def environment(*, image: str) -> dict[str, str]:
    """What a test run's compose file and its checks on the host are given: ports of its own, and quick polls."""
    names = (
        "MM_MASTER_PORT",
        "MM_GCS_PORT",
        *(f"MM_NODE_{node}_{kind}_PORT" for node in "AB" for kind in ("GRPC", "REST")),
    )
    ports = dict(zip(names, map(str, free_ports(len(names))), strict=True))
    serving = ",".join(
        f"{node}=127.0.0.1:{ports[f'MM_NODE_{letter}_GRPC_PORT']}/{ports[f'MM_NODE_{letter}_REST_PORT']}"
        for node, letter in zip(NODES, "AB", strict=True)
    )
    return {
        **ports,
        "MM_TFSERVING_IMAGE": image,
        "MM_MASTER_URL": f"http://127.0.0.1:{ports['MM_MASTER_PORT']}",
        "MM_GCS_URL": f"http://127.0.0.1:{ports['MM_GCS_PORT']}",
        "MM_SERVING": serving,
        "MM_TOKEN": "development-admin",
        "MM_BUCKET": "models",
        "MM_PROJECT": "model-manager",
        "MM_PULLER_POLL_SECONDS": "20",
        "MM_RESERVE_MIB": "1",
        "MM_HEALTH_INTERVAL": "2s",
    }
