"""Nodes: who is there, who is lost."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from events.names import NodeName
from master.answers import Forgotten
from master.api import paging, problems
from master.api.auth import Role
from master.api.examples import FORGOTTEN, NODE, NODES, shown
from master.api.paging import Search, Window
from master.api.problems import Kind
from master.api.reach import Reached
from master.api.respond import respond
from master.api.rights import Admin, needs
from master.fleet.views import NodeRow, NodeState, NodeView, Page

router = APIRouter(prefix="/v1", tags=["nodes"], dependencies=[Depends(needs(Role.VIEWER))])


class NodesQuery(Window):
    """Which nodes."""

    state: NodeState | None = Field(default=None, description="only nodes in this state")
    search: Search = ""


@router.get(
    "/nodes",
    summary="List nodes",
    response_model=Page[NodeRow],
    responses={**problems.documented(), **shown(NODES)},
)
async def list_nodes(master: Reached, query: Annotated[NodesQuery, Query()]) -> Response:
    """List nodes by name: their state, their services, and how many models are in which state."""
    page = master.fleet.nodes(cursor=query.cursor, limit=query.limit, state=query.state, search=query.search)
    return respond(paging.sealed(page), master)


@router.get(
    "/nodes/{node}",
    summary="A node with its models",
    response_model=NodeView,
    responses={**problems.documented(Kind.NOT_FOUND), **shown(NODE)},
)
async def get_node(master: Reached, node: NodeName) -> Response:
    """Show a node, its services as they last reported, and every model on it."""
    return respond(master.fleet.node(node), master)


@router.delete(
    "/nodes/{node}",
    summary="Forget a lost node",
    response_model=Forgotten,
    responses={**problems.documented(Kind.NOT_FOUND, Kind.REFUSED), **shown(FORGOTTEN)},
)
async def forget_node(master: Reached, node: NodeName, caller: Admin) -> Response:
    """Drop a node that is lost for good from the view of all masters. Needs the role admin.

    A node that is heard is refused; one that comes back is there again with its first report. Policies that were its
    own are dropped, and named in the answer.
    """
    dropped = await master.forget(node, actor=caller.name)
    return respond(Forgotten(node=node, dropped=dropped), master)
