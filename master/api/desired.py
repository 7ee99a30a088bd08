"""A model's desired document: read whole, and put in place whole, over the revision that was read."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from events.desired import Desired
from events.names import ModelName
from master.answers import Made
from master.api import bodies, problems
from master.api.auth import Role
from master.api.bodies import Described
from master.api.examples import DESIRED, MADE, shown
from master.api.looks import Asked
from master.api.preconditions import Tied
from master.api.problems import Kind
from master.api.reach import Reached
from master.api.respond import etag, respond
from master.api.rights import needs, permit_change
from master.desired.change_requests import ChangeRequest
from master.fleet.stored import Stored
from master.fleet.tallies import UNSET
from master.reach import Master
from service.errors import Transient

router = APIRouter(prefix="/v1", tags=["desired state"], dependencies=[Depends(needs(Role.VIEWER))])
BODY = Described(Desired, {"pinned": DESIRED.document})


@router.get(
    "/models/{model}/desired",
    summary="What is wanted of a model",
    response_model=Stored,
    responses={**problems.documented(), **shown(DESIRED, etag=True)},
)
async def get_desired(master: Reached, model: ModelName) -> Response:
    """Show a model's desired document; the default policy at revision 0 where none is kept. `ETag` is the revision."""
    stored = await _read(master, model)
    return respond(stored, master, headers=etag(stored.revision))


@router.put(
    "/models/{model}/desired",
    summary="Put a desired document in place",
    response_model=Made,
    responses={
        **problems.documented(*problems.BODY, Kind.CONFLICT, Kind.CHANGED, Kind.NO_PRECONDITION, Kind.REFUSED),
        **shown(MADE, etag=True),
    },
    openapi_extra=BODY.extra,
)
async def put_desired(
    master: Reached,
    model: ModelName,
    asked: Asked,
    conditions: Tied,
    document: Annotated[Desired, Depends(bodies.read(Desired))],
    dry_run: Annotated[bool, Query(description="say what would happen, change nothing")] = False,  # noqa: FBT002
) -> Response:
    """Replace the whole document. Needs the role operator, a dry run the role viewer.

    `If-Match` with its ETag is required; mostly a change is what you want.
    """
    permit_change(asked.caller, model, is_dry_run=dry_run)
    order = ChangeRequest(
        actor=asked.caller.name,
        model=model,
        change=document,
        is_dry_run=dry_run,
        if_revision=conditions.revision,
        key=conditions.key,
    )
    async with asked.turn():
        made = await master.changes.follow(order)
    return respond(made, master, headers=etag(made.revision_after))


async def _read(master: Master, model: ModelName) -> Stored:
    """Read the document from NATS, or as it was last known while NATS is away."""
    try:
        return await master.documents.read(model)
    except Transient:
        if not master.freshness().is_stale:
            raise
        known = master.fleet.fleet_state.models.get(model)
        return known.stored if known else UNSET
