"""The whole cluster at a glance, and a window of models by nodes."""

from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, model_validator

from events.names import ModelName, NodeName
from master.api import paging, problems
from master.api.auth import Role
from master.api.examples import BOARD, BOARD_NEWS, MATRIX, OVERVIEW, shown, streamed
from master.api.reach import Reached
from master.api.respond import respond
from master.api.rights import Viewer, needs
from master.api.stream import EventStream, Follower, Streams
from master.fleet.board import watch
from master.fleet.views import Board, Matrix, Overview

MAX_CELLS = 10_000  # of one window: some 15 ms of work, in which no other request is answered
FIRST_MODELS = 50  # shown where none are named
FIRST_NODES = 100

router = APIRouter(prefix="/v1", tags=["fleet"], dependencies=[Depends(needs(Role.VIEWER))])


class Names(paging.Query):
    """Which part of the matrix."""

    models: list[ModelName] = Field([], max_length=200, description="models, each named once; none: the first by name")
    nodes: list[NodeName] = Field([], max_length=500, description="nodes, each named once; none: the first by name")

    @model_validator(mode="after")
    def _bounded(self) -> "Names":
        if len(self.models) * len(self.nodes) > MAX_CELLS:
            raise ValueError(f"ask for at most {MAX_CELLS} cells at once")
        return self


@router.get(
    "/overview",
    summary="The whole cluster at a glance",
    response_model=Overview,
    responses={**problems.documented(), **shown(OVERVIEW)},
)
async def get_overview(master: Reached) -> Response:
    """Count nodes and models by state, and say in sentences what is wrong, worst first."""
    return respond(master.fleet.overview(master.freshness(), datetime.now(UTC)), master)


@router.get(
    "/matrix",
    summary="Models by nodes",
    response_model=Matrix,
    responses={**problems.documented(), **shown(MATRIX)},
)
async def get_matrix(master: Reached, names: Annotated[Names, Query()]) -> Response:
    """Show how each of these models is on each of these nodes; null where nothing is known."""
    fleet_state = master.fleet.fleet_state
    models = names.models or sorted(fleet_state.models)[:FIRST_MODELS]
    nodes = names.nodes or sorted(fleet_state.nodes)[:FIRST_NODES]
    return respond(master.fleet.matrix(models, nodes), master)


@router.get(
    "/board",
    summary="Every model and every node, counted",
    response_model=Board,
    responses={**problems.documented(), **shown(BOARD)},
)
async def get_board(master: Reached) -> Response:
    """Show all that surrounds the matrix: the overview, every model and every node, each with its states counted."""
    return respond(master.fleet.board(master.freshness(), datetime.now(UTC)), master)


@router.get(
    "/board/news",
    summary="Follow how the board changes, live",
    responses={**problems.documented(), **streamed(BOARD_NEWS)},
    response_class=Response,
)
async def follow_board(request: Request, master: Reached, caller: Viewer) -> Response:
    """Send what changes on the board as it changes (server-sent events named `board`).

    The first says `is_whole`: ask for `/v1/board` and for the cells that are looked at then, and put on them what
    follows. Nothing is kept: after a break it begins so again.
    """
    streams = cast("Streams", request.app.state.streams)
    return EventStream(Follower(caller.name, watch(master.fleet), master.freshness), streams)
