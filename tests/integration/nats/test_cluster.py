"""Three servers, and a remote site's server: the configurations for both, run for real."""

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from events import subjects
from events.commands import Command, Sync
from infra.local.ports import LOOPBACK
from infra.local.supervisor import Supervisor
from infra.nats import streams
from service import micro, settings
from service.bus import Bus
from service.commands import Commands
from service.errors import Transient
from service.settings import Settings
from tests.integration.nats.conftest import CENTRE, FAR, SETTLE_SECONDS
from tests.support import nats
from tests.support.nats import Secured, person, running
from tests.support.stack import eventually


@pytest.mark.timeout(300)
async def test_a_cluster_outlives_one_of_its_servers(cluster: list[Secured]) -> None:
    """All is kept three times; with any one server killed a service goes on at the others, and loses nothing."""
    admin = settings.load(Settings, cluster[0].environment("admin", "setup"))
    copies: dict[str, int] = {}

    async def is_set_up() -> bool:
        with contextlib.suppress(Transient):  # a young cluster has no leader yet
            copies.update(await streams.set_up(admin, replicas=3))
        return bool(copies)

    await eventually(is_set_up, seconds=SETTLE_SECONDS)
    assert len(copies) == 6
    assert set(copies.values()) == {3}

    environment = cluster[0].environment("puller.node-a", CENTRE)
    bus = Bus(settings.load(Settings, environment | {"MM_NATS_URL": ",".join(one.url for one in cluster)}), "puller")
    key = subjects.status_key(CENTRE, "puller")
    bus.keep(subjects.STATUS_BUCKET, key, b"before")
    async with running([asyncio.create_task(bus.run())]):
        await eventually(lambda: bus.is_idle and bus.connection.is_connected, seconds=SETTLE_SECONDS)
        await asyncio.to_thread(cluster[0].child.kill)
        bus.keep(subjects.STATUS_BUCKET, key, b"after")
        await eventually(lambda: bus.is_idle and bus.connection.is_connected, seconds=SETTLE_SECONDS)
    async with person(cluster[1], "operator.alice") as alice:
        status = await (await alice.client.jetstream(timeout=20).key_value(subjects.STATUS_BUCKET)).get(key)
        assert status.value == b"after"


async def test_a_remote_site_works_through_its_own_server(supervisor: Supervisor, keys: Path) -> None:
    """A node there reports to the centre and answers its commands, and can be no other site's node."""
    leaf_port = supervisor.ports.reserve()
    opened = {'# include "hub.conf"': 'include "hub.conf"', "port: 7422": f'host: "{LOOPBACK}", port: {leaf_port}'}
    hub = nats.start(supervisor, keys, replace=opened)
    remotes = {"nats-1:7422": f"{LOOPBACK}:{leaf_port}", ', "tls://nats-2:7422", "tls://nats-3:7422"': ""}
    site = nats.start(supervisor, keys, "leaf.conf", replace=remotes)
    bus = Bus(settings.load(Settings, site.environment("puller.node-c", FAR)), "puller")
    bus.answer(micro.on_node(Commands(FAR, "puller", {Sync: sync}), node=FAR, software="1.2.3"))
    key = subjects.status_key(FAR, "puller")
    bus.keep(subjects.STATUS_BUCKET, key, b"far")
    shown: list[object] = []
    bus.watch(subjects.DESIRED_BUCKET, shown.append)
    admin = settings.load(Settings, hub.environment("admin", "setup"))
    await streams.set_up(admin, replicas=1)
    async with running([asyncio.create_task(bus.run())]), person(hub, "operator.alice") as alice:
        await eventually(lambda: bus.is_idle and bool(shown), seconds=SETTLE_SECONDS)
        stream = alice.client.jetstream()
        assert (await (await stream.key_value(subjects.STATUS_BUCKET)).get(key)).value == b"far"
        for place in (FAR, None):
            await alice.client.request(subjects.command(place, "puller", "sync"), b"{}", timeout=5)
        # The site's server may have been taken over: what it says for others does not arrive at the centre.
        heard = await alice.client.subscribe(f"{subjects.EVENTS}.>")
        async with person(replace(site, folder=keys), "puller.node-a") as intruder:
            await intruder.client.publish(f"{subjects.EVENTS}.{CENTRE}.puller.version.published.m", b"{}")
            await intruder.refusals()
        bus.publish(f"{subjects.EVENTS}.{FAR}.puller.version.published.m", b"{}")
        assert (await heard.next_msg(timeout=10)).subject == f"{subjects.EVENTS}.{FAR}.puller.version.published.m"
    for server in (site, hub):
        supervisor.stop(server.child)


async def sync(_request: Command) -> tuple[str, ...]:
    return ("looked",)
