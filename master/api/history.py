"""What happened, newest first, and live."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BeforeValidator, Field

from events.names import ModelName, NodeName, Version
from master.answers import HistoryPage
from master.api import paging, problems
from master.api.auth import Role
from master.api.examples import ENTRY, HISTORY, shown, streamed
from master.api.looks import look
from master.api.reach import Reached
from master.api.rights import Viewer, needs
from master.api.stream import EventStream, Follower, Streams
from master.history.event_stream import Filter

router = APIRouter(prefix="/v1", tags=["history"], dependencies=[Depends(needs(Role.VIEWER))])


class Which(paging.Query):
    """Which events."""

    model: ModelName | None = Field(default=None, description="only about this model")
    node: NodeName | None = Field(default=None, description="only of this node")
    kind: str | None = Field(
        default=None,
        max_length=64,
        pattern=r"^[a-z_]+\.[a-z_]+$",
        description="only of this kind, such as version.served or change.made; progress of downloads"
        " (download.progress) shows only where it is asked for",
    )
    version: Annotated[Version, BeforeValidator(Version.parse)] | None = Field(
        default=None, description="only about this version"
    )

    @property
    def filter(self) -> Filter:
        """The same as the history reads it."""
        return Filter(model=self.model, version=self.version, node=self.node, kind=self.kind)


class HistoryQuery(Which):
    """Which part of the history."""

    before: paging.Sequence | None = Field(default=None, description="`before` of the part before; nothing: the newest")
    limit: int = Field(default=100, ge=1, le=paging.MAX_LIMIT, description="events at most")


class StreamQuery(Which):
    """From where on to follow."""

    after: paging.Sequence | None = Field(
        default=None, description="from behind this event on; nothing: from now on; Last-Event-ID goes before it"
    )


@router.get(
    "/history",
    summary="What happened, newest first",
    response_model=HistoryPage,
    responses={**problems.documented(), **shown(HISTORY)},
)
async def list_history(
    request: Request, master: Reached, caller: Viewer, query: Annotated[HistoryQuery, Query()]
) -> Response:
    """List events of the last 30 days: who changed what, and what each node did. Changes and commands go back a year.

    A request looks at 20,000 events at most. Where it ends before it has found enough, `looked_back_to` says how far it
    came, and `before` how to go on.
    """
    return await look(request, caller, master.history.page(query.filter, before=query.before, limit=query.limit))


@router.get(
    "/events",
    summary="Follow what happens, live",
    responses={**problems.documented(), **streamed(ENTRY)},
    response_class=Response,
)
async def follow_events(
    request: Request,
    master: Reached,
    caller: Viewer,
    query: Annotated[StreamQuery, Query()],
    last: Annotated[
        paging.Sequence | None, Header(alias="Last-Event-ID", description="go on behind this event")
    ] = None,
) -> Response:
    """Send events as they come (server-sent events). `id` is the event's place in the history, `data` one as there.

    `event: stale` says that NATS is away and nothing comes meanwhile, `event: fresh` that it is back, `event: end` why
    the master ends the stream. After a break go on with `Last-Event-ID`: nothing is lost that the history still has.
    """
    entries = master.history.follow(query.filter, after=last if last is not None else query.after)
    streams = cast("Streams", request.app.state.streams)
    return EventStream(Follower(caller.name, entries, master.freshness), streams)
