"""The commands that stay: `watch` tells what happens, `wait` ends when enough nodes serve a version."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer
from pydantic import ValidationError

from events.messages import ChangeMade
from events.names import ModelName
from events.wording import first_line
from master.answers import Entry
from master.cli.client.api import Master
from master.cli.client.sse import Message
from master.cli.commands.history import row
from master.cli.exits import Exit, Failure, Unreachable
from master.cli.output import sentences
from master.cli.output.screen import state
from master.cli.session import Json, Model, Nodes, OneVersion, Session, parsed
from master.cli.wait import obstacles
from master.cli.wait.goal import Goal, Reach, Share
from master.cli.wait.waiting import AGAIN_SECONDS, Ring, Waiting

CHANGES = 50  # looked through for who did what stands against a goal
ALL = Share()
TEN_MINUTES = timedelta(minutes=10)
MOST_MISSING = 30  # nodes listed by name


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
            parser=parsed(sentences.duration),
            help="such as 45s, 10m or 1h30m",
            show_default="10m",
        ),
    ] = TEN_MINUTES
    nodes: Nodes = None
    ignore_lost: Annotated[bool, typer.Option("--ignore-lost", help="do not count nodes that are lost")] = False
    ahead: Annotated[
        bool,
        typer.Option("--ahead", help="wait also where no node has seen the version yet, for as long as --timeout"),
    ] = False


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
    """Wait until enough nodes serve a version.

    Ends with 3, and with who is missing and why, if they do not in time; with 7 and the reason where they never will.
    """
    goal = Goal(model, version, share=enough.share, nodes=frozenset(enough.nodes or ()), ignore_lost=enough.ignore_lost)
    ring = Ring(session.master, model).wait
    waiting = Waiting(session.master, goal, ring=ring, clock=time.monotonic, is_ahead=enough.ahead)
    reach = waiting.until(enough.timeout.total_seconds(), told=session.screen.note)
    if as_json:
        session.screen.json(reach)
    else:
        _report(session, reach)
    if reach.is_reached:
        return Exit.DONE
    return Exit.CANNOT if reach.is_hopeless else Exit.NOT_AS_DESIRED


def _report(session: Session, reach: Reach) -> None:
    session.screen.say(f"{'done' if reach.is_reached else 'not reached'}: {reach.summary}", style="bold")
    if reach.is_reached:
        return
    if reach.is_hopeless:
        session.screen.warn(f"it cannot come true: {reach.reason}{_advice(session.master, reach)}")
    rows = [(one.node, state(one.state), first_line(one.reason)) for one in reach.missing[:MOST_MISSING]]
    session.screen.table("NODE", "STATE", "WHY NOT", rows=rows)
    if (more := len(reach.missing) - MOST_MISSING) > 0:
        session.screen.say(f"and {more} more; `model {reach.model}` lists them all")


def _advice(master: Master, reach: Reach) -> str:
    """Say who made it so, or what can be done."""
    if "quarantine" in reach.reason:
        name = f"{reach.model} {reach.version}"
        return f"; `explain {reach.model}` says why, `retry {name}` tries it again"
    if not reach.obstacle:
        return ""
    try:
        page = master.history(limit=CHANGES, model=reach.model, kind=ChangeMade.type)
    except Failure:  # the reason stands without it
        return ""
    told = obstacles.who(reach.obstacle, page.entries)
    return f" ({told})" if told else ""


def _tell(session: Session, entry: Entry, *, as_json: bool) -> None:
    if as_json:
        session.screen.line(entry)
    else:
        session.screen.row(*row(entry))


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
