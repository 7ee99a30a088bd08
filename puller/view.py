"""What a decision about a model is made from, and what it looks like: values only."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from events.desired import Policy
from events.names import FileName, Version
from events.status import Stage
from puller.completeness import Judgement
from puller.objects import RemoteFile
from service.layout import Quarantine, Receipt

FINAL = frozenset({Stage.INVALID, Stage.UNTRUSTED})  # more tries with the same bytes do not help


@dataclass(frozen=True, slots=True)
class Seen:
    """A version as it was last listed in the bucket, and what was made of it."""

    files: tuple[RemoteFile, ...]
    judgement: Judgement
    fingerprint: str  # of the files, as in a receipt; kept, because it is compared in every pass


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A published version."""

    receipt: Receipt
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Failure:
    """The last try to fetch a version; the next may be never (`math.inf`) while the bytes are the same."""

    reason: str
    retry_in_seconds: float
    stage: Stage = Stage.FAILED
    tries: int = 1  # with the same bytes


@dataclass(frozen=True, slots=True)
class View:
    """All that a decision about one model is made from."""

    policy: Policy = field(default_factory=Policy)
    offered: Set[Version] = frozenset()  # in the bucket, going by folder names
    seen: Mapping[Version, Seen] = field(default_factory=dict)  # of those offered, what was listed and is fresh enough
    published: Mapping[Version, OnDisk | None] = field(default_factory=dict)  # None: put there by hand
    quarantines: Mapping[Version, Quarantine] = field(default_factory=dict)
    under_way: Set[Version] = frozenset()
    failures: Mapping[Version, Failure] = field(default_factory=dict)
    unlisted: Mapping[Version, str] = field(default_factory=dict)  # could not be listed, and why
    unread: str = ""  # why the disk could not be looked at; the rest of what is known of it was seen before


@dataclass(frozen=True, slots=True)
class StageGraph:
    """Stage a version's graph: it says what else must be there."""

    file: RemoteFile
    bytes_held: int = 0  # all of them, where it is published already

    @property
    def size(self) -> int:
        """Bytes of the graph."""
        return self.file.content.size


@dataclass(frozen=True, slots=True)
class Fetch:
    """Stage these files and publish them."""

    files: tuple[RemoteFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.content.size for file in self.files)


@dataclass(frozen=True, slots=True)
class Extend:
    """Stage these files, and put those that came after the version's publication beside the others."""

    files: tuple[RemoteFile, ...]
    names: frozenset[FileName]
    signed_by: str = ""  # whom this node believed when it published the others

    @property
    def size(self) -> int:
        """Bytes of what is to be added."""
        return sum(file.content.size for file in self.files if file.name in self.names)

    @property
    def bytes_held(self) -> int:
        """Bytes of what is published already."""
        return sum(file.content.size for file in self.files) - self.size


@dataclass(frozen=True, slots=True)
class Cancel:
    """End the transfer under way: an operator does not want the version any more."""


Step = StageGraph | Fetch | Extend | Cancel


@dataclass(frozen=True, slots=True)
class Decision:
    """What holds for a version now; `again_in_seconds` is when that may change without anybody saying so."""

    version: Version
    stage: Stage
    reason: str = ""
    step: Step | None = None
    signed_by: str = ""
    provenance: str = ""
    again_in_seconds: float | None = None

    @property
    def begun(self) -> "Decision":
        """What holds for the version once its step is being taken; one that is on the disk already stays that."""
        if self.stage is Stage.PUBLISHED:
            return replace(self, step=None)
        return Decision(self.version, Stage.DOWNLOADING)
