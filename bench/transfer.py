"""How fast a version comes out of the bucket, checked, synced and published, beside what else could fetch it.

All programs fetch the same objects from the same server on this machine, in turns, with the objects in the page cache.
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

from bench import peers
from bench.figures import Figure, Row, Unmeasured, ratios
from bench.peers import Payload, Run
from bench.pull import Pulled, pull
from bench.testbed import Testbed, site
from bench.trees import Tree, alike, shard_and_small, write
from events.names import ModelName, Version
from infra.local.supervisor import Supervisor

MB = 1_000_000
MODEL, VERSION = ModelName("payload"), Version(1)
OURS = "puller"
AT_MOST_OF = {"gcloud storage cp -r": 0.35}
AT_MOST_OF_CURL = {"shard and small files": 0.9, "512 files alike": 1.0}
AT_MOST_MIB = 110.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to fetch, and how often each program does: fewer times where the machine is slow."""

    trees: Sequence[Tree]
    least_rounds: int
    most_rounds: int
    seconds: float  # for each tree; no round begins later, once there are enough


FULL = Plan((shard_and_small(shard=900 * MB, small=200, each=20_000), alike(files=512, each=2 * MB)), 3, 5, 75.0)
QUICK = Plan((shard_and_small(shard=90 * MB, small=20, each=20_000), alike(files=32, each=2 * MB)), 2, 2, 15.0)


def measure(is_quick: bool) -> Iterator[Row]:  # noqa: FBT001 - one signature for all benchmarks
    """Compare the puller with the others, tree by tree."""
    plan = QUICK if is_quick else FULL
    for tree in plan.trees:
        with Supervisor() as supervisor, site(supervisor) as place:
            payload = deliver(place, tree)
            yield from compare(place, tree, payload, plan)


def deliver(place: Testbed, tree: Tree) -> Payload:
    """Bring the tree into the bucket."""
    source = place.supervisor.new_folder("source")
    write(tree, source, seed=1)
    place.upload(source, MODEL, VERSION)
    shutil.rmtree(source)
    place.forget_uploads()
    objects = place.objects(f"{MODEL}/{VERSION}/")
    return Payload(MODEL, VERSION, objects)


def compare(place: Testbed, tree: Tree, payload: Payload, plan: Plan) -> Iterator[Row]:
    """Let every program fetch, and put what they took into figures."""
    folder = place.supervisor.new_folder("fetched")
    known = [make(place, payload, folder) for make in (peers.curl, peers.rclone, peers.gcloud, peers.cp)]
    pulls: list[Pulled] = []

    def ours() -> Run:
        pulls.extend(pull(place, MODEL, [VERSION]))
        return pulls[-1].run

    fetchers: dict[str, Callable[[], Run]] = {OURS: ours}
    fetchers |= {peer.name: partial(peer.run, payload.total) for peer in known if peer.version}
    yield from rows(tree, take_turns(place, fetchers, plan))
    yield from parts(tree, pulls)
    for peer in known:
        if not peer.version:
            yield Unmeasured(f"{tree.name}: {peer.name}", f"{peer.argv[0]} is not installed")


def take_turns(place: Testbed, fetchers: Mapping[str, Callable[[], Run]], plan: Plan) -> dict[str, list[Run]]:
    """Let every program fetch in turn, each round another one first."""
    names = [*fetchers]
    runs: dict[str, list[Run]] = {name: [] for name in names}
    deadline = time.monotonic() + plan.seconds
    for turn in range(plan.most_rounds):
        if turn >= plan.least_rounds and time.monotonic() > deadline:
            break
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            place.warm()
            os.sync()
            place.fill_memory()
            runs[name].append(fetchers[name]())
    return runs


def rows(tree: Tree, runs: Mapping[str, Sequence[Run]]) -> Iterator[Row]:
    """Put the runs into figures."""
    for name, of_one in runs.items():
        used = f"{median(run.cpu_seconds for run in of_one):.2f} s of processor time"
        yield Figure(f"{tree.name}: {name}", "s", tuple(run.seconds for run in of_one), note=used)
    ours = [run.seconds for run in runs[OURS]]
    for name in (name for name in runs if name != OURS):
        compared = ratios(ours, [run.seconds for run in runs[name]])
        at_most = AT_MOST_OF_CURL.get(tree.name) if name == "curl" else AT_MOST_OF.get(name)
        yield Figure(f"{tree.name}: {OURS} / {name}", "x", compared, at_most)
    peaks = tuple(run.peak_mib for run in runs[OURS])
    yield Figure(f"{tree.name}: peak memory of the puller", "MiB", peaks, AT_MOST_MIB)


def parts(tree: Tree, pulls: Sequence[Pulled]) -> Iterator[Row]:
    """Say where the puller's time goes."""
    yield Figure(f"{tree.name}: of it, until the first byte", "s", tuple(one.begin_seconds for one in pulls))
    yield Figure(f"{tree.name}: of it, check and publish", "s", tuple(one.publish_seconds for one in pulls))
