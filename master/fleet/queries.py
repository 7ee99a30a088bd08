"""The fleet as it is shown: pages, single things, and the whole at a glance. Pure; lists are sorted by name."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain, islice
from typing import TypeVar

from events.names import ModelName, NodeName, Version
from master.errors import NotFound
from master.fleet import compare, explain, nodes, troubles
from master.fleet.cells import Cell
from master.fleet.change_feed import ChangeFeed
from master.fleet.nodes import Node, tally
from master.fleet.state import FleetState
from master.fleet.tallies import Model, spread
from master.fleet.views import (
    Board,
    BoardNews,
    CellRow,
    CellState,
    CellView,
    Freshness,
    Matrix,
    MatrixCell,
    ModelRow,
    ModelView,
    NewCell,
    NodeRow,
    NodeState,
    NodeView,
    Overview,
    Page,
    VersionTally,
)

Name = TypeVar("Name", bound=str)
Row = TypeVar("Row")
MAX_SENTENCES = 20  # of the overview


class FleetQueries:
    """Views of what is known. They raise `NotFound` for a name that nobody has told of."""

    def __init__(self, fleet_state: FleetState) -> None:
        self.fleet_state = fleet_state
        self.warnings: tuple[str, ...] = ()  # about NATS itself (`master/fleet/streams.py`)

    @property
    def node_names(self) -> tuple[NodeName, ...]:
        """All known nodes, lost ones too, sorted."""
        return tuple(sorted(self.fleet_state.nodes))

    @property
    def heard_names(self) -> tuple[NodeName, ...]:
        """The nodes of which some service is heard, sorted."""
        known = self.fleet_state.nodes
        return tuple(name for name in sorted(known) if known[name].verdict.state is not NodeState.LOST)

    def http_address(self, node: NodeName, service: str) -> str:
        """Tell the host:port of a service's own HTTP port, as it last reported; empty where it did not say."""
        known = self.fleet_state.find(node).services.get(service)
        return known.head.http if known else ""

    def overview(self, freshness: Freshness, now: datetime | None = None) -> Overview:
        """Show the whole cluster at a glance; `now` tells what has been on its way for too long."""
        counts = Counter(node.verdict.state for node in self.fleet_state.nodes.values())
        cells: Counter[CellState] = Counter()
        for model in self.fleet_state.models.values():
            cells.update(model.tally)
        of_nodes = islice(troubles.of_nodes(self.fleet_state), MAX_SENTENCES)
        found = chain(
            troubles.of_models(self.fleet_state, now),
            troubles.of_uploads(self.fleet_state),
            compare.orphans(self.fleet_state),
        )
        of_models = tuple(islice(found, MAX_SENTENCES))
        return Overview(
            freshness=freshness,
            nodes={state: counts[state] for state in NodeState},
            models=len(self.fleet_state.models),
            cells=tally(cells),
            warnings=self.warnings,
            about_models=of_models,
            sentences=(*self.warnings, *islice(chain(of_nodes, of_models), MAX_SENTENCES)),
        )

    def nodes(
        self, *, cursor: str | None = None, limit: int = 100, state: NodeState | None = None, search: str = ""
    ) -> Page[NodeRow]:
        """List nodes by name from behind the cursor on."""
        known = self.fleet_state.nodes
        names = [name for name in sorted(known) if search in name and state in {None, known[name].verdict.state}]
        return _page(names, cursor, limit=limit, show=lambda name: nodes.row(known[name]))

    def node(self, name: NodeName) -> NodeView:
        """Show a node with its models."""
        node = self.fleet_state.find(name)
        rows = tuple(explain.row(node, model, cell) for model, cell in sorted(node.cells.items()))
        return NodeView(**dict(nodes.row(node)), models=rows)

    def models(
        self, *, cursor: str | None = None, limit: int = 100, state: CellState | None = None, search: str = ""
    ) -> Page[ModelRow]:
        """List models by name from behind the cursor on; `state` is the worst a model has anywhere."""
        known = self.fleet_state.models
        names = [name for name in sorted(known) if search in name and state in {None, _worst(known[name])}]
        return _page(names, cursor, limit=limit, show=lambda name: _model_row(name, known[name]))

    def model(self, name: ModelName) -> ModelView:
        """Show a model and where its versions are."""
        model = self.fleet_state.find_model(name)
        cells = [cell for _, cell in self._cells(name)]
        sentences = [f"Desired: {explain.wants(model.stored.document.policy)}."]
        if own := model.stored.document.nodes:
            sentences.append(
                f"{_count(len(own), 'node')} ha{'s' if len(own) == 1 else 've'} a policy of {_whose(own)}."
            )
        if model.stored.spoiled:
            sentences.append(f"Its document: {model.stored.spoiled}.")
        seen = (version for cell in cells for version, _ in cell.places)
        if last := explain.last_of_all(model.stored.document.policy, seen):
            sentences.append(last)
        if held := explain.waiting(model.stored.document.policy, cells):
            sentences.append(held)
        sentences += explain.spoken((node.name, _shown(node, cell), cell.reason) for node, cell in self._cells(name))
        sentences += [
            f"Clients that name no version get version {line.version} on {_count(line.nodes, 'node')}."
            for line in _counted(model.defaults)
        ]
        return ModelView(**dict(_model_row(name, model)), versions=spread(cells), explain=tuple(sentences))

    def cells(
        self, model: ModelName, *, cursor: str | None = None, limit: int = 100, state: CellState | None = None
    ) -> Page[CellRow]:
        """List the nodes that have a model, by name."""
        self.fleet_state.find_model(model)
        found = {node.name: (node, cell) for node, cell in self._cells(model) if state in {None, _shown(node, cell)}}
        return _page(
            list(found), cursor, limit=limit, show=lambda name: explain.row(found[name][0], model, found[name][1])
        )

    def cell(self, model: ModelName, node: NodeName) -> CellView:
        """Show all there is to know of a model on a node, and why it is so."""
        found, known = self.fleet_state.find(node), self.fleet_state.find_model(model)
        if model not in found.cells:
            raise NotFound(f"node {node} has no model {model}, and says nothing of it")
        return explain.view(found, model, cell=found.cells[model], policy=known.stored.document.on(node))

    def matrix(self, models: Sequence[ModelName], nodes: Sequence[NodeName]) -> Matrix:
        """Show a window of the matrix; names that nobody has told of have empty cells."""
        found = [self.fleet_state.nodes.get(name) for name in nodes]
        cells = tuple(tuple(_matrix_cell(node, model) for node in found) for model in models)
        return Matrix(models=tuple(models), nodes=tuple(nodes), cells=cells)

    def board(self, freshness: Freshness, now: datetime | None = None) -> Board:
        """Show all that surrounds the matrix."""
        return Board(
            overview=self.overview(freshness, now),
            models=tuple(_model_row(name, model) for name, model in sorted(self.fleet_state.models.items())),
            nodes=tuple(nodes.line(node) for _, node in sorted(self.fleet_state.nodes.items())),
        )

    def tell(self, news: ChangeFeed) -> BoardNews:
        """Show what is new to a reader."""
        if news.is_whole:
            return BoardNews(is_whole=True)
        models, known = self.fleet_state.models, self.fleet_state.nodes
        return BoardNews(
            is_whole=False,
            cells=tuple(self._new_cell(model, node) for model, node in sorted(news.cells)),
            models=tuple(_model_row(name, models[name]) for name in sorted(news.models & models.keys())),
            nodes=tuple(nodes.line(known[name]) for name in sorted(news.nodes & known.keys())),
        )

    def _new_cell(self, model: ModelName, node: NodeName) -> NewCell:
        cell = _matrix_cell(self.fleet_state.nodes.get(node), model) or _shared_cell(CellState.ABSENT, ())
        return NewCell(model=model, node=node, **dict(cell))

    def _cells(self, model: ModelName) -> Iterable[tuple[Node, Cell]]:
        known = self.fleet_state.nodes
        return ((known[name], cell) for name in sorted(known) if (cell := known[name].cells.get(model)))


