"""A service's commands as a NATS micro service (ADR-32), so that `nats micro ls`, `info` and `stats` show them.

Each command listens on the node's own subject and on the one of all nodes. Every node answers the latter, so each has
a queue group of its own: micro's default group would hand a request to one node alone.
"""

import json
import re

from nats import micro
from nats.aio.client import Client
from nats.micro.request import Handler, Request
from nats.micro.service import EndpointConfig, Service, ServiceConfig

from events import subjects
from events.names import NodeName
from service.commands import Commands

_RELEASE = re.compile(r"\d+\.\d+\.\d+")


async def offer(client: Client, commands: Commands, *, node: NodeName, software: str) -> Service:
    """Put the commands on offer for as long as the connection lasts."""
    release = _RELEASE.match(software)
    config = ServiceConfig(
        name=f"mm-{commands.service}",
        version=release.group() if release else "0.0.0",
        description=f"model.manager {commands.service}",
        metadata={"node": node},
        queue_group=subjects.token(node),
    )
    service = await micro.add_service(client, config)
    for kind in commands.kinds:
        metadata = {"purpose": kind.purpose, "schema": json.dumps(kind.model_json_schema())}
        for place, target in (("node", node), ("all", None)):
            await service.add_endpoint(
                EndpointConfig(
                    name=f"{kind.name}-{place}",
                    subject=subjects.command(target, commands.service, kind.name),
                    handler=_handler(commands, kind.name),
                    metadata=metadata,
                )
            )
    return service


def _handler(commands: Commands, name: str) -> Handler:
    async def handle(request: Request) -> None:
        answer = await commands.answer(name, request.data)
        body = answer.model_dump_json(exclude_none=True).encode()
        if answer.error:
            await request.respond_error("400", answer.error[:200].replace("\n", " "), data=body)
        else:
            await request.respond(body)

    return handle
