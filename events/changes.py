"""What operators order of the cluster: changes of desired state as they come over HTTP and NATS.

One class a change; its fields are the same at `POST /v1/models/{model}/changes` (under `change`, told apart by `kind`)
and in a request on `mm.v1.cmd._cluster.master.<kind>` (beside the envelope). Fields that are not known are refused.
"""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from events.commands import Command
from events.desired import Label
from events.names import ModelName, NodeName, Version


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pin(_Change):
    """Serve exactly these versions, whatever else arrives."""

    kind: Literal["pin"] = "pin"
    versions: tuple[Version, ...] = Field(min_length=1, max_length=16)


class Unpin(_Change):
    """Follow the newest versions again."""

    kind: Literal["unpin"] = "unpin"
    count: int = Field(default=1, ge=1, le=16, description="serve so many of the newest versions")


class Rollback(_Change):
    """Pin the version that was served before the present one, on each node from what it has on disk."""

    kind: Literal["rollback"] = "rollback"
    version: Version | None = Field(default=None, description="go back to this one; otherwise to the one served before")


class Pull(_Change):
    """Have a version on the disk, not served, ready for a later pin."""

    kind: Literal["pull"] = "pull"
    version: Version


class Pause(_Change):
    """Change nothing by itself any more: what is served stays."""

    kind: Literal["pause"] = "pause"


class Resume(_Change):
    """Follow new versions again."""

    kind: Literal["resume"] = "resume"


class SetLabel(_Change):
    """Point a label at a version; with no version, take the label away."""

    kind: Literal["label"] = "label"
    label: Label
    version: Version | None = None


class Retry(_Change):
    """Try a quarantined version once more."""

    kind: Literal["retry"] = "retry"
    version: Version


class RemoveVersion(_Change):
    """Neither fetch nor serve a version any more."""

    kind: Literal["remove_version"] = "remove_version"
    version: Version


class RemoveModel(_Change):
    """Unload the model and remove it from the disks."""

    kind: Literal["remove_model"] = "remove_model"


class Restore(_Change):
    """Take back the removal of the model, or of one version."""

    kind: Literal["restore"] = "restore"
    version: Version | None = None


class Retention(_Change):
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
KINDS: tuple[type[_Change], ...] = (
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


class ChangeRequest(Command):
    """A change of one model's desired state, on all nodes or on the named ones."""

    name: ClassVar[str] = "change"
    purpose: ClassVar[str] = "change what is wanted of a model"
    model: ModelName
    nodes: tuple[NodeName, ...] | None = Field(default=None, max_length=10_000, description="none: all nodes")
    if_revision: int | None = Field(default=None, ge=0, description="refuse if the document has changed since")
    change: Change
