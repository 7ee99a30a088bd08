"""A look into the past on behalf of one request: it takes its turn, and ends when its client is gone."""

import asyncio
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request, Response
from pydantic import BaseModel
from starlette.types import Receive

from master.api.auth import Caller, Role
from master.api.limits import HistorySlots
from master.api.respond import respond
from master.api.rights import Viewer
from master.reach import Master
from service.tasks import end

GONE = 499  # as proxies call it; nobody is there to read it

V = TypeVar("V", bound=BaseModel)


async def look(request: Request, caller: Caller, found: Coroutine[None, None, V]) -> Response:
    """Answer with what a look finds, unless the client goes first."""
    turns = cast("HistorySlots", request.app.state.turns)

    async def taking_turns() -> V:
        async with turns.one(caller.name):
            return await found

    looking = asyncio.create_task(taking_turns())
    leaving = asyncio.create_task(until_gone(request.receive))
    try:
        await asyncio.wait({looking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not looking.done():
            return Response(status_code=GONE)
        return respond(looking.result(), cast("Master", request.app.state.master))
    finally:
        await end([looking, leaving])
        found.close()


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks for a change, or for what it would do."""

    caller: Caller
    turns: HistorySlots

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Take a turn for the dry run of one who may only look; who may change things waits for nobody."""
        is_operator = self.caller.role.includes(Role.OPERATOR)
        return nullcontext() if is_operator else self.turns.one(self.caller.name)


async def _asking(request: Request, caller: Viewer) -> Requester:
    return Requester(caller, cast("HistorySlots", request.app.state.turns))


Asked = Annotated[Requester, Depends(_asking)]


async def until_gone(receive: Receive) -> None:
    """Return when the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
