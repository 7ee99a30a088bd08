"""A look into the past on behalf of one request: it takes its turn, and ends when its client is gone."""

import asyncio
from collections.abc import Coroutine
from typing import TypeVar, cast

from fastapi import Request, Response
from pydantic import BaseModel
from starlette.types import Receive

from master.api.limits import Turns
from master.api.reach import Master
from master.api.respond import respond
from master.auth import Caller
from service.tasks import end

GONE = 499  # as proxies call it; nobody is there to read it

V = TypeVar("V", bound=BaseModel)


async def look(request: Request, caller: Caller, found: Coroutine[None, None, V]) -> Response:
    """Answer with what a look finds, unless the client goes first."""
    turns = cast("Turns", request.app.state.turns)

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


async def until_gone(receive: Receive) -> None:
    """Return when the client has closed its connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
