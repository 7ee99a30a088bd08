"""Whether a version in the bucket is whole: a pure judgement over one consistent listing.

With a manifest the listing must match it. Without one the graph says what must exist (`puller/saved_model.py`), and no
object may have changed for the settle time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from events.manifest import Content
from events.names import FileName
from puller.bucket import Listing, RemoteFile
from puller.saved_model import Needs


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a version beyond its listing."""

    first_seen: datetime  # when this node first saw exactly these generations; a wrong clock then cannot block for long
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
    raise NotImplementedError
