"""Commands over a real NATS server, as the nats tool speaks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from nats.aio.client import Client
from nats.errors import Error as NatsError

from events import subjects
from events.commands import Answer, Command, Sync
from events.names import NodeName
from infra.local.client import taken
from service import micro, settings
from service.bus import Bus
from service.commands import Commands
from service.settings import Settings
from service.tasks import end
from tests.support.stack import NatsServer, eventually

NODES = tuple(NodeName(name) for name in ("a", "b.example", "c"))


@asynccontextmanager
async def node(name: NodeName, server: NatsServer) -> AsyncIterator[None]:
    async def sync(_request: Command) -> tuple[str, ...]:
        return (f"{name} looked",)

    bus = Bus(settings.load(Settings, {"MM_NODE": name, "MM_NATS_URL": server.url}), "puller")
    bus.answer(micro.on_node(Commands(name, "puller", {Sync: sync}), node=name, software="1.2.3"))
    task = asyncio.create_task(bus.run())
    try:
        await eventually(lambda: bus.connection.is_connected)
        yield
    finally:
        await end([task])


async def test_one_node_and_all_nodes_answer(nats_server: NatsServer, nats_connection: Client) -> None:
    """A node answers on its own subject, every node on the common one, and discovery shows them all."""
    async with AsyncExitStack() as stack:
        for name in NODES:
            await stack.enter_async_context(node(name, nats_server))
        one = await nats_connection.request(subjects.command(NODES[1], "puller", "sync"), b"{}")
        assert Answer.model_validate_json(one.data).sentences == ("b.example looked",)

        replies = await gather(nats_connection, subjects.command(None, "puller", "sync"))
        assert {Answer.model_validate_json(data).node for data in replies} == set(NODES)

        infos = [json.loads(data) for data in await gather(nats_connection, "$SRV.INFO.mm-puller")]
        assert {info["metadata"]["node"] for info in infos} == set(NODES)
        schema = json.loads(infos[0]["endpoints"][0]["metadata"]["schema"])
        assert schema["additionalProperties"] is False


async def test_refusal_is_a_micro_error_with_the_reason(nats_server: NatsServer, nats_connection: Client) -> None:
    """The nats tool shows an error as one, and the body says the same in full."""
    async with node(NODES[0], nats_server):
        reply = await nats_connection.request(subjects.command(NODES[0], "puller", "sync"), b'{"oops": 1}')
    assert reply.headers is not None
    assert reply.headers["Nats-Service-Error-Code"] == "400"
    assert "oops" in Answer.model_validate_json(reply.data).error


async def gather(client: Client, subject: str) -> list[bytes]:
    """Ask everybody, and return when all three nodes have answered."""
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox)
    await client.publish(subject, b"", reply=inbox)
    found = [(await subscription.next_msg(timeout=10)).data for _ in NODES]
    await subscription.unsubscribe()
    return found


async def test_a_command_that_wants_its_answer_on_a_key_is_not_followed(
    nats_server: NatsServer, nats_connection: Client
) -> None:
    """A service is nobody's hand: what it may write and who asks may not, it does not write for him."""
    key, sync = f"$KV.{subjects.STATUS_BUCKET}.a.puller", subjects.command(NODES[0], "puller", "sync")
    seen = await nats_connection.subscribe("$KV.>")

    async def is_followed() -> bool:
        try:
            return bool(await nats_connection.request(sync, b"{}", timeout=5))
        except NatsError:
            return False  # the service has said that it listens, and the server has not heard it yet

    async with node(NODES[0], nats_server):
        await eventually(is_followed, seconds=60)
        await nats_connection.publish(sync, b"{}", reply=key)
        await eventually(is_followed, seconds=60)  # commands are followed one after the other
        await taken(nats_connection)
    assert seen.pending_msgs == 0
