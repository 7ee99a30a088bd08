"""What nobody may do with the rights of a role, tried by hand with that role's key."""

import asyncio
import logging

import pytest

from events import subjects
from events.names import NodeName
from service import settings
from service.bus import Bus
from service.settings import Settings
from tests.support.nats import Secured, person, running
from tests.support.stack import eventually

SPOKEN = "mm.v1.retention.node-b"
NO_EVENT = [f"mm.v1.event.{place}" for place in ("node-b.puller.version.published.m", "node-a.master.change.made.m")]
NO_AUDIT = ["mm.v1.audit.node-a.master.change.made.m", "mm.v1.audit.node-a.puller.version.published.m"]
COMMANDS = ["mm.v1.cmd.node-b.puller.sync", "mm.v1.cmd._all.configurator.reload", "mm.v1.cmd._cluster.master.pin"]
WRITES = ["$KV.mm_desired.m", "$KV.mm_requests.x", "$KV.mm_status.node-b.puller", "$KV.mm_presence.node-b.puller"]
JETSTREAM = [
    "$JS.API.STREAM.DELETE.MM_EVENTS",
    "$JS.API.STREAM.PURGE.KV_mm_desired",
    "$JS.API.STREAM.UPDATE.MM_EVENTS",
    "$JS.API.STREAM.CREATE.MM_OTHER",
    "$JS.API.STREAM.MSG.DELETE.KV_mm_desired",
]
READS = ["$JS.API.STREAM.MSG.GET.KV_mm_requests", "$JS.API.CONSUMER.CREATE.KV_mm_requests"]
CONSUMERS = [
    "$JS.API.CONSUMER.CREATE.KV_mm_desired",
    "$JS.API.CONSUMER.CREATE.KV_mm_desired.x",
    "$JS.API.CONSUMER.CREATE.KV_mm_desired.node-b-puller.$KV.mm_desired.>",
    "$JS.API.CONSUMER.DURABLE.CREATE.KV_mm_desired.x",
    "$JS.API.CONSUMER.DELETE.KV_mm_desired.node-b-puller",
    "$JS.API.CONSUMER.MSG.NEXT.KV_mm_desired.node-a-puller",
    "$JS.API.DIRECT.GET.KV_mm_desired",
]
ANSWERS = ["_INBOX.master.master-1.x", "_INBOX.puller.node-b.x", "_R_.x"]
HEARS = [
    "_INBOX.>",
    "_INBOX.master.>",
    "_INBOX.puller.node-b.>",
    "$SRV.>",
    ">",
    "$JS.API.>",
    "$KV.mm_requests.>",
    "mm.v1.answer.>",
]

FORBIDDEN_TO_PUBLISH = {
    "puller.node-a": [
        *NO_EVENT,
        "mm.v1.event.node-a.configurator.version.served.m",
        "mm.v1.event.node-a.puller.version.served.m",
        "mm.v1.event.node-a.puller.change.made.m",
        "mm.v1.crash",
        "mm.v1.retention.node-b",
        "$KV.mm_status.node-a.configurator",
        "$JS.API.CONSUMER.CREATE.MM_EVENTS",
        "$JS.API.STREAM.MSG.GET.KV_mm_status",
        *(*COMMANDS, *WRITES, *JETSTREAM, *READS, *ANSWERS, *CONSUMERS, *NO_AUDIT),
    ],
    "configurator.node-a": [
        *NO_EVENT,
        "mm.v1.event.node-a.puller.version.published.m",
        "mm.v1.event.node-a.configurator.version.published.m",
        "mm.v1.hint",
        "mm.v1.retention.node-a",
        "$KV.mm_status.node-a.puller",
        "$JS.API.CONSUMER.CREATE.MM_EVENTS",
        *(*COMMANDS, *WRITES, *JETSTREAM, *READS, *ANSWERS, *CONSUMERS, *NO_AUDIT),
    ],
    "puller": [
        "mm.v1.event.node-a.configurator.version.served.m",
        "$KV.mm_status.node-a.configurator",
        *(*COMMANDS, *WRITES[:2], *JETSTREAM, *READS, *ANSWERS[:1]),
    ],
    "master": [
        "mm.v1.event.node-a.puller.version.published.m",
        "mm.v1.event.node-a.master.change.made.m",
        "mm.v1.hint",
        "mm.v1.crash",
        "mm.v1.retention.node-a",
        "mm.v1.cmd._cluster.master.pin",
        *(*JETSTREAM, *ANSWERS, "mm.v1.answer.x.0", "$JS.API.CONSUMER.CREATE.KV_mm_requests"),
    ],
    "operator.alice": [
        *(*NO_AUDIT, "mm.v1.event.node-a.master.change.made.m", "mm.v1.hint", "mm.v1.crash"),
        "mm.v1.event.alice.operator.version.served.m",
        *(*WRITES, *JETSTREAM, *READS, *ANSWERS, "mm.v1.answer.x.0", "$JS.API.CONSUMER.CREATE.MM_EVENTS"),
    ],
    "admin": [*NO_EVENT, *NO_AUDIT, "mm.v1.hint", *COMMANDS, *WRITES, "$SRV.PING", *ANSWERS, "_INBOX.operator.alice.x"],
}
FORBIDDEN_TO_HEAR = {
    "puller.node-a": [
        *(*HEARS, "mm.v1.>", "mm.v1.event.>", "mm.v1.event.node-b.configurator.*.*.*", "mm.v1.cmd.node-b.puller.*"),
        *(
            "mm.v1.cmd.node-a.configurator.*",
            "mm.v1.cmd._cluster.master.*",
            "mm.v1.retention.node-a",
            "mm.v1.crash",
            "$KV.mm_status.>",
        ),
        *("mm.v1.cmd.node-a.puller.*", "mm.v1.cmd._all.puller.* node-b"),
    ],
    "configurator.node-a": [*HEARS, "mm.v1.hint", "mm.v1.retention.node-b", "mm.v1.event.node-a.master.*.*.*"],
    "master": [*HEARS[:1], *HEARS[2:-1], "mm.v1.hint", "mm.v1.cmd.>", "mm.v1.cmd._cluster.master.*"],
    "operator.alice": [*HEARS, "mm.v1.cmd.>", "_INBOX.operator.bob.>"],
    "admin": ["mm.v1.>", "mm.v1.event.>", "$KV.mm_desired.>", "$JS.API.>", "_INBOX.master.>"],
}


