"""What a decision about a model is made from, and what it looks like: values only."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from events.desired import Policy
from events.names import Version
from events.status import Stage
from puller.bucket.observed import Seen
from puller.disk.contents import OnDisk
from puller.download.failures import Failure
from puller.download.steps import Step
from service.layout import Quarantine


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
