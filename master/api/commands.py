"""Commands that the nodes' services follow at once: look at the bucket, reload, apply retention."""

import hashlib
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from events.commands import ApplyRetention, Command, Reload, Sync
from events.names import ModelName, NodeName
from master.answers import Gathered
from master.api import bodies, problems
from master.api.bodies import Body, Described
from master.api.examples import GATHERED, shown
from master.api.preconditions import Key
from master.api.problems import Kind
from master.api.reach import Reached
from master.api.respond import respond
from master.api.rights import Operator, permit
from master.reach import Master

router = APIRouter(prefix="/v1/commands", tags=["commands"])


class NodesBody(Body):
    """Which nodes are asked."""

    nodes: tuple[NodeName, ...] | None = Field(
        default=None, min_length=1, max_length=10_000, description="null: all nodes"
    )
    dry_run: bool = Field(default=False, description="say what would happen, do nothing")


class ModelBody(NodesBody):
    """Which nodes are asked, and about which model."""

    model: ModelName | None = Field(default=None, description="null: all models")


ON_NODES = Described(NodesBody, {"one node": NodesBody(nodes=(NodeName("node-1"),))}, is_required=False)
ON_MODEL = Described(ModelBody, {"one model": ModelBody(model=ModelName("wide-deep"))}, is_required=False)
ANSWERS = {**problems.documented(*problems.BODY, Kind.NOT_FOUND), **shown(GATHERED)}


@router.post(
    "/sync",
    summary="Look at the bucket now",
    response_model=Gathered,
    responses=ANSWERS,
    openapi_extra=ON_MODEL.extra,
)
async def sync(
    master: Reached,
    caller: Operator,
    body: Annotated[ModelBody, Depends(bodies.read(ModelBody))],
    key: Key = "",
) -> Response:
    """Have pullers look at the whole bucket, or at one model, without waiting for a notification. Needs operator."""
    permit(caller, body.model)
    request = Sync(model=body.model, dry_run=body.dry_run, actor=caller.name)
    return await _ask(master, "puller", request=request, nodes=body.nodes, key=key)


@router.post(
    "/reload",
    summary="Send TensorFlow Serving its config again",
    response_model=Gathered,
    responses=ANSWERS,
    openapi_extra=ON_NODES.extra,
)
async def reload(
    master: Reached,
    caller: Operator,
    body: Annotated[NodesBody, Depends(bodies.read(NodesBody))],
    key: Key = "",
) -> Response:
    """Have configurators send TensorFlow Serving the whole config again. Needs operator."""
    permit(caller, None)
    request = Reload(dry_run=body.dry_run, actor=caller.name)
    return await _ask(master, "configurator", request=request, nodes=body.nodes, key=key)


@router.post(
    "/retention",
    summary="Remove what retention does not keep",
    response_model=Gathered,
    responses=ANSWERS,
    openapi_extra=ON_MODEL.extra,
)
async def apply_retention(
    master: Reached,
    caller: Operator,
    body: Annotated[ModelBody, Depends(bodies.read(ModelBody))],
    key: Key = "",
) -> Response:
    """Have configurators remove old versions now, without waiting for the grace time. Needs operator."""
    permit(caller, body.model)
    request = ApplyRetention(model=body.model, dry_run=body.dry_run, actor=caller.name)
    return await _ask(master, "configurator", request=request, nodes=body.nodes, key=key)


async def _ask(
    master: Master, service: str, *, request: Command, nodes: Sequence[NodeName] | None, key: str
) -> Response:
    """Have nodes follow a command. A key for a request becomes its id, and a node follows an id only once."""
    if key:
        text = f"{request.name} {request.model_dump_json()} {key}"
        request = request.model_copy(update={"id": hashlib.sha256(text.encode()).hexdigest()})
    gathered = await master.ask(service, request, nodes=nodes)
    freshness = master.freshness()
    if freshness.is_stale and gathered.unanswered and not gathered.answers:
        raise problems.away(
            f"no node answered: NATS is away ({freshness.reason}), and no {service} was reached on its HTTP port",
            unanswered=gathered.unanswered,
        )
    return respond(gathered, master)
