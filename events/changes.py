"""What operators order of the cluster: changes of desired state as they come over HTTP and NATS.

One class a change; its fields are the same at `POST /v1/models/{model}/changes` (under `change`, told apart by `kind`)
and in a request on `mm.v1.cmd._cluster.master.<kind>` (beside the envelope). Fields that are not known are refused.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from events.bounds import AtMost
from events.desired import Label
from events.names import Version

Reason = Annotated[
    str,
    Field(
        max_length=500,
        pattern=r"^[^\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]*$",  # neither control nor direction
    ),
]


class OneChange(BaseModel):
    """What all changes share."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)
    reason: Reason = Field(default="", description="why, for those who read the history")
    ahead: bool = Field(default=False, description="allow what no node knows yet: a model or version still to come")


ACCEPT_DEFAULT = Field(
    default=False,
    description="allow a label above what is pinned: clients that name no version get the highest version loaded",
)


class Pin(OneChange):
    """Serve exactly these versions, whatever else arrives."""

    kind: Literal["pin"] = "pin"
    versions: Annotated[tuple[Version, ...], AtMost(16)] = Field(min_length=1)
    accept_default: bool = ACCEPT_DEFAULT


class Unpin(OneChange):
    """Follow the newest versions again."""

    kind: Literal["unpin"] = "unpin"
    count: int = Field(default=1, ge=1, le=16, description="serve so many of the newest versions")


class Rollback(OneChange):
    """Pin the version that was served before the present one, and move the labels of the version that is left to it."""

    kind: Literal["rollback"] = "rollback"
    version: Version | None = Field(default=None, description="go back to this one; otherwise to the one served before")
    keep_labels: bool = Field(default=False, description="refuse the rollback where a label would have to move")


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


class Unpull(OneChange):
    """Take back a pull: the version is kept on disk only as long as retention keeps it."""

    kind: Literal["unpull"] = "unpull"
    version: Version


class SetLabel(OneChange):
    """Point a label at a version; with no version, take the label away."""

    kind: Literal["label"] = "label"
    label: Label
    version: Version | None = None
    accept_default: bool = ACCEPT_DEFAULT


class Retry(OneChange):
    """Try a quarantined version once more."""

    kind: Literal["retry"] = "retry"
    version: Version


class RemoveVersion(OneChange):
    """Neither fetch nor serve a version any more."""

    kind: Literal["remove_version"] = "remove_version"
    version: Version
    drop_labels: bool = Field(default=False, description="take the labels away that point at it; else it is refused")


class RemoveModel(OneChange):
    """Unload the model and remove it from the disks."""

    kind: Literal["remove_model"] = "remove_model"


class Restore(OneChange):
    """Take back the removal of the model, or of one version."""

    kind: Literal["restore"] = "restore"
    version: Version | None = None


class ForgetModel(OneChange):
    """Drop what is wanted of a model that no node has and no bucket offers: it goes from every list."""

    kind: Literal["forget_model"] = "forget_model"


class Retention(OneChange):
    """Keep so many older versions on disk; without a count each node's own setting holds."""

    kind: Literal["retention"] = "retention"
    count: int | None = Field(default=None, ge=0, le=1000)


Change: TypeAlias = Annotated[
    Pin
    | Unpin
    | Rollback
    | Pull
    | Unpull
    | Pause
    | Resume
    | SetLabel
    | Retry
    | RemoveVersion
    | RemoveModel
    | Restore
    | ForgetModel
    | Retention,
    Field(discriminator="kind"),
]
KINDS: tuple[type[OneChange], ...] = (
    Pin,
    Unpin,
    Rollback,
    Pull,
    Unpull,
    Pause,
    Resume,
    SetLabel,
    Retry,
    RemoveVersion,
    RemoveModel,
    Restore,
    ForgetModel,
    Retention,
)
