"""What is known of the fleet, out of reports, signs of life and desired documents.

Pure: no clock, no I/O. Whatever the order of what is told, the outcome is the same, so any number of masters agree.
Counts are kept as cells change, so that a look at 1,000 nodes and 200 models costs no walk over all cells.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from events.desired import default_version
from events.names import ModelName, NodeName
from master.errors import NotFound
from master.fleet import nodes, reports
from master.fleet.cells import Cell, Lag
from master.fleet.change_feed import Readers
from master.fleet.nodes import NOT_SHARED, SERVICES, Known, Node, Refused, Silence
from master.fleet.stored import Stored
from master.fleet.tallies import UNSET, Model
from master.fleet.views import CellState

# Reports of one service that come by different ways can overtake each other by seconds. One that seems older by more
# was made after its node's clock was set back.
OVERTAKING = timedelta(minutes=5)


class FleetState:
    """What is known of all nodes, lost ones too; `master/fleet/queries.py` shows it."""

    def __init__(self, cluster: str = "") -> None:
        """Nothing is known yet; `cluster` is the own one's name, by which nodes of others are told apart."""
        self._cluster = cluster
        self.nodes: dict[NodeName, Node] = {}
        self.models: dict[ModelName, Model] = {}
        self.readers = Readers()  # told of what changes; to be joined and left at any time
        self._silences: dict[tuple[NodeName, str], Silence | None] = {}  # None: it was heard
        self._is_presence_known = False

    @property
    def heard(self) -> frozenset[tuple[NodeName, str]]:
        """The services that gave a sign of life and have not fallen silent."""
        return frozenset(place for place, silence in self._silences.items() if silence is None)

    def report(self, node: NodeName, service: str, data: bytes) -> bool:
        """Take a service's whole report and tell whether it was news; one overtaken by a newer is none.

        `BadReport` where it cannot be read; what was known before then stays.
        """
        if service not in SERVICES:
            return False
        head, models = reports.read(data, node, service)
        found = self._node(node)
        known = found.services.get(service)
        if known and timedelta() < known.head.reported - head.reported < OVERTAKING:
            return False
        found.services[service] = Known(service, head, shared=known.shared if known else NOT_SHARED)
        found.services[service].foreign = nodes.foreign(head, self._cluster)
        self._hear(node, service)
        self._take(found, service, models)
        return True

    def refuse(self, node: NodeName, service: str, refused: Refused) -> None:
        """Take the news that a service's report cannot be read; what it said before holds, and that is said."""
        if service not in SERVICES:
            return
        found = self._node(node)
        known = found.services.setdefault(service, Known(service, nodes.unread(node, service, refused.since)))
        since = known.refused.since if known.refused else refused.since
        known.refused = Refused(refused.reason, since)
        self._hear(node, service)

    def alive(self, node: NodeName, service: str) -> None:
        """Take a sign of life."""
        if self._silences.get((node, service), self) is not None:
            self._silences[node, service] = None
            self._hear(node, service)

    def silent(self, node: NodeName, service: str, since: datetime, *, has_ended: bool = False) -> None:
        """Take the news that a service gives no sign of life any more; `has_ended` where it said so itself."""
        if self._silences.get((node, service)) is None:
            self._silences[node, service] = Silence(since, has_ended)
            self._hear(node, service)

    def share(self, node: NodeName, service: str, words: str, since: datetime) -> None:
        """Take the news that several processes report as this service; no words: one alone does."""
        known = self.nodes[node].services.get(service) if node in self.nodes else None
        if known and known.shared.reason != words:
            known.shared = Refused(words, since)
            self._judge(self.nodes[node])

    def meet(self, node: NodeName, service: str, who: str, *, at: datetime) -> None:
        """Take the news that another answers at a service's last address: nobody hears the service there any more."""
        if node in self.nodes and (known := self.nodes[node].services.get(service)):
            known.met = who
            self.silent(node, service, at)
            self._hear(node, service)  # what is said of it is new, also where it was silent before

    def stray(self, node: NodeName, words: str) -> None:
        """Take the news that a node looks at another bucket than the others; no words: it does not."""
        if (found := self.nodes[node]).stray != words:
            found.stray = words
            self._judge(found)

    def lag(self, name: ModelName, lags: Mapping[NodeName, Lag]) -> None:
        """Take the news which nodes are behind others in a model; all others are not."""
        self.models[name].has_lags = bool(lags)
        for node in self.nodes.values():
            if (cell := node.cells.get(name)) and cell.lag != lags.get(node.name):
                cell.lag = lags.get(node.name)
                self._settle(node, name, cell)

    def know_presence(self) -> None:
        """From now on a service counts as lost that never gave a sign of life."""
        self._is_presence_known = True
        for node in self.nodes.values():
            for service in node.services:
                self._hear(node.name, service)

    def desire(self, documents: Mapping[ModelName, Stored]) -> None:
        """Take all desired documents."""
        for name in {*documents, *self.models}:
            stored = documents.get(name, UNSET)
            if stored.document == UNSET.document and not stored.spoiled and name not in self.models:
                continue  # it says nothing: the model was forgotten, or no node has heard of it yet
            model = self._model(name)
            if model.stored != stored:
                model.stored = stored
                self.readers.model(name)
                for node in self.nodes.values():
                    if cell := node.cells.get(name):
                        self._settle(node, name, cell)
            self._drop_if_unknown(name)

    def forget(self, name: NodeName, service: str) -> None:
        """Drop what a service has reported; a node without services is gone."""
        node = self.nodes.get(name)
        if node is None or service not in node.services:
            return
        self._take(node, service, {})
        del node.services[service]
        self._silences.pop((name, service), None)
        if node.services:
            self._judge(node)
        else:
            del self.nodes[name]
            self.readers.whole()

    def find(self, name: NodeName) -> Node:
        """Return a node, or raise `NotFound`."""
        if name not in self.nodes:
            raise NotFound(f"no node {name} has ever reported; `model-manager nodes` lists those that have")
        return self.nodes[name]

    def find_model(self, name: ModelName) -> Model:
        """Return a model, or raise `NotFound`."""
        if name not in self.models:
            raise NotFound(f"no node has a model {name}, and no desired state is kept for it")
        return self.models[name]

    def _node(self, name: NodeName) -> Node:
        if name not in self.nodes:
            self.nodes[name] = Node(name)
            self.readers.whole()
        return self.nodes[name]

    def _hear(self, name: NodeName, service: str) -> None:
        """Note whether a service is heard; count the node's cells anew where that hides or shows them."""
        node = self.nodes.get(name)
        if node is None or service not in node.services:
            return
        known = node.services[service]
        unheard = Silence(known.head.reported) if self._is_presence_known else None
        known.silence = self._silences.get((name, service), unheard)
        self._judge(node)
        hidden_since = node.find_hidden_since()
        if (hidden_since is None) == (node.hidden_since is None):
            node.hidden_since = hidden_since
            return
        for model, cell in node.cells.items():
            self._count(node, model, cell=cell, by=-1)
        node.hidden_since = hidden_since
        for model, cell in node.cells.items():
            self._count(node, model, cell=cell, by=1)
            self.readers.cell(model, name)

    def _take(self, node: Node, service: str, models: Mapping[ModelName, bytes]) -> None:
        """Put all that a service says of models in the node's cells."""
        half = "pulled" if service == "puller" else "served"
        for gone in [name for name in node.cells if name not in models]:
            self._put(node, gone, half=half, body=b"")
        for name, body in models.items():
            self._put(node, name, half=half, body=body)

    def _put(self, node: Node, name: ModelName, *, half: str, body: bytes) -> None:
        """Put what one service says of a model in its cell; a cell of which neither says anything goes."""
        cell = node.cells.get(name)
        if cell is None:
            cell = node.cells[name] = Cell()
            self._count(node, name, cell=cell, by=1)
        if getattr(cell, half) == body:
            return
        setattr(cell, half, body)
        if cell.pulled or cell.served:
            self._settle(node, name, cell)
            return
        self._count(node, name, cell=cell, by=-1)
        del node.cells[name]
        self.readers.cell(name, node.name)
        self._drop_if_unknown(name)

    def _settle(self, node: Node, name: ModelName, cell: Cell) -> None:
        before = (cell.state, cell.serving, cell.mutated)
        cell.settle(self._model(name).stored.document.on(node.name))
        after = (cell.state, cell.serving, cell.mutated)
        if before != after:
            cell.state, cell.serving, cell.mutated = before
            self._count(node, name, cell=cell, by=-1)
            cell.state, cell.serving, cell.mutated = after
            self._count(node, name, cell=cell, by=1)
        self.readers.cell(name, node.name)

    def _count(self, node: Node, name: ModelName, *, cell: Cell, by: int) -> None:
        model, state = self._model(name), CellState.LOST if node.hidden_since else cell.state
        node.tally[state] += by
        model.tally[state] += by
        if node.hidden_since is None:
            model.mutated += by if cell.mutated else 0
            for version in cell.serving:
                model.serving[version] += by
            if (default := default_version(cell.serving)) is not None:
                model.defaults[default] += by

    def _model(self, name: ModelName) -> Model:
        if name not in self.models:
            self.models[name] = Model()
            self.readers.whole()
        return self.models[name]

    def _drop_if_unknown(self, name: ModelName) -> None:
        """Drop a model that no node has, and of which no document wants anything."""
        model = self.models.get(name)
        is_default = model is not None and model.stored.document == UNSET.document and not model.stored.spoiled
        if is_default and not any(self.models[name].tally.values()):
            del self.models[name]
            self.readers.whole()

    def _judge(self, node: Node) -> None:
        verdict = nodes.assess(node)
        if verdict != node.verdict:
            node.verdict = verdict
            self.readers.node(node.name)
