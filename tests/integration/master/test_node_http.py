"""The way round NATS to a service's own port, whose address is what its report says."""

import asyncio

from pydantic import SecretStr

from events.names import NodeName
from infra.local.connections import accepting
from infra.local.ports import LOOPBACK
from master.commands.node_http import NodeHttpClient

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


async def test_only_a_command_brings_the_token_along() -> None:
    """Whoever forges a report may name any address; the periodic looks do not hand him the token of all nodes."""
    heads: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(ANSWER)
        await writer.drain()

    async with accepting(answer, LOOPBACK) as port:
        address = f"{LOOPBACK}:{port}"
        ports = NodeHttpClient(SecretStr("hunter2"))
        assert await ports.status(address, seconds=30) == b"{}"
        assert await ports.command(address, "sync", node=NodeName("node-1"), body=b"{}", seconds=30) == b"{}"
    looked, commanded = heads
    assert "hunter2" not in looked
    assert "Authorization: Bearer hunter2" in commanded