def _page(names: list[Name], cursor: str | None, *, limit: int, show: Callable[[Name], Row]) -> Page[Row]:
    start = bisect_right(names, cursor) if cursor else 0
    chosen = names[start : start + limit]
    has_more = start + limit < len(names)
    return Page(items=tuple(show(name) for name in chosen), next=chosen[-1] if has_more else None, total=len(names))


def _shown(node: Node, cell: Cell) -> CellState:
    return CellState.LOST if node.hidden_since else cell.state


def _worst(model: Model) -> CellState:
    return next((state for state in CellState if model.tally[state] > 0), CellState.ABSENT)


def _model_row(name: ModelName, model: Model) -> ModelRow:
    policy = model.stored.document.policy
    return ModelRow(
        model=name,
        state=_worst(model),
        cells=tally(model.tally),
        serving=_counted(model.serving),
        defaults=_counted(model.defaults),
        want=policy.want,
        labels=dict(policy.labels),
        is_paused=policy.paused,
        is_removed=policy.removed,
        own_policies=len(model.stored.document.nodes),
        revision=model.stored.revision,
    )


def _counted(versions: Counter[Version]) -> tuple[VersionTally, ...]:
    found = sorted(((version, count) for version, count in versions.items() if count), reverse=True)
    return tuple(VersionTally(version=version, nodes=count) for version, count in found)


def _matrix_cell(node: Node | None, model: ModelName) -> MatrixCell | None:
    cell = node.cells.get(model) if node else None
    return _shared_cell(_shown(node, cell), cell.serving) if node and cell else None


@lru_cache(maxsize=4096)
def _shared_cell(state: CellState, serving: tuple[Version, ...]) -> MatrixCell:
    """Make one view for equal cells: a window has thousands, and most nodes serve the same."""
    return MatrixCell(state=state, serving=serving)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _whose(own: Iterable[NodeName]) -> str:
    names = sorted(own)
    return f"their own: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}"
