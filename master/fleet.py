"""The fleet: a fold of reports, signs of life and desired documents, and views of what came out.

Pure: no clock, no I/O. Whatever the order of what is told, the outcome is the same, so any number of masters agree.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from events.names import ModelName, NodeName
from master.views import (
    CellRow,
    CellState,
    CellView,
    Freshness,
    Matrix,
    ModelRow,
    ModelView,
    NodeRow,
    NodeState,
    NodeView,
    Overview,
    Page,
    Stored,
)


class Fleet:
    """What is known of all nodes. Views raise `NotFound` for a name that nobody has told of."""

    def report(self, node: NodeName, service: str, data: bytes) -> None:
        """Take a service's whole report; one that was made before the one already known is ignored."""
        raise NotImplementedError

    def alive(self, node: NodeName, service: str, at: datetime) -> None:
        """Take a sign of life."""
        raise NotImplementedError

    def silent(self, node: NodeName, service: str, at: datetime) -> None:
        """Take the news that a service gives no sign of life any more."""
        raise NotImplementedError

    def desire(self, documents: Mapping[ModelName, Stored]) -> None:
        """Take all desired documents."""
        raise NotImplementedError

    def forget(self, node: NodeName, service: str) -> None:
        """Drop what a service reported; a node without services is gone."""
        raise NotImplementedError

    @property
    def node_names(self) -> tuple[NodeName, ...]:
        """All known nodes, lost ones too, sorted."""
        raise NotImplementedError

    def http_address(self, node: NodeName, service: str) -> str:
        """Tell the host:port of a service's own HTTP port, as it last reported; empty where it did not say."""
        raise NotImplementedError

    def overview(self, freshness: Freshness) -> Overview:
        """Show the whole cluster at a glance."""
        raise NotImplementedError

    def nodes(
        self, *, cursor: str | None = None, limit: int = 100, state: NodeState | None = None, search: str = ""
    ) -> Page[NodeRow]:
        """List nodes by name from behind the cursor on."""
        raise NotImplementedError

    def node(self, name: NodeName) -> NodeView:
        """Show a node with its models."""
        raise NotImplementedError

    def models(
        self, *, cursor: str | None = None, limit: int = 100, state: CellState | None = None, search: str = ""
    ) -> Page[ModelRow]:
        """List models by name from behind the cursor on; `state` is the worst a model has anywhere."""
        raise NotImplementedError

    def model(self, name: ModelName) -> ModelView:
        """Show a model and where its versions are."""
        raise NotImplementedError

    def cells(
        self, model: ModelName, *, cursor: str | None = None, limit: int = 100, state: CellState | None = None
    ) -> Page[CellRow]:
        """List the nodes that have or want a model, by name."""
        raise NotImplementedError

    def cell(self, model: ModelName, node: NodeName) -> CellView:
        """Show all there is to know of a model on a node, and why it is so."""
        raise NotImplementedError

    def matrix(self, models: Sequence[ModelName], nodes: Sequence[NodeName]) -> Matrix:
        """Show a window of the matrix; names that nobody has told of have empty cells."""
        raise NotImplementedError
