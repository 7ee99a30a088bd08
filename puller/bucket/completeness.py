"""Whether a version in the bucket is whole: a pure judgement over one consistent listing.

With a manifest the listing must match it. Without one the graph says what must exist (`service/structure.py`), and no
object may have changed for the settle time. `saved_model.cpb` is not read, nor a `saved_model.pbtxt` that is too long:
then names alone are judged, the judgement says so, and the plan takes such a version on an operator's word alone.
"""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from events.manifest import Content, differences
from events.names import MANIFEST_NAME, FileName
from events.wording import few
from puller.bucket.limits import Limits, exceeded
from puller.bucket.objects import Listing, RemoteFile
from service.saved_model import Needs
from service.structure import BINARY_GRAPH, GRAPHS, empty, missing, readable

MAX_GRAPH_BYTES: Final = 2 * 1024**3  # the largest message that protobuf, and so TensorFlow, can read
MAX_SENTENCES: Final = 10
MAX_INSTEAD: Final = 3
PARTS: Final = frozenset({"variables", "assets", "assets.extra", "debug", "fingerprint.pb", "keras_metadata.pb"})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a version beyond its listing."""

    first_seen: datetime  # when this node first saw exactly these generations: the bucket's clock may run ahead of ours
    manifest: Mapping[FileName, Content] | None = None  # required where the listing has a manifest
    needs: Needs | None = None  # of the listing's graph, once it was staged and read


@dataclass(frozen=True, slots=True)
class Rules:
    """The node's settings for the judgement."""

    settle_seconds: float = 5.0
    require_assets: bool = True
    limits: Limits = Limits()  # noqa: RUF009 - frozen


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
    """Nothing is missing so far: stage this graph, read its needs, judge again."""

    file: RemoteFile


@dataclass(frozen=True, slots=True)
class Unusable:
    """No object that may still come makes this version usable; only a change of what is there does."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unread:
    """What the version has could not be read or judged, though the bucket answers: list and read it again then."""

    until: datetime
    reason: str


Assessment = Unread | Complete | Incomplete | Settling | NeedsGraph | Unusable


def assess(listing: Listing, known: Known, *, now: datetime, rules: Rules) -> Assessment:
    """Judge whether the listing is a whole version."""
    if problems := _problems(listing, rules.limits):
        return Unusable(_sentence(problems))
    if listing.manifest is not None:
        return _by_manifest(listing, known, rules)
    return _by_structure(listing, known, now=now, rules=rules)


def _by_manifest(listing: Listing, known: Known, rules: Rules) -> Assessment:
    if known.manifest is None:
        raise ValueError(f"the listing has a {MANIFEST_NAME} that was not read")
    found = {file.name: file.content for file in listing.files}
    if wrong := differences(known.manifest, found):
        return Incomplete(_sentence(wrong))
    if lacking := missing(found.keys(), known.needs, require_assets=rules.require_assets):
        return Unusable(f"{MANIFEST_NAME} matches, but this is no SavedModel that works: {_sentence(lacking)}")
    return Complete(listing.files)


def _by_structure(listing: Listing, known: Known, *, now: datetime, rules: Rules) -> Assessment:
    files = {file.name: file for file in listing.files}
    if lacking := missing(files.keys(), known.needs, require_assets=rules.require_assets):
        return Incomplete(_sentence(lacking) + _instead(files.keys()))
    graph = next(files[name] for name in GRAPHS if name in files)
    if readable(graph.name) and known.needs is None:
        return NeedsGraph(graph)
    newest = max(file.updated for file in listing.files)
    until = min(newest, known.first_seen) + timedelta(seconds=rules.settle_seconds)
    if now < until:
        return Settling(until, f"complete; waiting until nothing has changed for {rules.settle_seconds:g} s")
    return Complete(listing.files, _note(graph.name, known.needs))


def _note(graph: FileName, needs: Needs | None) -> str:
    """Say what cannot be told of a version; empty where its graph tells it."""
    if needs and not needs.unread:
        return ""
    why = needs.unread if needs else f"{graph} is not read"
    return f"{why}: whether variables or assets are missing cannot be told"


def _instead(names: Set[FileName]) -> str:
    """Name what lies where the graph should be, if that is no part of a SavedModel."""
    odd = sorted(name for name in names if name.partition("/")[0] not in PARTS)
    if not odd or not names.isdisjoint(GRAPHS):
        return ""
    return f"; there is {few(odd, most=MAX_INSTEAD)} instead"


def _problems(listing: Listing, limits: Limits) -> list[str]:
    """What no further upload makes good."""
    sizes = {file.name: file.content.size for file in listing.files}
    problems = [*listing.problems, *exceeded(listing.files, limits), *_collisions(sizes.keys())]
    if sizes.get(BINARY_GRAPH, 0) > MAX_GRAPH_BYTES:
        problems.append(f"{BINARY_GRAPH} has {sizes[BINARY_GRAPH]} bytes, more than TensorFlow can read (2 GiB)")
    return [*problems, *empty(sizes)]


def _collisions(names: Set[FileName]) -> list[str]:
    """Names that an object store can hold side by side and a file system cannot: `a` and `a/b`."""
    folders = {folder for name in names for folder in _folders(name) if folder in names}
    return [f"{name} is both a file and a folder" for name in sorted(folders)]


def _folders(name: FileName) -> Iterator[str]:
    """The folders above a file, one at a time: all folders of 50,000 deep names would take a gigabyte."""
    at = name.find("/")
    while at >= 0:
        yield name[:at]
        at = name.find("/", at + 1)


def _sentence(reasons: Iterable[str]) -> str:
    listed = list(reasons)
    more = len(listed) - MAX_SENTENCES
    return "; ".join(listed[:MAX_SENTENCES]) + (f"; and {more} more" if more > 0 else "")
