"""Commands as a NATS micro service (ADR-32), so that `nats micro ls`, `info` and `stats` show them.

A node's commands listen on the node's own subject and on the one of all nodes. Every node answers the latter, so each
has a queue group of its own: micro's default group would hand a request to one node alone. That is just right for the
commands of the cluster, which one of the masters answers.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from nats import micro
from nats.aio.client import Client
from nats.micro.request import Handler, Request
from nats.micro.service import EndpointConfig, ServiceConfig

from events import subjects
from events.names import NodeName
from service import logs
from service.commands import Commands

log = logs.get("service.micro")

_RELEASE = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Offer:
    """Commands and where they are answered: `places` gives names to functions from a command to its subject."""

    commands: Commands
    node: NodeName
    software: str
    places: Mapping[str, Callable[[str], str]]
    queue_group: str


def on_node(commands: Commands, *, node: NodeName, software: str) -> Offer:
    """Offer a node's own commands."""
    places = {
        "node": partial(subjects.command, node, commands.service),
        "all": partial(subjects.command, None, commands.service),
    }
    return Offer(commands, node, software, places, queue_group=subjects.token(node))


def in_cluster(commands: Commands, *, node: NodeName, software: str) -> Offer:
    """Offer commands that any one of the masters answers."""
    return Offer(commands, node, software, {"cluster": subjects.cluster_command}, queue_group="masters")


async def serve(client: Client, offer: Offer) -> None:
    """Answer for as long as the connection lasts."""
    release = _RELEASE.match(offer.software)
    config = ServiceConfig(
        name=f"mm-{offer.commands.service}",
        version=release.group() if release else "0.0.0",
        description=f"model.manager {offer.commands.service}",
        metadata={"node": offer.node},
        queue_group=offer.queue_group,
    )
    service = await micro.add_service(client, config)
    for kind in offer.commands.kinds:
        metadata = {"purpose": kind.purpose, "schema": json.dumps(kind.model_json_schema())}
        for place, subject in offer.places.items():
            await service.add_endpoint(
                EndpointConfig(
                    name=f"{kind.name}-{place}",
                    subject=subject(kind.name),
                    handler=_handler(offer.commands, kind.name),
                    metadata=metadata,
                )
            )


def _handler(commands: Commands, name: str) -> Handler:
    async def handle(request: Request) -> None:
        if not subjects.may_be_answered(request._msg.reply):  # noqa: SLF001 - the library shows it nowhere else
            log.warning("command refused: its answer is asked for where no answer belongs", command=name)
            return
        answer = await commands.answer(name, request.data)
        body = answer.model_dump_json(exclude_none=True).encode()
        if answer.error:
            await request.respond_error("400", answer.error[:200].replace("\n", " "), data=body)
        else:
            await request.respond(body)

    return handle
