"""What hard links save when a new version shares most of its bytes with the one before."""

import shutil
from collections.abc import Iterator

from bench import trees
from bench.figures import Figure, Row, ratios
from bench.pull import Pulled, pull
from bench.testbed import Testbed, site
from bench.trees import Tree
from events.names import ModelName, Version
from infra.local.supervisor import Supervisor

MB = 1_000_000
MODEL, FIRST, SECOND = ModelName("alike"), Version(1), Version(2)
FILES, CHANGED = 10, 2  # so 80 % of the bytes are shared
EACH, QUICK_EACH = 30 * MB, 4 * MB
ROUNDS, QUICK_ROUNDS = 3, 2
AT_MOST_MOVED = 21.0  # percent: what changed, and a little for the graph


def measure(is_quick: bool) -> Iterator[Row]:  # noqa: FBT001 - one signature for all benchmarks
    """Fetch the second version after the first, and alone, in turns."""
    tree = trees.alike(files=FILES, each=QUICK_EACH if is_quick else EACH)
    with Supervisor() as supervisor, site(supervisor) as place:
        deliver(place, tree)
        after_first, alone = [], []
        for _ in range(QUICK_ROUNDS if is_quick else ROUNDS):
            place.warm()
            after_first.append(pull(place, MODEL, [FIRST, SECOND])[1])
            alone.append(pull(place, MODEL, [SECOND])[0])
    yield from rows(tree, after_first, alone)


def deliver(place: Testbed, tree: Tree) -> None:
    """Bring both versions into the bucket; the second differs in a few files."""
    source = place.supervisor.new_folder("source")
    trees.write(tree, source, seed=1)
    place.upload(source, MODEL, FIRST)
    changed = dict(list(tree.sizes.items())[:CHANGED])
    trees.write(Tree("changed", changed), source, seed=2)
    place.upload(source, MODEL, SECOND)
    shutil.rmtree(source)
    place.forget_uploads()


def rows(tree: Tree, after_first: list[Pulled], alone: list[Pulled]) -> Iterator[Row]:
    """Put the pulls into figures."""
    total = tree.total
    moved = tuple(100 * one.finished.bytes_moved / total for one in after_first)
    yield Figure("bytes moved of a version that shares 80 %", "%", moved, AT_MOST_MOVED)
    linked = tuple(one.finished.bytes_linked / MB for one in after_first)
    yield Figure("bytes linked", "MB", linked, note=f"of {total / MB:.0f} MB")
    linking, fetching = (tuple(one.run.seconds for one in some) for some in (after_first, alone))
    yield Figure("time with the version before on disk", "s", linking)
    yield Figure("time without it", "s", fetching)
    yield Figure("with / without", "x", ratios(linking, fetching), 1.0)
