"""How fast a node whose models are all on disk serves them: a fresh TensorFlow Serving, and a fresh configurator.

TensorFlow Serving looks for versions once a second and starts one load every 100 ms, whatever it is asked, and so does
the compatible server. The ratio tells how much longer it takes until the configurator has confirmed all of them.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench import trees
from bench.figures import Figure, Row
from bench.meter import peak_memory_mib
from bench.testbed import NODE
from events.names import ModelName, Version
from infra.local import node, parts
from infra.local.node import Loader, NodePlan
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor

COUNTS, QUICK_COUNTS = (1, 20, 200), (20,)
RUNS, QUICK_RUNS = 3, 1
POLL_SECONDS = 1.0  # between two looks of TensorFlow Serving at its folders; the first load waits for one
TURN_SECONDS = 0.1  # between two loads that it starts
AT_MOST_RATIO = 1.25
PATIENCE_SECONDS = 600.0
LOOK_SECONDS = 0.05
VERSION = Version(1)


def measure(is_quick: bool) -> Iterator[Row]:  # noqa: FBT001 - one signature for all benchmarks
    """Serve so many models from nothing, again and again."""
    with Supervisor() as supervisor:
        nats_port = supervisor.ports.reserve()
        supervisor.start(parts.nats(supervisor.new_folder("nats"), nats_port, supervisor.ports.reserve()))
        for count in QUICK_COUNTS if is_quick else COUNTS:
            runs = QUICK_RUNS if is_quick else RUNS
            url = f"nats://{LOOPBACK}:{nats_port}"
            yield from rows(count, [introduce(supervisor, url, count) for _ in range(runs)])


@dataclass(frozen=True, slots=True)
class Run:
    """How long it took until all were confirmed, and the most memory the configurator had until then."""

    seconds: float
    peak_mib: float


def rows(count: int, runs: Sequence[Run]) -> Iterator[Row]:
    """Put one number of models into figures."""
    seconds = tuple(run.seconds for run in runs)
    label, least = f"{count:,} new model{'s' if count > 1 else ''}", POLL_SECONDS + count * TURN_SECONDS
    yield Figure(f"{label}: all confirmed", "s", seconds, note="from the start of the configurator")
    yield Figure(f"{label}: rate", "/s", tuple(count / one for one in seconds))
    ratios = tuple(one / least for one in seconds)
    target = AT_MOST_RATIO if count >= max(QUICK_COUNTS) else None  # of one model the start is the greatest part
    yield Figure(f"{label}: time / TensorFlow Serving's own", "", ratios, target, note=f"its own: {least:.1f} s")
    yield Figure(f"{label}: peak memory of the configurator", "MiB", tuple(run.peak_mib for run in runs))


def introduce(supervisor: Supervisor, nats_url: str, count: int) -> Run:
    """Put the models on disk, start both programs, and time the configurator until the config file names all."""
    folder = supervisor.new_folder("node")
    plan = node.plan(NODE, folder=folder, ports=supervisor.ports, settings={"MM_NATS_URL": nats_url})
    for number in range(count):
        model = ModelName(f"model-{number:04}")
        trees.write(trees.Tree("small", {}), plan.models / model / str(VERSION), seed=1)
    serving = supervisor.start(node.serving(plan, Loader.SCRIPTED))
    started = time.monotonic()
    configurator = supervisor.start(node.service(plan, "configurator", port=plan.configurator_port))
    while confirmed(plan) < count:
        if time.monotonic() > started + PATIENCE_SECONDS:
            raise TimeoutError(f"the models are not served. Last words:\n{configurator.tail()}")
        time.sleep(LOOK_SECONDS)
    run = Run(time.monotonic() - started, peak_memory_mib(configurator.pid))
    supervisor.stop(configurator)
    supervisor.stop(serving)
    return run


def confirmed(plan: NodePlan) -> int:
    """Count the models that the config file names: those that serve, and were found to answer right."""
    return plan.config_file.read_text().count('name: "')
