"""Waiting for nodes to serve a version: looks at the fleet, again and again, and knows when to give up.

The event stream only says when to look; in case it is away, it looks every few seconds anyway. A
master that restarts meanwhile is waited for.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from events.desired import Desired
from events.names import ModelName
from master.cli.client.api import Master
from master.cli.exits import Failure, NotFound, Unreachable
from master.cli.wait.goal import Circumstances, Goal, Reach, judge
from master.fleet.stored import Stored
from master.fleet.views import NodeState

POLL_SECONDS = 3.0  # between looks while nothing rings
UNSET = Stored(document=Desired(), revision=0)
GAP_SECONDS = 0.3  # between looks while it rings all the time
AGAIN_SECONDS = 2.0  # before a broken stream is opened anew
UNKNOWN_SECONDS = 30.0  # a notification takes a few: a version of which no node has told by then is none


@dataclass(slots=True)
class Waiting:
    """Looks at the fleet until the goal is reached, out of reach, or the time is over."""

    master: Master
    goal: Goal
    ring: Callable[[float], None]  # returns when there may be news, at the latest after so many seconds
    clock: Callable[[], float]
    is_ahead: bool = False
    _document: Stored | None = field(default=None, init=False)
    _last: Reach | None = field(default=None, init=False)
    _said: str = field(default="", init=False)

    def until(self, seconds: float, *, told: Callable[[str], None]) -> Reach:
        """Return the last look; `told` hears of each step. `Unreachable` if no master answered all the time."""
        started = self.clock()
        deadline = started + seconds
        while True:
            failure = self._look(told)
            left = deadline - self.clock()
            if self.clock() - started >= UNKNOWN_SECONDS and not failure:
                self._give_up_the_unknown()
            if self._last and not failure and (self._last.is_reached or self._last.is_hopeless):
                return self._last
            if left <= 0:
                if failure or self._last is None:
                    raise failure or Unreachable("no time to look even once")
                return self._last
            self.ring(min(left, POLL_SECONDS))

    def _give_up_the_unknown(self) -> None:
        """Take a version of which no node has told by now for a mistyped one."""
        if self._last and self._last.is_unknown and not self.is_ahead:
            reason = (
                f"no node has version {self.goal.version} of {self.goal.model} or sees it in its bucket; --ahead waits"
            )
            self._last = self._last.model_copy(update={"is_hopeless": True, "reason": reason})

    def _look(self, told: Callable[[str], None]) -> Unreachable | None:
        """Look once; what failed, if the master is away."""
        try:
            reach = self._judge()
        except Unreachable as error:
            self._tell(f"{error}; trying again", told)
            return error
        self._tell(reach.summary, told)
        self._last = reach
        return None

    def _judge(self) -> Reach:
        """Ask the master how far it is. A model that it does not know is served nowhere yet."""
        master, goal = self.master, self.goal
        try:
            view, cells = master.model(goal.model), master.cells(goal.model)
        except NotFound:
            view, cells = None, []
        total = sum(master.overview().nodes.values())
        # All nodes' rows are many bytes: they are asked for only while some node has not heard of the model yet.
        is_partial = total > len(cells) if not goal.nodes else bool(goal.nodes - {cell.node for cell in cells})
        rows = master.nodes() if is_partial else []
        spread = view.versions if view else ()
        stored = self._desired(view.revision) if view else UNSET
        around = Circumstances(
            nodes=frozenset(row.node for row in rows),
            lost=frozenset(row.node for row in rows if row.state is NodeState.LOST),
            total=total,
            versions=frozenset(one.version for one in spread),
            quarantined=sum(one.quarantined for one in spread if one.version == goal.version),
            desired=stored.document,
            revision=stored.revision,
        )
        return judge(goal, cells, around)

    def _desired(self, revision: int) -> Stored:
        """Read what is wanted, once for each revision; at first, too: NATS knows of a change before its masters do."""
        if self._document is None or self._document.revision < revision:
            self._document = self.master.desired(self.goal.model)
        return self._document

    def _tell(self, sentence: str, told: Callable[[str], None]) -> None:
        if sentence != self._said:
            told(sentence)
        self._said = sentence


class Ring:
    """Rings when the master's event stream tells of a model; silent while the stream is away."""

    def __init__(self, master: Master, model: ModelName) -> None:
        self._master = master
        self._model = model
        self._rung = threading.Event()
        self._listener: threading.Thread | None = None

    def wait(self, seconds: float) -> None:
        """Wait for a ring, at most so long."""
        if self._listener is None:  # a daemon: it stands in a read that nothing but the process's end interrupts
            self._listener = threading.Thread(target=self._listen, daemon=True)
            self._listener.start()
        if self._rung.wait(seconds):
            time.sleep(min(GAP_SECONDS, seconds))
            self._rung.clear()

    def _listen(self) -> None:
        while True:
            with contextlib.suppress(Failure):  # `Waiting` asks the same master, and tells what it says
                for _ in self._master.events("", model=self._model):
                    self._rung.set()
            time.sleep(AGAIN_SECONDS)
