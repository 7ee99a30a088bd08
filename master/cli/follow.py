"""The commands that stay: `watch` tells what happens, `wait` ends when enough nodes serve a version.

The event stream is only a doorbell for `wait`: it looks at the fleet at each ring and, in case the stream is away,
every few seconds anyway. A master that restarts meanwhile is waited for.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

import typer
from pydantic import ValidationError

from events.names import ModelName
from master.answers import Entry
from master.cli import words
from master.cli.client import Master
from master.cli.ends import Exit, Failure, NotFound, Unreachable
from master.cli.goal import Goal, Reach, Share, judge
from master.cli.history import row
from master.cli.screen import state
from master.cli.session import Json, Model, Nodes, OneVersion, Session, parsed
from master.cli.sse import Message

POLL_SECONDS = 3.0  # between looks while nothing rings
GAP_SECONDS = 0.3  # between looks while it rings all the time
ALL = Share()
TEN_MINUTES = timedelta(minutes=10)
MOST_MISSING = 30  # nodes listed by name
AGAIN_SECONDS = 2.0  # before a broken stream is opened anew


@dataclass(frozen=True, slots=True)
class Which:
    """Which events to follow."""

    nodes: Nodes = None
    kind: Annotated[str, typer.Option("--kind", help="only events such as version.served or change.made")] = ""


@dataclass(frozen=True, slots=True)
class Enough:
    """What ends the waiting."""

    share: Annotated[
        Share,
        typer.Option(
            "--nodes",
            metavar="N|P%|all",
            parser=parsed(Share.parse),
            help="so many nodes shall serve it",
            show_default="all",
        ),
    ] = ALL
    timeout: Annotated[
        timedelta,
        typer.Option(
            "--timeout",
            metavar="TIME",
            parser=parsed(words.duration),
            help="such as 45s, 10m or 1h30m",
            show_default="10m",
        ),
    ] = TEN_MINUTES
    nodes: Nodes = None


def watch(
    session: Session,
    model: Annotated[
        ModelName | None, typer.Argument(metavar="[MODEL]", parser=parsed(ModelName.parse), show_default=False)
    ] = None,
    *,
    which: Which,
    as_json: Json = False,
) -> Exit:
    """Follow what happens, live, until Ctrl-C."""
    nodes = frozenset(which.nodes or ())
    last_id = ""
    while True:
        try:
            for message in session.master.events(last_id, model=model or "", kind=which.kind):
                last_id = message.id or last_id
                entry = _entry(session, message)
                if entry and (not nodes or entry.node in nodes):
                    _tell(session, entry, as_json=as_json)
            session.screen.note("the master ended the stream; opening it again")
        except Unreachable as error:
            if not last_id:
                raise
            session.screen.note(f"{error}; trying again")
        session.pause(AGAIN_SECONDS)


def wait(
    session: Session,
    model: Model,
    version: OneVersion,
    *,
    enough: Enough,
    as_json: Json = False,
) -> Exit:
    """Wait until enough nodes serve a version; ends with 3, and with who is missing and why, if they do not in time."""
    goal = Goal(model, version, share=enough.share, nodes=frozenset(enough.nodes or ()))
    waiting = Waiting(session.master, goal, ring=Ring(session.master, model).wait, clock=time.monotonic)
    reach = waiting.until(enough.timeout.total_seconds(), told=session.screen.note)
    if as_json:
        session.screen.json(reach)
    else:
        _report(session, reach)
    return Exit.DONE if reach.is_reached else Exit.NOT_AS_DESIRED


def _report(session: Session, reach: Reach) -> None:
    session.screen.say(f"{'done' if reach.is_reached else 'not reached'}: {reach.summary}", style="bold")
    if reach.is_reached:
        return
    if reach.is_hopeless:
        session.screen.warn(
            f"too many nodes hold version {reach.version} in quarantine; `explain {reach.model}` says why, "
            f"`retry {reach.model} {reach.version}` tries it again"
        )
    rows = [(one.node, state(one.state), one.reason) for one in reach.missing[:MOST_MISSING]]
    session.screen.table("NODE", "STATE", "WHY NOT", rows=rows)
    if (more := len(reach.missing) - MOST_MISSING) > 0:
        session.screen.say(f"and {more} more nodes; `model {reach.model}` lists them all")


def _tell(session: Session, entry: Entry, *, as_json: bool) -> None:
    if as_json:
        session.screen.line(entry)
    else:
        session.screen.say("  ".join(row(entry, now=session.now())))


def _entry(session: Session, message: Message) -> Entry | None:
    """Read an event; what the master says about the stream itself is told beside it."""
    if message.event in {"stale", "fresh"}:
        is_stale = message.event == "stale"
        session.screen.note("the master is cut off from NATS" if is_stale else "the master hears the cluster again")
        return None
    try:
        return Entry.model_validate_json(message.data)
    except ValidationError:
        return None  # something of a newer master, which this command has no words for


@dataclass(slots=True)
class Waiting:
    """Looks at the fleet until the goal is reached, out of reach, or the time is over."""

    master: Master
    goal: Goal
    ring: Callable[[float], None]  # returns when there may be news, at the latest after so many seconds
    clock: Callable[[], float]
    _last: Reach | None = field(default=None, init=False)
    _said: str = field(default="", init=False)

    def until(self, seconds: float, *, told: Callable[[str], None]) -> Reach:
        """Return the last look; `told` hears of each step. `Unreachable` if no master answered all the time."""
        deadline = self.clock() + seconds
        while True:
            failure = self._look(told)
            left = deadline - self.clock()
            if self._last and not failure and (self._last.is_reached or self._last.is_hopeless):
                return self._last
            if left <= 0:
                if failure or self._last is None:
                    raise failure or Unreachable("no time to look even once")
                return self._last
            self.ring(min(left, POLL_SECONDS))

    def _look(self, told: Callable[[str], None]) -> Unreachable | None:
        """Look once; what failed, if the master is away."""
        try:
            reach = look(self.master, self.goal)
        except Unreachable as error:
            self._tell(f"{error}; trying again", told)
            return error
        self._tell(reach.summary, told)
        self._last = reach
        return None

    def _tell(self, sentence: str, told: Callable[[str], None]) -> None:
        if sentence != self._said:
            told(sentence)
        self._said = sentence


def look(master: Master, goal: Goal) -> Reach:
    """Ask the master how far it is. A model that it does not know is served nowhere yet."""
    try:
        spread, cells = master.model(goal.model).versions, master.cells(goal.model)
    except NotFound:
        spread, cells = (), []
    # All nodes' rows are many bytes: they are asked for only while some node has not heard of the model yet.
    is_partial = not goal.nodes and sum(master.overview().nodes.values()) > len(cells)
    known = [row.node for row in master.nodes()] if is_partial else []
    quarantined = sum(one.quarantined for one in spread if one.version == goal.version)
    return judge(goal, cells, known=known, quarantined=quarantined)


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
