"""How the puller's cost at rest grows with the number of models: start, pass time, list operations, memory.

Every model has one small version, on the disk already. Passes are polls, once a second; the list operations are counted
where they arrive, in the log of the GCS server. That keeps its objects in memory here: on disk, each of its lists would
read the whole bucket. Pub/Sub is off.
"""

import re
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from bench import trees
from bench.figures import Figure, Row
from bench.meter import cpu_seconds, memory_mib
from bench.testbed import BUCKET, Testbed, site
from events.names import ModelName, Version
from infra.local.node import NodePlan
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from infra.local.upload import Upload

COUNTS, QUICK_COUNTS = (1, 10, 100, 1000), (1, 10, 100)
PASSES, QUICK_PASSES = 8, 3
UPLOADS = 2  # versions at once, each of several objects at once
POLL_SECONDS = 1
WATCH_SECONDS = 30.0  # for as many passes as this gives, where passes take long
PATIENCE_SECONDS = 300.0
LOOK_SECONDS = 0.05
READ_SECONDS = 0.25  # shorter than between two passes, and seldom enough not to be measured itself
VERSION = Version(1)
LIST = re.compile(rf'"GET /storage/v1/b/{BUCKET}/o\?'.replace('"', r'\\?"'))
PASS = re.compile(r"^mm_pass_seconds_(sum|count) (\S+)$", re.MULTILINE)
# No proxy of the person's environment may stand before loopback.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

Passes = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rest:
    """A puller at rest with so many models."""

    ready_seconds: float
    pass_ms: tuple[float, ...]
    lists: float
    memory_mib: float
    cpu_ms: float  # of a pass, with all that runs beside


def measure(is_quick: bool) -> Iterator[Row]:  # noqa: FBT001 - one signature for all benchmarks
    """Add models to the bucket, and measure at each size with a puller just started."""
    with Supervisor() as supervisor, site(supervisor, in_memory=True) as place:
        plan = place.plan()
        have = 0
        for count in QUICK_COUNTS if is_quick else COUNTS:
            add(place, range(have, count))
            seconds = fill(place, plan, count)
            yield Figure(f"{label(count)}: fetched by a fresh start", "/s", ((count - have) / seconds,))
            yield from rows(label(count), rest(place, plan, passes=QUICK_PASSES if is_quick else PASSES))
            have = count


def add(place: Testbed, numbers: range) -> None:
    """Upload one small version for each of these models."""
    source = place.supervisor.new_folder("source")
    trees.write(trees.Tree("small", {}), source, seed=1)

    def send(number: int) -> None:
        Upload(place.bucket, prefix="", model=ModelName(f"model-{number:04}"), version=VERSION).send(source)

    with ThreadPoolExecutor(UPLOADS) as pool:
        list(pool.map(send, numbers))


def fill(place: Testbed, plan: NodePlan, count: int) -> float:
    """Have a puller fetch what it lacks, and time it; it polls as seldom as by default."""
    started = time.monotonic()
    child = place.start_puller(plan)
    while len(list(plan.models.glob(f"model-*/{VERSION}"))) < count:
        if time.monotonic() > started + PATIENCE_SECONDS:
            raise TimeoutError(f"the puller has not published all models. Its last words:\n{child.tail()}")
        time.sleep(LOOK_SECONDS)
    seconds = time.monotonic() - started
    place.supervisor.stop(child)
    return seconds


def rest(place: Testbed, plan: NodePlan, *, passes: int) -> Rest:
    """Start a puller that has nothing to do, and watch its passes."""
    polling = replace(plan, settings={**plan.settings, "MM_POLL_SECONDS": str(POLL_SECONDS)})
    started = time.monotonic()
    child = place.start_puller(polling)
    ready_seconds = time.monotonic() - started
    first, lists, cpu = _passes(plan), _lists(place), cpu_seconds(child.pid)
    times, last = _watch(plan, first, passes=passes)
    made = last[0] - first[0]
    found = Rest(
        ready_seconds,
        times,
        lists=(_lists(place) - lists) / made,
        memory_mib=memory_mib(child.pid),
        cpu_ms=1000 * (cpu_seconds(child.pid) - cpu) / made,
    )
    place.supervisor.stop(child)
    return found


def rows(models: str, found: Rest) -> Iterator[Row]:
    """Put one size into figures."""
    yield Figure(f"{models}: pass", "ms", found.pass_ms, note=f"{found.cpu_ms:.0f} ms of processor time")
    yield Figure(f"{models}: list operations a pass", "", (found.lists,))
    yield Figure(f"{models}: memory", "MiB", (found.memory_mib,))
    yield Figure(f"{models}: start to ready", "s", (found.ready_seconds,))


def label(count: int) -> str:
    """A number of models, as people say it."""
    return f"{count:,} model{'s' if count > 1 else ''}"


def _watch(plan: NodePlan, first: Passes, *, passes: int) -> tuple[tuple[float, ...], Passes]:
    """Time passes until there are enough; the last one has just ended."""
    times: list[float] = []
    last, deadline = first, time.monotonic() + WATCH_SECONDS
    while not times or (len(times) < passes and time.monotonic() < deadline):
        while (now := _passes(plan))[0] == last[0]:
            time.sleep(READ_SECONDS)
        times.append(1000 * (now[1] - last[1]) / (now[0] - last[0]))
        last = now
    return tuple(times), last


def _passes(plan: NodePlan) -> Passes:
    """How many passes the puller has made since its start, and their seconds."""
    with _open(f"http://{LOOPBACK}:{plan.puller_port}/metrics", timeout=10) as answer:
        values = {name: float(value) for name, value in PASS.findall(answer.read().decode())}
    return values["count"], values["sum"]


def _lists(place: Testbed) -> int:
    return len(LIST.findall(place.gcs.log.read_text()))
