"""Ways to break parts of the stack, and to bring them back."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.compose.containers import Stack, StackFailed, docker

STOP_SECONDS, STARVED_STOP_SECONDS = 5, 30  # what SIGTERM is given before SIGKILL
FREEZE_SECONDS = 60.0
STARVED_LOAD = 4.0  # of a core: processes that get so little of it cannot be held to seconds


@dataclass(frozen=True, slots=True)
class Fault:
    """A way to take a container away, and to bring it back."""

    begin: Callable[[str], object]
    end: Callable[[str], object]


def pause(container: str) -> None:
    """Freeze a container. The kernel may give up when it forks just then, as for a health check: try again."""
    deadline = time.monotonic() + FREEZE_SECONDS
    while True:
        try:
            docker("pause", container)
        except StackFailed as error:
            if "unable to freeze" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.5)
        else:
            return


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "stop": Fault(
            lambda container: docker("stop", f"--time={stop_seconds()}", container),
            lambda container: docker("start", container),
        ),
        "kill": Fault(
            lambda container: docker("kill", container),
            lambda container: docker("start", container),
        ),
        "pause": Fault(
            pause,
            lambda container: docker("unpause", container),
        ),
    }
)


class Breaker:
    """Breaks parts of the stack for a while."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    @contextmanager
    def away(self, *services: str, fault: str = "stop") -> Iterator[None]:
        """Take services away, and bring them back in the same order; return when they are healthy again."""
        containers = [self.stack.container(service) for service in services]
        for container in containers:
            FAULTS[fault].begin(container)
        try:
            yield
        finally:
            for container in containers:
                FAULTS[fault].end(container)
            self.stack.wait_healthy()

    @contextmanager
    def cut_off(self, node: str) -> Iterator[None]:
        """Take a node off the cluster's network; what is inside the node goes on."""
        network = f"{self.stack.project}_cluster"
        services = [f"puller-{node}", f"configurator-{node}"]
        for service in services:
            docker("network", "disconnect", network, self.stack.container(service))
        try:
            yield
        finally:
            for service in services:
                docker("network", "connect", f"--alias={service}", network, self.stack.container(service))
            self.stack.wait_healthy()

    def stop_and_start(self, *services: str) -> dict[str, int]:
        """Stop containers all at once and start them again, waiting for nothing; how each ended."""
        containers = [self.stack.container(service) for service in services]
        docker("stop", f"--time={stop_seconds()}", *containers)
        codes = {service: self.exit_code(service) for service in services}
        docker("start", *containers)
        return codes

    def exit_code(self, service: str) -> int:
        """How a stopped container ended."""
        return int(json.loads(docker("inspect", self.stack.container(service)))[0]["State"]["ExitCode"])

    def restart(self, service: str) -> None:
        """Kill a container and start it, waiting for nothing."""
        container = self.stack.container(service)
        docker("kill", container)
        docker("start", container)

    def lose_data_of_nats(self) -> None:
        """Have NATS come back with an empty disk."""
        container = self.stack.container("nats")
        image = json.loads(docker("inspect", container))[0]["Config"]["Image"]
        docker("kill", container)
        wipe = ("--entrypoint", "sh", image, "-c", "rm -rf /data/*")
        docker("run", "--rm", "--network=none", "--volumes-from", container, *wipe)
        docker("start", container)
        self.stack.wait_healthy()

    def keep_nats(self, *words: str, folder: Path) -> None:
        """Save or restore what JetStream keeps, in a folder that the tool sees as /backup."""
        tool = ("tests", "python", "-m", "infra.nats.backup", *words)
        self.stack.must("run", "--rm", "--no-deps", "-v", f"{folder}:/backup", *tool)

    def crash(self, service: str) -> None:
        """Have the engine see the container's process die, as by the kernel's own hand."""
        state = json.loads(docker("inspect", self.stack.container(service)))[0]["State"]
        os.kill(int(state["Pid"]), 9)


def stop_seconds() -> int:
    """How long a container may take to end: what is promised, but on a machine with far too much to do."""
    is_starved = os.getloadavg()[0] > STARVED_LOAD * (os.cpu_count() or 1)
    return STARVED_STOP_SECONDS if is_starved else STOP_SECONDS
