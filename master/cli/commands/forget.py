"""The command `forget`: lost nodes off the list, one, several, by pattern, or by how long they are lost."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Annotated

import typer

from events.names import NodeName
from master.cli.exits import Exit, Failure
from master.cli.output import sentences
from master.cli.session import Json, Session, complete_nodes, parsed
from master.fleet.views import NodeRow, NodeState

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NODE|PATTERN]...", help="such as node-3 or 'gpu-*'", autocompletion=complete_nodes, show_default=False
    ),
]
Lost = Annotated[
    timedelta | None,
    typer.Option(
        "--lost", metavar="TIME", help="those that are lost for so long: 7d", parser=parsed(sentences.duration)
    ),
]


def forget(
    session: Session,
    nodes: Names = None,
    *,
    lost: Lost = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show which, and forget none")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
    as_json: Json = False,
) -> Exit:
    """Take lost nodes off the list, with the policies that were theirs alone; one comes back when it reports again."""
    if not nodes and lost is None:
        raise Failure("name nodes, a pattern, or --lost TIME", code=Exit.USAGE)
    chosen = _choose(session.master.nodes(), nodes or ["*"], lost=lost, now=session.now())
    if not chosen:
        session.screen.note("no lost node is meant by that; nothing was forgotten")
        return Exit.DONE
    for row in chosen:
        session.screen.note(f"{row.node}: lost since {sentences.age(row.since, now=session.now())}: {row.reason}")
    if dry_run:
        return Exit.DONE
    session.screen.confirm(f"Forget {_named(chosen)}?", yes=yes)
    forgotten = [session.master.forget(row.node) for row in chosen]
    if as_json:
        session.screen.json(forgotten)
        return Exit.DONE
    for one in forgotten:
        session.screen.say(f"forgot {one.node}")
        session.screen.say(*(f"  dropped its own policy of {sentences}" for sentences in one.dropped))
    return Exit.DONE


def _choose(rows: Sequence[NodeRow], wanted: Iterable[str], *, lost: timedelta | None, now: datetime) -> list[NodeRow]:
    """Find the lost nodes that are meant; one that is named and not lost, or not there, is a mistake."""
    known = {row.node: row for row in rows}
    chosen: dict[NodeName, NodeRow] = {}
    for text in wanted:
        if any(character in text for character in "*?["):
            found = [row for row in rows if fnmatchcase(row.node, text)]
        elif text in known:
            found = [known[NodeName(text)]]
            if found[0].state is not NodeState.LOST:
                raise Failure(f"{text} is {found[0].state}, not lost; only a node that is gone can be forgotten")
        else:
            raise Failure(f"no node {text[:253]!a} has ever reported", advice="`nodes` lists those that have")
        chosen |= {row.node: row for row in found if row.state is NodeState.LOST}
    return [row for row in chosen.values() if lost is None or now - row.since > lost]


def _named(rows: Sequence[NodeRow]) -> str:
    return f"{rows[0].node}, which is lost" if len(rows) == 1 else f"these {len(rows)} lost nodes"
