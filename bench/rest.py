"""What the puller and the configurator cost while nothing happens, and how soon they are ready.

The node serves a few models; Pub/Sub's stream and NATS are connected. Bytecode is compiled: the stack ran them before.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench import trees
from bench.figures import Figure, Row
from bench.meter import cpu_seconds, memory_mib
from events.names import ModelName, Version
from infra.local import look
from infra.local.child import Child
from infra.local.node import Loader
from infra.local.ready import http_ok
from infra.local.stack import Stack, StackOptions
from infra.local.upload import Upload

MODELS = tuple(ModelName(f"model-{number}") for number in range(3))
STARTS = 3
QUICK_STARTS = 2
SETTLE_SECONDS = 3.0  # the first passes, the first connections
IDLE_SECONDS, QUICK_IDLE_SECONDS = 30.0, 4.0
SERVED_SECONDS = 60.0
LOOK_SECONDS = 0.05
AT_MOST_START_SECONDS = 1.5
AT_MOST_PERCENT = 0.5


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a service, and what it cost at rest after it."""

    ready_seconds: float
    memory_mib: float
    cpu_percent: float


@dataclass(frozen=True, slots=True)
class Service:
    """A service and its limits."""

    name: str
    child: Child
    at_most_mib: float


def measure(is_quick: bool) -> Iterator[Row]:  # noqa: FBT001 - one signature for all benchmarks
    """Start both services again and again, and watch them rest."""
    with Stack(StackOptions(loader=Loader.SCRIPTED)) as stack:
        _serve_some(stack)
        node = stack.node
        services = (
            Service("puller", _until_ready(node.puller, node.plan.puller_port), at_most_mib=95.0),
            Service("configurator", _until_ready(node.configurator, node.plan.configurator_port), at_most_mib=65.0),
        )
        idle = QUICK_IDLE_SECONDS if is_quick else IDLE_SECONDS
        rounds = [start_and_rest(services, idle) for _ in range(QUICK_STARTS if is_quick else STARTS)]
    for service, starts in zip(services, zip(*rounds, strict=True), strict=True):
        yield from rows(service, starts)


def start_and_rest(services: Sequence[Service], idle_seconds: float) -> tuple[Start, ...]:
    """Start the services anew, one after the other, then let both rest."""
    ready = [_start(service.child) for service in services]
    time.sleep(SETTLE_SECONDS)
    pids = [service.child.pid for service in services]
    before, started = [cpu_seconds(pid) for pid in pids], time.monotonic()
    time.sleep(idle_seconds)
    passed = time.monotonic() - started
    used = [cpu_seconds(pid) - earlier for pid, earlier in zip(pids, before, strict=True)]
    return tuple(
        Start(seconds, memory_mib(pid), 100 * cpu / passed) for seconds, pid, cpu in zip(ready, pids, used, strict=True)
    )


def rows(service: Service, starts: Sequence[Start]) -> Iterator[Row]:
    """Put the starts of one service into figures."""
    ready = tuple(start.ready_seconds for start in starts)
    yield Figure(f"{service.name}: start to ready", "s", ready, AT_MOST_START_SECONDS)
    yield Figure(f"{service.name}: memory", "MiB", tuple(start.memory_mib for start in starts), service.at_most_mib)
    idle = tuple(start.cpu_percent for start in starts)
    yield Figure(f"{service.name}: processor", "% of a core", idle, AT_MOST_PERCENT)


def _serve_some(stack: Stack) -> None:
    """Have the node serve a few small models."""
    source = stack.supervisor.new_folder("version")
    trees.write(trees.alike(files=3, each=4000), source, seed=1)
    for model in MODELS:
        Upload(stack.bucket, prefix="", model=model, version=Version(1)).send(source)
    deadline = time.monotonic() + SERVED_SECONDS
    while not all(look.served(stack.node.rest_url, model).get(1) == "AVAILABLE" for model in MODELS):
        if time.monotonic() > deadline:
            raise TimeoutError(f"the models are not served. The configurator:\n{stack.node.configurator.tail()}")
        time.sleep(LOOK_SECONDS)


def _until_ready(child: Child, port: int) -> Child:
    """Have the child's start wait for the end of the first pass, not only for an answer."""
    child.command = replace(child.command, ready=http_ok(port, "/readyz"))
    return child


def _start(child: Child) -> float:
    child.stop()
    started = time.monotonic()
    child.start()
    return time.monotonic() - started
