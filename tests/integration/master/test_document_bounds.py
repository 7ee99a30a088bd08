"""A desired document is written only where every node and NATS itself take it."""

import dataclasses

import pytest

from events import changes as wire
from events import subjects
from events.desired import Desired, Policy
from events.names import NodeName
from infra.local.client import nats_client
from master.answers import Foreseen
from master.desired.change_requests import ChangeRequest
from master.desired.idempotency import Remembered, Requests, Step
from master.errors import Refused
from tests.support.fleet import MODEL, versions
from tests.support.master import order, running_master
from tests.support.stack import NatsServer

PIN = wire.Pin(versions=versions(6))


async def test_what_no_node_would_read_is_refused(nats_server: NatsServer) -> None:
    """In the dry run and in earnest, with what to do; and the document stays as it was."""
    document = Desired(nodes={NodeName(f"node-{number}"): Policy(paused=True) for number in range(9_000)})
    async with running_master(nats_server) as master:
        made = await order(master, PIN)
        for is_dry_run in (True, False):
            asked = ChangeRequest(actor="t", model=MODEL, change=document, is_dry_run=is_dry_run)
            with pytest.raises(
                Refused, match=r"too big: .* so no node would follow it; nothing was changed; say for all"
            ):
                await master.changes.follow(asked)
        assert (await master.documents.read(MODEL)).revision == made.revision_after


async def test_what_nats_does_not_take_is_refused_with_what_to_do(nats_server: NatsServer) -> None:
    """A bucket of an earlier release, or of an operator's choice, takes less: to try again would not help."""
    document = Desired(nodes={NodeName(f"node-{number}"): Policy(paused=True) for number in range(500)})
    async with running_master(nats_server) as master:
        await order(master, PIN)
        async with nats_client(nats_server.url) as client:
            stream = client.jetstream()
            found = (await stream.stream_info(f"KV_{subjects.DESIRED_BUCKET}")).config
            await stream.update_stream(dataclasses.replace(found, max_msg_size=16 * 1024))
        with pytest.raises(Refused, match=r"NATS takes no document of .* have max_msg_size of KV_mm_desired raised"):
            await master.changes.follow(ChangeRequest(actor="t", model=MODEL, change=document))


async def test_an_answer_that_is_too_big_to_keep_is_kept_without_its_nodes(nats_server: NatsServer) -> None:
    """The same key gives the same answer again, but for what it does on each of very many nodes."""
    asked = Remembered(fingerprint="f", steps=(Step(change=PIN),))
    foreseen = tuple(Foreseen(node=NodeName(f"node-{n}"), sentences=("x" * 500,)) for n in range(9_000))
    async with running_master(nats_server) as master:
        made = (await order(master, PIN)).model_copy(update={"nodes": foreseen})
        requests = Requests(master.bus)
        await requests.begin("k", asked)
        await requests.end("k", asked.model_copy(update={"answer": made}))
        kept = await requests.recall("k", "f")
        assert kept == asked.model_copy(update={"answer": made.model_copy(update={"nodes": ()})})
