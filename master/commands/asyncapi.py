"""What goes over NATS, as an AsyncAPI 3 document made from the code.

`python -m master.commands.asyncapi > docs/asyncapi.json` writes it.

Written from our side: `send` is what our services send, `receive` what they take. Parameters of subjects stand in
braces; in a subject or key the dots of a name are written `=2E`.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue, models_json_schema

from events import cloudevents, cluster, commands, messages, subjects
from events.cloudevents import Envelope
from events.commands import Answer, Command
from events.crash import Crashes
from events.desired import Desired
from events.hint import Hint
from events.messages import Event
from events.names import ModelName, NodeName
from events.status import ConfiguratorReport, Presence, PullerReport

VERSION = "1.0.0"  # of what goes over NATS, not of the software
SCHEMAS = "#/components/schemas/"
NODE, MODEL, SERVICE = NodeName("{node}"), ModelName("{model}"), "{service}"
PARAMETERS = {
    "node": "the node's name, its dots written =2E",
    "model": "the model's name, its dots written =2E; _ where an event is about none",
    "service": "puller, configurator or master",
}
DESCRIPTION = (
    "Events are CloudEvents 1.0 in the JetStream streams MM_EVENTS and MM_AUDIT. Commands are NATS micro services:"
    " `nats micro ls` lists them. A request is a JSON object, an empty one may be left out; fields that are not known"
    " are refused. A command to all nodes is answered by each. KV buckets show as the subjects $KV.<bucket>.<key>."
)
NOTHING = JsonSchemaValue(const="", description="no payload")


@dataclass(frozen=True, slots=True)
class Channel:
    """A subject, what is sent on it, and what becomes of that."""

    id: str
    address: str
    summary: str
    payload: JsonSchemaValue
    action: Literal["send", "receive"]
    is_answered: bool = False


def render() -> str:
    """Write the document."""
    channels = list(_channels())
    return (
        json.dumps(
            {
                "asyncapi": "3.0.0",
                "info": {"title": "model.manager", "version": VERSION, "description": DESCRIPTION},
                "defaultContentType": "application/json",
                "servers": {"nats": {"host": "127.0.0.1:4222", "protocol": "nats", "description": "MM_NATS_URL"}},
                "channels": {**{channel.id: _describe(channel) for channel in channels}, "answer": _ANSWER},
                "operations": {channel.id: _operation(channel) for channel in channels},
                "components": {"schemas": _schemas()},
            },
            indent=1,
        )
        + "\n"
    )


def _channels() -> Iterator[Channel]:
    for service in messages.SERVICES:
        for event in messages.of(service):
            version = "{version}" if issubclass(event, messages.VersionEvent) else subjects.NOT_ANY
            address = f"{subjects.head(NODE, service, event.type)}.{MODEL}.{version}"
            yield Channel(f"event.{event.type}", address, _first(event), _event(event), "send")
    for service, kinds in (("puller", commands.PULLER), ("configurator", commands.CONFIGURATOR)):
        for kind in kinds:
            for place, node in (("node", NODE), ("all", None)):
                address = subjects.command(node, service, kind.name)
                yield _command(f"command.{service}.{kind.name}.{place}", address, kind)
    for kind in cluster.ALL:
        yield _command(f"command.cluster.{kind.name}", subjects.cluster_command(kind.name), kind)
    yield Channel("hint", subjects.HINT, _first(Hint), _ref(Hint), "send")
    yield Channel("crash", subjects.CRASH, _first(Crashes), _ref(Crashes), "send")
    room = "The puller asks its configurator for disk space."
    yield Channel("retention", subjects.retention_request(NODE), room, NOTHING, "send")
    desired = "What operators want of a model; written only over the revision that was read."
    yield _kept("desired", subjects.DESIRED_BUCKET, subjects.desired_key(MODEL), desired, _ref(Desired))
    for service, report in (("puller", PullerReport), ("configurator", ConfiguratorReport)):
        key = subjects.status_key(NODE, service)
        yield _kept(f"status.{service}", subjects.STATUS_BUCKET, key, _first(report), _ref(report))
    key = subjects.status_key(NODE, SERVICE)
    yield _kept("presence", subjects.PRESENCE_BUCKET, key, _first(Presence), _ref(Presence))


def _command(id: str, address: str, kind: type[Command]) -> Channel:  # noqa: A002 - the document's own word
    return Channel(
        id, address, f"{kind.purpose[:1].upper()}{kind.purpose[1:]}", _ref(kind), "receive", is_answered=True
    )


def _kept(name: str, bucket: str, key: str, summary: str, payload: JsonSchemaValue) -> Channel:
    return Channel(f"kv.{name}", f"$KV.{bucket}.{key}", summary, payload, "send")


def _describe(channel: Channel) -> JsonSchemaValue:
    parameters = {
        name: {"description": words} for name, words in PARAMETERS.items() if f"{{{name}}}" in channel.address
    }
    message = {"name": channel.id, "summary": channel.summary, "payload": channel.payload}
    described: JsonSchemaValue = {"address": channel.address, "messages": {"message": message}}
    return {**described, "parameters": parameters} if parameters else described


def _operation(channel: Channel) -> JsonSchemaValue:
    operation: JsonSchemaValue = {
        "action": channel.action,
        "channel": {"$ref": f"#/channels/{channel.id}"},
        "summary": channel.summary,
    }
    return {**operation, "reply": {"channel": {"$ref": "#/channels/answer"}}} if channel.is_answered else operation


def _event(kind: type[Event]) -> JsonSchemaValue:
    own = {"type": {"const": f"{cloudevents.TYPE_PREFIX}{kind.type}"}, "data": _ref(kind)}
    return {"allOf": [_ref(Envelope), {"type": "object", "properties": own}]}


def _schemas() -> Mapping[str, JsonSchemaValue]:
    kinds: list[type[BaseModel]] = [*messages.ALL, *commands.PULLER, *commands.CONFIGURATOR, *cluster.ALL]
    kinds += [Envelope, Answer, Hint, Crashes, Desired, PullerReport, ConfiguratorReport, Presence]
    _, found = models_json_schema(
        [(kind, "validation") for kind in dict.fromkeys(kinds)], ref_template=SCHEMAS + "{model}"
    )
    return {name: _plain(schema) for name, schema in found["$defs"].items()}


def _plain(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Leave out what OpenAPI and AsyncAPI write differently."""
    kept = {name: value for name, value in schema.items() if name != "discriminator"}
    return {name: _plain_value(value) for name, value in kept.items()}


def _plain_value(value: object) -> object:
    if isinstance(value, dict):
        return _plain(value)
    return [_plain_value(one) for one in value] if isinstance(value, list) else value


def _ref(kind: type[BaseModel]) -> JsonSchemaValue:
    return {"$ref": f"{SCHEMAS}{kind.__name__}"}


def _first(kind: type[BaseModel]) -> str:
    return (kind.__doc__ or "").splitlines()[0]


_ANSWER: JsonSchemaValue = {
    "address": None,  # the inbox that the request names
    "messages": {"message": {"name": "answer", "summary": _first(Answer), "payload": _ref(Answer)}},
}


if __name__ == "__main__":
    sys.stdout.write(render())
