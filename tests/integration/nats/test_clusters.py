"""Two clusters on one NATS server: an account each, so that nothing of one is seen or written by the other."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from nats.js.errors import NotFoundError

from events import subjects
from events.names import NodeName
from infra.local.supervisor import Supervisor
from infra.nats import users
from infra.nats.users import Names
from service import jetstream
from tests.support import nats
from tests.support.nats import ALICE, Secured, person

NODE = NodeName("node-a")


@pytest.fixture
def clusters(supervisor: Supervisor) -> Iterator[tuple[Secured, Secured]]:
    """Both have a node of the same name."""
    folder = nats.prepare(supervisor.new_folder("keys"), Names((NODE,), operators=(ALICE,), cluster="red"))
    users.write(folder, Names((NODE,), operators=(ALICE,), cluster="blue"))
    server = nats.start(supervisor, folder)
    yield replace(server, cluster="red"), replace(server, cluster="blue")
    supervisor.stop(server.child)


async def test_neither_sees_or_writes_anything_of_the_other(clusters: tuple[Secured, Secured]) -> None:
    """Streams and buckets have the same names and are two; a command and a hint reach their own nodes alone."""
    red, blue = clusters
    async with person(red, "master") as one, person(blue, "master") as other, person(blue, "puller.node-a") as node:
        for master, wanted in ((one, b"red"), (other, b"blue")):
            bucket = await jetstream.bucket(master.client.jetstream(), subjects.DESIRED_BUCKET)
            await bucket.put("m", wanted)
        for master, wanted in ((one, b"red"), (other, b"blue")):
            bucket = await jetstream.bucket(master.client.jetstream(), subjects.DESIRED_BUCKET)
            assert (await bucket.get("m")).value == wanted
        heard = await node.client.subscribe(subjects.command(NODE, "puller", "*"), queue=subjects.token(NODE))
        await node.client.flush()
        await one.client.publish(subjects.command(NODE, "puller", "sync"), b"red")
        await one.client.flush()
        await other.client.publish(subjects.command(NODE, "puller", "sync"), b"blue")
        assert (await heard.next_msg(timeout=30)).data == b"blue"
        assert await one.refusals() == []


async def test_a_backup_is_of_one_cluster(clusters: tuple[Secured, Secured]) -> None:
    """The admin of a cluster sees its streams alone."""
    red, blue = clusters
    async with person(red, "master") as one:
        bucket = await jetstream.bucket(one.client.jetstream(), subjects.DESIRED_BUCKET)
        await bucket.put("m", b"{}")
    async with person(blue, "admin") as admin:
        with pytest.raises(NotFoundError):
            await admin.client.jetstream().stream_info(f"KV_{subjects.DESIRED_BUCKET}")
    async with person(red, "admin") as admin:
        assert (await admin.client.jetstream().stream_info(f"KV_{subjects.DESIRED_BUCKET}")).state.messages == 1
