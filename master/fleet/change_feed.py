"""What changed in the fleet since a reader last looked, so that a live view sends what is new and no more.

`FleetState` notes changes here as it takes reports; a reader empties it. A change in which models or nodes there are,
or too many changes at once, make it `is_whole`: the reader then looks at everything anew.
"""

from collections.abc import Callable

from events.names import ModelName, NodeName

MAX_CELLS = 2_000  # of one look; so many cells are as dear as the whole window of a reader


class ChangeFeed:
    """What one reader has not seen. `wake` is called at each change, and has to be quick."""

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self.cells: set[tuple[ModelName, NodeName]] = set()
        self.models: set[ModelName] = set()
        self.nodes: set[NodeName] = set()
        self.is_whole = False
        self._wake = wake

    def __bool__(self) -> bool:
        """Tell whether there is anything new."""
        return self.is_whole or bool(self.cells or self.models or self.nodes)

    def cell(self, model: ModelName, node: NodeName) -> None:
        """Note that a model is otherwise on a node; so is what is counted of both."""
        if self.is_whole:
            return
        self.cells.add((model, node))
        self.models.add(model)
        self.nodes.add(node)
        if len(self.cells) > MAX_CELLS:
            self.whole()
        self._wake()

    def model(self, name: ModelName) -> None:
        """Note that something else is wanted of a model."""
        if not self.is_whole:
            self.models.add(name)
            self._wake()

    def node(self, name: NodeName) -> None:
        """Note that a node is otherwise."""
        if not self.is_whole:
            self.nodes.add(name)
            self._wake()

    def whole(self) -> None:
        """Note that everything is to be looked at anew."""
        self.clear()
        self.is_whole = True
        self._wake()

    def clear(self) -> None:
        """Begin anew."""
        self.cells.clear()
        self.models.clear()
        self.nodes.clear()
        self.is_whole = False


class Readers(set[ChangeFeed]):
    """All who are told of what changes."""

    def cell(self, model: ModelName, node: NodeName) -> None:
        """Tell all that a model is otherwise on a node."""
        for news in self:
            news.cell(model, node)

    def model(self, name: ModelName) -> None:
        """Tell all that something else is wanted of a model."""
        for news in self:
            news.model(name)

    def node(self, name: NodeName) -> None:
        """Tell all that a node is otherwise."""
        for news in self:
            news.node(name)

    def whole(self) -> None:
        """Tell all to look at everything anew."""
        for news in self:
            news.whole()
