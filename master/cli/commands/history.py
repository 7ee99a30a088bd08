"""The command `history`: what happened, newest first, or the life of one version on every node."""

from dataclasses import dataclass
from typing import Annotated

import typer

from events.names import ModelName, NodeName, Version
from master.answers import Entry, HistoryPage, NodeTimeline, Timeline
from master.cli.exits import Exit, Failure
from master.cli.output import sentences
from master.cli.session import Json, Session, complete_models, complete_nodes, parsed


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of the history."""

    node: Annotated[
        NodeName | None,
        typer.Option("--node", "-n", metavar="NODE", parser=parsed(NodeName.parse), autocompletion=complete_nodes),
    ] = None
    kind: Annotated[str, typer.Option("--kind", help="only events such as version.served or change.made")] = ""
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="so many events")] = 30
    before: Annotated[
        int | None, typer.Option("--before", min=1, metavar="PLACE", help="go on where the part before ended")
    ] = None

    @property
    def start(self) -> str:
        """The same as the master takes it."""
        return str(self.before or "")


def history(
    session: Session,
    model: Annotated[
        ModelName | None,
        typer.Argument(
            metavar="[MODEL]", parser=parsed(ModelName.parse), autocompletion=complete_models, show_default=False
        ),
    ] = None,
    version: Annotated[
        Version | None,
        typer.Argument(metavar="[VERSION]", parser=parsed(Version.parse), show_default=False),
    ] = None,
    *,
    part: Part,
    as_json: Json = False,
) -> Exit:
    """Show who did what and what each node did; with a version, its way from the upload onto every node."""
    if model is not None and version is not None:
        if part.node or part.kind:
            raise Failure("the life of a version is shown whole; leave --node and --kind away", code=Exit.USAGE)
        return _timeline(session, session.master.timeline(model, version, before=part.start), as_json=as_json)
    page = session.master.history(
        limit=part.limit, before=part.start, model=model or "", node=part.node or "", kind=part.kind
    )
    if as_json:
        session.screen.json(page.entries)
        return Exit.DONE
    rows = [row(entry) for entry in reversed(page.entries)]
    session.screen.table("TIME", "NODE", "WHAT", rows=rows)
    _say_how_far(session, page)
    return Exit.DONE


def _say_how_far(session: Session, part: HistoryPage | Timeline) -> None:
    if part.looked_back_to and part.before:
        moment = sentences.moment(part.looked_back_to)
        session.screen.say("", f"looked back to {moment}; what was earlier: --before {part.before}", style="dim")


def row(entry: Entry) -> tuple[str, str, str]:
    """An event in a table: when, where, what."""
    return (sentences.moment(entry.time), entry.node, entry.sentence)


def _timeline(session: Session, life: Timeline, *, as_json: bool) -> Exit:
    if as_json:
        session.screen.json(life)
        return Exit.DONE
    uploaded = f"uploaded {sentences.moment(life.uploaded)}" if life.uploaded else "the upload was not heard of"
    session.screen.say(f"version {life.version} of {life.model}: {uploaded}", style="bold")
    is_signed = any(one.signed_by for one in life.nodes)
    session.screen.table(
        "NODE",
        "NOTIFIED",
        "PUBLISHED",
        "AVAILABLE",
        "SERVED",
        "UPLOAD TO SERVED",
        *(["SIGNED BY"] if is_signed else []),
        "ENDED",
        rows=[_node_row(one, is_signed=is_signed) for one in life.nodes],
    )
    if life.changes:
        session.screen.say("", "Changes of the model meanwhile:")
        session.screen.table("TIME", "NODE", "WHAT", rows=[row(entry) for entry in life.changes])
    _say_how_far(session, life)
    return Exit.DONE


def _node_row(one: NodeTimeline, *, is_signed: bool) -> tuple[str, ...]:
    moments = (one.notified, one.published, one.available, one.served)
    took = f"{one.seconds_to_serve:.1f}s" if one.seconds_to_serve is not None else "-"
    return (
        one.node,
        *(sentences.moment(at) if at else "-" for at in moments),
        took,
        *([sentences.joined(filter(None, (one.signed_by, one.provenance))) or "-"] if is_signed else []),
        _end(one),
    )


def _end(one: NodeTimeline) -> str:
    ended = [
        f"{what} {sentences.moment(at)}"
        for what, at in (("quarantined", one.quarantined), ("removed", one.removed))
        if at
    ]
    return ": ".join(filter(None, [", ".join(ended), one.reason]))
