"""Whether a version in the bucket is whole: a pure judgement over one consistent listing.

With a manifest the listing must match it. Without one the graph says what must exist (`puller/saved_model.py`), and no
object may have changed for the settle time. `saved_model.pbtxt` and `saved_model.cpb` are taken as graphs too, but not
read: then names alone are judged, and the judgement says so.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from events.manifest import Content, differences
from events.names import MANIFEST_NAME, FileName
from puller.bucket import MAX_FILES, Listing, RemoteFile
from puller.saved_model import Needs

# In TensorFlow's own order: where there are several, the first is loaded.
GRAPHS: Final = (FileName("saved_model.cpb"), FileName("saved_model.pb"), FileName("saved_model.pbtxt"))
READABLE_GRAPH: Final = GRAPHS[1]
VARIABLES: Final = "variables/variables."
INDEX: Final = FileName(f"{VARIABLES}index")
MAX_VERSION_BYTES: Final = 5 * 1024**4  # one object of Cloud Storage can be this large; a whole version never is
MAX_GRAPH_BYTES: Final = 2 * 1024**3  # the largest message that protobuf, and so TensorFlow, can read
MAX_SENTENCES: Final = 10
MAX_SHARDS_NAMED: Final = 5

_SHARD = re.compile(r"variables/variables\.data-([0-9]{5,10})-of-([0-9]{5,10})")


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a version beyond its listing."""

    first_seen: datetime  # when this node first saw exactly these generations: the bucket's clock may run ahead of ours
    manifest: Mapping[FileName, Content] | None = None  # required where the listing has a manifest
    needs: Needs | None = None  # of the listing's saved_model.pb, once it was staged and read


@dataclass(frozen=True, slots=True)
class Rules:
    """The node's settings for the judgement."""

    settle_seconds: float = 5.0
    require_assets: bool = True


@dataclass(frozen=True, slots=True)
class Complete:
    """These files are the version; `note` says what could not be checked, empty when all was."""

    files: tuple[RemoteFile, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Something is missing or differs; more objects may still come."""

    reason: str


@dataclass(frozen=True, slots=True)
class Settling:
    """Complete as far as one can see, but changed so lately that more may come: judge again then."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class NeedsGraph:
    """Nothing is missing so far: stage this `saved_model.pb`, read its needs, judge again."""

    file: RemoteFile


@dataclass(frozen=True, slots=True)
class Unusable:
    """No object that may still come makes this version usable; only a change of what is there does."""

    reason: str


Judgement = Complete | Incomplete | Settling | NeedsGraph | Unusable


def judge(listing: Listing, known: Known, *, now: datetime, rules: Rules) -> Judgement:
    """Judge whether the listing is a whole version."""
    if problems := _problems(listing):
        return Unusable(_sentence(problems))
    if listing.manifest is not None:
        return _by_manifest(listing, known, rules)
    return _by_structure(listing, known, now=now, rules=rules)


def _by_manifest(listing: Listing, known: Known, rules: Rules) -> Judgement:
    if known.manifest is None:
        raise ValueError(f"the listing has a {MANIFEST_NAME} that was not read")
    found = {file.name: file.content for file in listing.files}
    if wrong := differences(known.manifest, found):
        return Incomplete(_sentence(wrong))
    if missing := _missing(found.keys(), known.needs, rules):
        return Unusable(f"{MANIFEST_NAME} matches, but this is no SavedModel that works: {_sentence(missing)}")
    return Complete(listing.files)


def _by_structure(listing: Listing, known: Known, *, now: datetime, rules: Rules) -> Judgement:
    files = {file.name: file for file in listing.files}
    if missing := _missing(files.keys(), known.needs, rules):
        return Incomplete(_sentence(missing))
    graph = next(files[name] for name in GRAPHS if name in files)
    if graph.name == READABLE_GRAPH and known.needs is None:
        return NeedsGraph(graph)
    newest = max(file.updated for file in listing.files)
    until = min(newest, known.first_seen) + timedelta(seconds=rules.settle_seconds)
    if now < until:
        return Settling(until, f"complete; waiting until nothing has changed for {rules.settle_seconds:g} s")
    note = "" if known.needs else f"{graph.name} is not read: whether variables or assets are missing cannot be told"
    return Complete(listing.files, note)


def _problems(listing: Listing) -> list[str]:
    """What no further upload makes good."""
    if len(listing.files) > MAX_FILES:
        return [f"it has more than {MAX_FILES} files"]
    sizes = {file.name: file.content.size for file in listing.files}
    problems = [*listing.problems, *_collisions(sizes.keys())]
    if (size := sum(sizes.values())) > MAX_VERSION_BYTES:
        problems.append(f"it has {size} bytes, more than {MAX_VERSION_BYTES}")
    if sizes.get(READABLE_GRAPH, 0) > MAX_GRAPH_BYTES:
        problems.append(f"{READABLE_GRAPH} has {sizes[READABLE_GRAPH]} bytes, more than TensorFlow can read (2 GiB)")
    must_have_bytes = (name for name in (*GRAPHS, INDEX) if name in sizes)
    return [*problems, *(f"{name} is empty" for name in must_have_bytes if not sizes[name])]


def _collisions(names: Set[FileName]) -> list[str]:
    """Names that an object store can hold side by side and a file system cannot: `a` and `a/b`."""
    folders = {name[:at] for name in names for at, character in enumerate(name) if character == "/"}
    return [f"{name} is both a file and a folder" for name in sorted(folders & names)]


def _missing(names: Set[FileName], needs: Needs | None, rules: Rules) -> list[str]:
    missing = [] if not names.isdisjoint(GRAPHS) else [f"{READABLE_GRAPH} is missing"]
    if (needs and needs.variables) or any(name.startswith(VARIABLES) for name in names):
        missing += [] if INDEX in names else [f"{INDEX} is missing"]
        missing += _missing_shards(names)
    if needs and rules.require_assets:
        missing += [f"{name} is missing, the graph names it" for name in sorted(needs.assets - names)]
    return missing


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


def _sentence(reasons: Iterable[str]) -> str:
    listed = list(reasons)
    more = len(listed) - MAX_SENTENCES
    return "; ".join(listed[:MAX_SENTENCES]) + (f"; and {more} more" if more > 0 else "")
