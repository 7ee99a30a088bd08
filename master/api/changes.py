"""Changes of desired state: pin, roll back, pause, and so on."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from events.changes import Change, Pin, Rollback, SetLabel
from events.names import ModelName, NodeName, Version
from master.answers import Made
from master.api import bodies, problems
from master.api.bodies import Body, Described
from master.api.examples import MADE, shown
from master.api.looks import Asked
from master.api.preconditions import Conditional
from master.api.problems import Kind
from master.api.reach import Reached
from master.api.respond import etag, respond
from master.api.rights import permit_change
from master.desired.change_requests import ChangeRequest

router = APIRouter(prefix="/v1", tags=["desired state"])


class ChangeBody(Body):
    """A change, on all nodes or on the named ones."""

    change: Change
    nodes: tuple[NodeName, ...] | None = Field(
        default=None, min_length=1, max_length=10_000, description="nodes that get a policy of their own; null: all"
    )
    dry_run: bool = Field(default=False, description="say what would happen on each node, change nothing")


BODY = Described(
    ChangeBody,
    {
        "pin": ChangeBody(change=Pin(kind="pin", versions=(Version(41),))),
        "rollback": ChangeBody(change=Rollback(kind="rollback"), dry_run=True),
        "canary": ChangeBody(
            change=SetLabel(kind="label", label="canary", version=Version(42)), nodes=(NodeName("node-1"),)
        ),
    },
)


@router.post(
    "/models/{model}/changes",
    summary="Change what is wanted of a model",
    response_model=Made,
    responses={
        **problems.documented(*problems.BODY, Kind.CONFLICT, Kind.CHANGED, Kind.REFUSED),
        **shown(MADE, etag=True),
    },
    openapi_extra=BODY.extra,
)
async def make_change(
    master: Reached,
    model: ModelName,
    asked: Asked,
    conditions: Conditional,
    body: Annotated[ChangeBody, Depends(bodies.read(ChangeBody))],
) -> Response:
    """Make a change and say what it does, node by node. Needs the role operator, a dry run the role viewer.

    The nodes follow by themselves: this answers when the change is written, not when it is served.
    """
    permit_change(asked.caller, model, is_dry_run=body.dry_run)
    order = ChangeRequest(
        actor=asked.caller.name,
        model=model,
        change=body.change,
        nodes=body.nodes or (),
        is_dry_run=body.dry_run,
        if_revision=conditions.revision,
        key=conditions.key,
    )
    async with asked.turn():
        made = await master.changes.follow(order)
    return respond(made, master, headers=etag(made.revision_after))
