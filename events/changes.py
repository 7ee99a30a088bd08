"""What operators order of the cluster: changes of desired state as they come over HTTP and NATS.

One class a change; its fields are the same at `POST /v1/models/{model}/changes` (under `change`, told apart by `kind`)
and in a request on `mm.v1.cmd._cluster.master.<kind>` (beside the envelope). Fields that are not known are refused.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from events.bounds import AtMost
from events.desired import Label
from events.names import Version


class OneChange(BaseModel):
    """What all changes share."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)


class Pin(OneChange):
    """Serve exactly these versions, whatever else arrives."""

    kind: Literal["pin"] = "pin"
    versions: Annotated[tuple[Version, ...], AtMost(16)] = Field(min_length=1)


class Unpin(OneChange):
    """Follow the newest versions again."""

    kind: Literal["unpin"] = "unpin"
    count: int = Field(default=1, ge=1, le=16, description="serve so many of the newest versions")


class Rollback(OneChange):
    """Pin the version that was served before the present one, on each node from what it has on disk."""

    kind: Literal["rollback"] = "rollback"
    version: Version | None = Field(default=None, description="go back to this one; otherwise to the one served before")


class Pull(OneChange):
    """Have a version on the disk, not served, ready for a later pin."""

    kind: Literal["pull"] = "pull"
    version: Version


class Pause(OneChange):
    """Change nothing by itself any more: what is served stays."""

    kind: Literal["pause"] = "pause"


class Resume(OneChange):
    """Follow new versions again."""

    kind: Literal["resume"] = "resume"


class SetLabel(OneChange):
    """Point a label at a version; with no version, take the label away."""

    kind: Literal["label"] = "label"
    label: Label
    version: Version | None = None


class Retry(OneChange):
    """Try a quarantined version once more."""

    kind: Literal["retry"] = "retry"
    version: Version


class RemoveVersion(OneChange):
    """Neither fetch nor serve a version any more."""

    kind: Literal["remove_version"] = "remove_version"
    version: Version


class RemoveModel(OneChange):
    """Unload the model and remove it from the disks."""

    kind: Literal["remove_model"] = "remove_model"


class Restore(OneChange):
    """Take back the removal of the model, or of one version."""

    kind: Literal["restore"] = "restore"
    version: Version | None = None


class Retention(OneChange):
    """Keep so many older versions on disk; without a count each node's own setting holds."""

    kind: Literal["retention"] = "retention"
    count: int | None = Field(default=None, ge=0, le=1000)


Change: TypeAlias = Annotated[
    Pin
    | Unpin
    | Rollback
    | Pull
    | Pause
    | Resume
    | SetLabel
    | Retry
    | RemoveVersion
    | RemoveModel
    | Restore
    | Retention,
    Field(discriminator="kind"),
]
KINDS: tuple[type[OneChange], ...] = (
    Pin,
    Unpin,
    Rollback,
    Pull,
    Pause,
    Resume,
    SetLabel,
    Retry,
    RemoveVersion,
    RemoveModel,
    Restore,
    Retention,
)
