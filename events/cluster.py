"""Requests to the cluster over NATS, `mm.v1.cmd._cluster.master.<command>`, which any one of the masters follows."""

from typing import Annotated, ClassVar

from pydantic import Field

from events.bounds import MAX_NODES, AtMost
from events.changes import KINDS, OneChange
from events.commands import ApplyRetention, Command, Reload, Status, Sync
from events.names import ModelName, NodeName

Nodes = Annotated[tuple[NodeName, ...], AtMost(MAX_NODES)] | None


class ChangeRequest(Command):
    """A change of what is wanted of a model, on all nodes or on the named ones; beside these stand its own fields."""

    model: ModelName
    nodes: Nodes = Field(default=None, description="none: all nodes")
    if_revision: int | None = Field(default=None, ge=0, description="refuse if the document has changed since")


class ClusterSync(Sync):
    """Have nodes look at the bucket now."""

    nodes: Nodes = Field(default=None, description="none: all nodes")


class ClusterReload(Reload):
    """Have nodes send TensorFlow Serving its config again."""

    nodes: Nodes = Field(default=None, description="none: all nodes")


class ClusterApplyRetention(ApplyRetention):
    """Have nodes remove what retention does not keep. Not `retention`, which changes how much that is."""

    name: ClassVar[str] = "apply_retention"
    nodes: Nodes = Field(default=None, description="none: all nodes")


class Explain(Command):
    """Say why a model is as it is, everywhere or on a node."""

    name: ClassVar[str] = "explain"
    purpose: ClassVar[str] = "say why a model is as it is, everywhere or on a node"
    model: ModelName
    node: NodeName | None = None


class ShowHistory(Command):
    """Tell what happened, newest first."""

    name: ClassVar[str] = "history"
    purpose: ClassVar[str] = "tell what happened, newest first"
    model: ModelName | None = None
    node: NodeName | None = None
    limit: int = Field(default=50, ge=1, le=1000)


def _request(kind: type[OneChange]) -> type[ChangeRequest]:
    """Put a change's fields beside those of the request."""
    names = {"name": kind.model_fields["kind"].default, "purpose": (kind.__doc__ or "").splitlines()[0]}
    return type(
        f"{kind.__name__}Request", (ChangeRequest, kind), {"__module__": __name__, "__doc__": kind.__doc__, **names}
    )


CHANGES: dict[type[ChangeRequest], type[OneChange]] = {_request(kind): kind for kind in KINDS}
RELAYED: tuple[type[Command], ...] = (ClusterSync, ClusterReload, ClusterApplyRetention)
ALL: tuple[type[Command], ...] = (Status, Explain, ShowHistory, *RELAYED, *CHANGES)
