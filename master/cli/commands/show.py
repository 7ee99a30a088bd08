"""The commands that only look: status, nodes, models, model, explain."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Annotated, TypeVar

import typer

from events.names import NodeName
from master.cli.exits import Exit
from master.cli.output import sentences, tables
from master.cli.session import Json, Model, Nodes, Session, complete_nodes, parsed
from master.fleet.views import CellRow, CellState, CellView, NodeState, NodeView, Overview

Row = TypeVar("Row", bound=CellRow)
FEW = 30  # so many models fit a screen; of more, `status` shows those that are not as they should be

Check = Annotated[bool, typer.Option("--check", help="end with code 3 when something is not as it should be")]


def status(session: Session, *, check: Check = False, as_json: Json = False) -> Exit:
    """Show the whole cluster at a glance, the worst first."""
    overview = session.master.overview()
    models = session.master.models()
    if as_json:
        session.screen.json({"overview": overview, "models": models})
    else:
        _warn_if_stale(session, overview)
        session.screen.say(_headline(overview))
        shown = models if len(models) <= FEW else [row for row in models if row.state is not CellState.SERVING]
        if shown:
            session.screen.say("")
            tables.models(session.screen, shown)
        if len(shown) < len(models):
            session.screen.say(f"and {len(models) - len(shown)} models that are served as desired (`models` lists all)")
        if overview.sentences:
            session.screen.say("")
            session.screen.say(*overview.sentences, style="yellow")
    wrong = overview.freshness.is_stale or overview.sentences
    return Exit.NOT_AS_DESIRED if check and wrong else Exit.DONE


def nodes(
    session: Session,
    *,
    node: Annotated[
        NodeName | None,
        typer.Argument(
            metavar="[NODE]", parser=parsed(NodeName.parse), autocompletion=complete_nodes, show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> Exit:
    """List the nodes, or show one with its services and models."""
    if node is not None:
        return _one_node(session, session.master.node(node), as_json=as_json)
    rows = session.master.nodes()
    if as_json:
        session.screen.json(rows)
        return Exit.DONE
    tables.nodes(session.screen, rows, now=session.now())
    return Exit.DONE


def models(
    session: Session,
    *,
    search: Annotated[str, typer.Argument(metavar="[TEXT]", help="only models whose name holds this text")] = "",
    as_json: Json = False,
) -> Exit:
    """List the models and what is served of them."""
    rows = session.master.models(search=search)
    if as_json:
        session.screen.json(rows)
    else:
        tables.models(session.screen, rows)
    return Exit.DONE


def model(session: Session, model: Model, *, as_json: Json = False) -> Exit:
    """Show a model: its versions, and what each node makes of it."""
    view, cells = session.master.model(model), session.master.cells(model)
    if as_json:
        session.screen.json({"model": view, "nodes": cells})
        return Exit.DONE
    session.screen.say(f"{view.model}: {tables.wanted(view)}", style="bold")
    session.screen.say(*view.explain)
    session.screen.say("")
    tables.versions(session.screen, view.versions)
    session.screen.say("")
    tables.cells(session.screen, cells, now=session.now())
    return Exit.DONE


def explain(session: Session, model: Model, *, nodes: Nodes = None, as_json: Json = False) -> Exit:
    """Say why a model is as it is, on every node or on those given."""
    if nodes:
        cells = [session.master.cell(model, node) for node in nodes]
        if as_json:
            session.screen.json(cells)
        else:
            _explain(session, cells, look=lambda cell: cell)
        return Exit.DONE
    troubled = [row for row in session.master.cells(model) if row.state is not CellState.SERVING]
    view = session.master.model(model)
    if as_json:
        session.screen.json(view)
        return Exit.DONE
    session.screen.say(*view.explain)
    _explain(session, troubled, look=lambda cell: session.master.cell(model, cell.node))
    return Exit.DONE


def _explain(session: Session, rows: Sequence[Row], *, look: Callable[[Row], CellView]) -> None:
    """Explain nodes that are alike once, by the first of them."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        key = row.model_dump_json(include={"state", "reason", "desired", "serving", "labels"})
        groups.setdefault(key, []).append(row)
    for alike in islice(groups.values(), FEW):
        first, age = alike[0], sentences.age(min(row.since for row in alike), now=session.now())
        told = f", as {first.node} tells it" if len(alike) > 1 else ""
        names = sentences.named([row.node for row in alike], most=2 if len(alike) > 3 else 3)
        session.screen.say(f"{names}: {first.state} for {age}{told}", style="bold")
        session.screen.say(*(f"  {sentence}" for sentence in look(first).explain))
    if len(groups) > FEW:
        session.screen.note("more nodes differ, in other ways; `model` lists them all")


def _warn_if_stale(session: Session, overview: Overview) -> None:
    freshness = overview.freshness
    if freshness.is_stale:
        old = sentences.age(freshness.since, now=session.now())
        session.screen.warn(
            f"the master has not heard the cluster for {old}: {freshness.reason}; this is what it last knew"
        )


def _headline(overview: Overview) -> str:
    counted = [f"{overview.nodes[one]} {one}" for one in NodeState if overview.nodes.get(one)]
    nodes = f"{sentences.count(sum(overview.nodes.values()), 'node')} ({', '.join(counted)})" if counted else "no nodes"
    return f"{nodes}, {sentences.count(overview.models, 'model')}: {sentences.tallies(overview.cells)}"


def _one_node(session: Session, view: NodeView, *, as_json: bool) -> Exit:
    if as_json:
        session.screen.json(view)
        return Exit.DONE
    now = session.now()
    reason = f": {view.reason}" if view.reason else ""
    session.screen.say(f"{view.node}: {view.state} for {sentences.age(view.since, now=now)}{reason}", style="bold")
    session.screen.say("")
    tables.services(session.screen, view.services, now=now)
    session.screen.say("")
    tables.cells(session.screen, view.models, now=now, by_model=True)
    return Exit.DONE
