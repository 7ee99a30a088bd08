"""What is counted of a model over all nodes. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from events.desired import Desired
from events.names import Version
from master.answers import Stored
from master.views import CellState

UNSET = Stored(document=Desired(), revision=0)


@dataclass(slots=True)
class Model:
    """What is counted of a model over all nodes, and its desired document."""

    stored: Stored = UNSET
    tally: Counter[CellState] = field(default_factory=Counter)
    serving: Counter[Version] = field(default_factory=Counter)
    defaults: Counter[Version] = field(default_factory=Counter)  # on how many nodes a version is what clients get
    has_lags: bool = False  # some node is behind others
