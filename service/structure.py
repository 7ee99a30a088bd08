"""Which files make a SavedModel whole, by their names and by what the graph says it needs.

The one rule for the puller, which judges a version in the bucket, and for whoever publishes one.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from itertools import islice
from typing import Final

from events.names import FileName
from service.saved_model import Needs

# In TensorFlow's own order: where there are several, the first is loaded.
GRAPHS: Final = (FileName("saved_model.cpb"), FileName("saved_model.pb"), FileName("saved_model.pbtxt"))
BINARY_GRAPH: Final = GRAPHS[1]
UNREAD_GRAPH: Final = GRAPHS[0]  # in pieces, with a format of its own
VARIABLES: Final = "variables/variables."
INDEX: Final = FileName(f"{VARIABLES}index")
MAX_SHARDS_NAMED: Final = 5

_SHARD = re.compile(r"variables/variables\.data-([0-9]{5,10})-of-([0-9]{5,10})")


def missing(names: Set[FileName], needs: Needs | None, *, require_assets: bool = True) -> list[str]:
    """Say which files are missing; without `needs` only what the names themselves tell is judged."""
    absent = [] if not names.isdisjoint(GRAPHS) else [f"{BINARY_GRAPH} is missing"]
    if (needs and needs.variables) or any(name.startswith(VARIABLES) for name in names):
        absent += [] if INDEX in names else [f"{INDEX} is missing"]
        absent += _missing_shards(names)
    if needs and require_assets:
        absent += [f"{name} is missing, the graph names it" for name in sorted(needs.assets - names)]
    return absent


def graph_in(names: Set[FileName]) -> FileName | None:
    """Choose the graph that TensorFlow loads."""
    return next((name for name in GRAPHS if name in names), None)


def readable(graph: FileName | None) -> bool:
    """Tell whether a graph can say what it needs."""
    return graph is not None and graph != UNREAD_GRAPH


def is_loaded_with_graph(name: FileName) -> bool:
    """Tell whether a file that comes late would make another model of the version: a graph, or variables."""
    return name in GRAPHS or name.startswith("variables/")


def empty(sizes: Mapping[FileName, int]) -> list[str]:
    """Say which files are empty that never can be."""
    return [f"{name} is empty" for name in (*GRAPHS, INDEX) if sizes.get(name) == 0]


def _missing_shards(names: Iterable[FileName]) -> list[str]:
    """Of exactly one count every shard must be there; stray ones of other counts do no harm."""
    counts = _shards(names)
    whole = [count for count, there in sorted(counts.items()) if len(there) == count]
    if len(whole) == 1:
        return []
    if whole:
        listed = " and ".join(f"-of-{count:05}" for count in whole)
        return [f"the shards of several exports are mixed ({listed}): delete those of the old one"]
    if not counts:
        return [f"{VARIABLES}data-?????-of-????? is missing"]
    return [sentence for count, there in sorted(counts.items()) for sentence in _absent(count, there)]


def _shards(names: Iterable[FileName]) -> dict[int, set[int]]:
    """Which shards are there, by their count."""
    counts: dict[int, set[int]] = defaultdict(set)
    for name in names:
        if match := _SHARD.fullmatch(name):
            shard, count = int(match[1]), int(match[2])
            if shard < count and name == _shard(shard, count):
                counts[count].add(shard)
    return counts


def _absent(count: int, there: Set[int]) -> list[str]:
    absent = list(islice((shard for shard in range(count) if shard not in there), MAX_SHARDS_NAMED))
    rest = count - len(there) - len(absent)
    more = [f"{rest} more shards of {count} are missing"] if rest else []
    return [f"{_shard(shard, count)} is missing" for shard in absent] + more


def _shard(shard: int, count: int) -> str:
    return f"{VARIABLES}data-{shard:05}-of-{count:05}"