@pytest.mark.parametrize("user", FORBIDDEN_TO_PUBLISH)
async def test_what_is_not_a_roles_business_cannot_be_said(secured: Secured, user: str) -> None:
    """Every one of these is refused by the server, and what the role may say beside them is not."""
    async with person(secured, user) as one:
        for subject in FORBIDDEN_TO_PUBLISH[user]:
            await one.client.publish(subject, b"{}")
        assert await one.refusals() == [f"publish {subject.lower()}" for subject in FORBIDDEN_TO_PUBLISH[user]]


@pytest.mark.parametrize("user", FORBIDDEN_TO_HEAR)
async def test_what_is_not_a_roles_business_cannot_be_heard(secured: Secured, user: str) -> None:
    """Nobody reads the answers to another, takes another's commands, or listens to everything."""
    async with person(secured, user) as one:
        for subject in FORBIDDEN_TO_HEAR[user]:
            name, _, group = subject.partition(" ")
            await one.client.subscribe(name, queue=group)
        assert await one.refusals() == [
            f"subscription {subject.partition(' ')[0].lower()}" for subject in FORBIDDEN_TO_HEAR[user]
        ]


async def test_a_key_for_all_nodes_speaks_for_each_but_for_its_service_alone(secured: Secured) -> None:
    """Where nodes cannot have keys of their own, a puller is still no configurator and no master."""
    async with person(secured, "puller", inbox=subjects.inbox(NodeName("node-b"), "puller")) as one:
        await one.client.publish("$KV.mm_status.node-b.puller", b"{}")
        await one.client.subscribe("mm.v1.cmd.node-b.puller.*", queue="node-b")
        await one.client.subscribe("_INBOX.puller.node-b.x.*")
        assert await one.refusals() == []


async def test_a_service_says_which_right_it_lacks(secured: Secured, caplog: pytest.LogCaptureFixture) -> None:
    """With another node's key a service is told what is refused, once each, instead of waiting without a word."""
    bus = Bus(settings.load(Settings, secured.environment("puller.node-a", "node-b")), "puller")
    bus.subscribe(SPOKEN, lambda _: None)
    with caplog.at_level(logging.WARNING, "service.bus"):
        async with running([asyncio.create_task(bus.run())]):
            await eventually(lambda: bus.connection.is_connected)
            for _ in range(2):
                bus.publish(SPOKEN, b"")
            await eventually(lambda: any("publish" in words for words in told(caplog)))
            bus.publish("mm.v1.retention.node-c", b"")
            await eventually(lambda: any("node-c" in words for words in told(caplog)))
    assert len([words for words in told(caplog) if "publish" in words and SPOKEN in words]) == 1
    assert any("subscription" in words and SPOKEN in words for words in told(caplog))


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The reasons of the warnings."""
    return [str(record.__dict__) for record in caplog.records]
