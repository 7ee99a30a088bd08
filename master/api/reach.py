"""How a request reaches the master behind the HTTP API."""

from typing import Annotated, cast

from fastapi import Depends, Request

from master.reach import Master


async def _reach(request: Request) -> Master:
    return cast("Master", request.app.state.master)


Reached = Annotated[Master, Depends(_reach)]
