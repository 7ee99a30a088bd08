"""Models: what is served where, and why it is not what is wanted."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BeforeValidator, Field

from events.names import ModelName, NodeName, Version
from master.answers import Timeline
from master.api import paging, problems
from master.api.auth import Role
from master.api.examples import CELL, CELLS, MODEL, MODELS, TIMELINE, shown
from master.api.looks import look
from master.api.paging import Search, Window
from master.api.problems import Kind
from master.api.reach import Reached
from master.api.respond import respond
from master.api.rights import Viewer, needs
from master.fleet.views import CellRow, CellState, CellView, ModelRow, ModelView, Page

router = APIRouter(prefix="/v1", tags=["models"], dependencies=[Depends(needs(Role.VIEWER))])


class CellsQuery(Window):
    """Which of a model's nodes."""

    state: CellState | None = Field(default=None, description="only where the model is in this state")


class ModelsQuery(CellsQuery):
    """Which models."""

    search: Search = ""


class LifeQuery(paging.Query):
    """Which part of a version's life."""

    before: paging.Sequence | None = Field(default=None, description="`before` of the part after; nothing: the newest")


@router.get(
    "/models",
    summary="List models",
    response_model=Page[ModelRow],
    responses={**problems.documented(), **shown(MODELS)},
)
async def list_models(master: Reached, query: Annotated[ModelsQuery, Query()]) -> Response:
    """List models by name; `state` is the worst a model has on any node."""
    page = master.fleet.models(cursor=query.cursor, limit=query.limit, state=query.state, search=query.search)
    return respond(paging.sealed(page), master)


@router.get(
    "/models/{model}",
    summary="A model and where its versions are",
    response_model=ModelView,
    responses={**problems.documented(Kind.NOT_FOUND), **shown(MODEL)},
)
async def get_model(master: Reached, model: ModelName) -> Response:
    """Show a model, what is wanted of it, and how many nodes have each version in which stage."""
    return respond(master.fleet.model(model), master)


@router.get(
    "/models/{model}/nodes",
    summary="A model on every node",
    response_model=Page[CellRow],
    responses={**problems.documented(Kind.NOT_FOUND), **shown(CELLS)},
)
async def list_cells(master: Reached, model: ModelName, query: Annotated[CellsQuery, Query()]) -> Response:
    """List the nodes that have a model, by name: state, reason and age, desired, served, and what is on its way."""
    page = master.fleet.cells(model, cursor=query.cursor, limit=query.limit, state=query.state)
    return respond(paging.sealed(page), master)


@router.get(
    "/models/{model}/nodes/{node}",
    summary="Explain a model on a node",
    response_model=CellView,
    responses={**problems.documented(Kind.NOT_FOUND), **shown(CELL)},
)
async def explain_cell(master: Reached, model: ModelName, node: NodeName) -> Response:
    """Tell all there is to know of a model on a node, and in sentences why it is as it is."""
    return respond(master.fleet.cell(model, node), master)


@router.get(
    "/models/{model}/versions/{version}",
    summary="The life of a version",
    tags=["history"],
    response_model=Timeline,
    responses={**problems.documented(Kind.NOT_FOUND), **shown(TIMELINE)},
)
async def get_timeline(
    request: Request,
    master: Reached,
    caller: Viewer,
    model: ModelName,
    version: Annotated[Version, BeforeValidator(Version.parse), Path()],
    query: Annotated[LifeQuery, Query()],
) -> Response:
    """Tell when a version was uploaded, and when each node heard of it, published it and served it."""
    return await look(request, caller, master.history.timeline(model, version, before=query.before))
