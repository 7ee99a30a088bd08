"""What the operator of NATS does over the years: let nodes in and out, back up and restore."""

import json
import os
import shutil
import signal

from nats.aio.client import Client

from events import subjects
from events.names import NodeName
from infra.nats import users
from infra.nats.users import Names
from service import jetstream
from tests.support.nats import Secured, person
from tests.support.stack import eventually

STREAM = f"KV_{subjects.DESIRED_BUCKET}"
CHUNK_BYTES = 64 * 1024


async def test_nodes_are_let_in_and_out_without_a_restart(secured: Secured) -> None:
    """After a reload the new node is there, the one no longer named is cut off, and the others did not notice."""
    async with person(secured, "puller.node-a") as stays, person(secured, "puller.node-b") as goes:
        users.write(secured.folder, Names((NodeName("node-a"), NodeName("node-new"))))
        shutil.copy(secured.folder / "users.conf", secured.own / "users.conf")
        os.kill(secured.child.pid, signal.SIGHUP)
        await eventually(lambda: goes.client.is_closed)
        async with person(secured, "puller.node-new") as new:
            assert await new.refusals() == []
        assert await stays.refusals() == []
        assert stays.client.is_connected


async def test_admin_backs_desired_state_up_and_restores_it(secured: Secured) -> None:
    """What operators wanted survives the loss of the whole stream."""
    async with person(secured, "master") as master:
        desired = await jetstream.bucket(master.client.jetstream(), subjects.DESIRED_BUCKET)
        await desired.put("m", b"wanted")
        async with person(secured, "admin") as admin:
            description, data = await backup(admin.client)
            assert await admin.client.jetstream().delete_stream(STREAM)
            await restore(admin.client, description, data)
            assert await admin.refusals() == []
        assert (await desired.get("m")).value == b"wanted"


async def backup(client: Client) -> tuple[dict[str, object], bytes]:
    """Take a stream's snapshot, as `nats stream backup` does."""
    inbox = client.new_inbox()
    chunks = await client.subscribe(inbox)
    request = {"deliver_subject": inbox, "chunk_size": CHUNK_BYTES}
    answer = await client.request(f"$JS.API.STREAM.SNAPSHOT.{STREAM}", json.dumps(request).encode(), timeout=10)
    found = json.loads(answer.data)
    data = b""
    while (chunk := await chunks.next_msg(timeout=10)).data:
        data += chunk.data
        if chunk.reply:
            await chunk.respond(b"")
    return {"config": found["config"], "state": found["state"]}, data


async def restore(client: Client, description: dict[str, object], data: bytes) -> None:
    """Put a snapshot in the place of a stream that is gone, as `nats stream restore` does."""
    request = json.dumps(description).encode()
    answer = await client.request(f"$JS.API.STREAM.RESTORE.{STREAM}", request, timeout=10)
    place = json.loads(answer.data)["deliver_subject"]
    for start in range(0, len(data), CHUNK_BYTES):
        await client.request(place, data[start : start + CHUNK_BYTES], timeout=10)
    done = await client.request(place, b"", timeout=10)
    assert "error" not in json.loads(done.data)
