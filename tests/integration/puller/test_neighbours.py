"""Pullers of one site, as processes, while one of them lies, stalls or dies as it gives: the others have every byte."""

import re
import signal
import urllib.request
from pathlib import Path

from nats.aio.client import Client
from nats.aio.msg import Msg

from events import cloudevents, subjects
from events.messages import NeighbourLied
from infra.local.client import taken
from infra.local.faults.trouble import NONE, Trouble, write
from service import jetstream
from tests.integration.puller.conftest import MODEL, RunningPuller, World
from tests.integration.puller.test_exchange import FILES, SIZE, fetched, upload
from tests.support.stack import eventually


async def begin(world: World, nats: Client, folder: Path) -> tuple[RunningPuller, Path]:
    """Start a puller that can be disturbed, and wait until it has a version; its file of troubles."""
    await jetstream.bucket(nats.jetstream(), subjects.PRESENCE_BUCKET)  # as a master has made it
    trouble = folder / "puller.trouble"
    write(trouble, NONE)
    upload(world, 1)
    one = world.start_puller(
        "node-1",
        program="infra.local.faults.service puller",
        variables={"REHEARSAL_FILE": str(trouble), "REHEARSAL_RECORD": str(folder / "steps")},
        settle_seconds="60",
    )
    await eventually(lambda: one.state(1) == "published")
    return one, trouble


async def join(world: World, node: str = "node-2") -> RunningPuller:
    """Start another puller, and wait until it has the version, every byte of it."""
    other = world.start_puller(node, settle_seconds="60")
    await eventually(lambda: other.state(1) == "published", seconds=120)
    assert other.files(1) == FILES
    return other


async def test_a_neighbour_that_lies(world: World, nats_connection: Client, tmp_path: Path) -> None:
    """It is found by SHA-256, named in event and metric, left alone; what it should have given comes from elsewhere."""
    events: list[NeighbourLied] = []

    async def take(message: Msg) -> None:
        event = cloudevents.parse(message.data)[1]
        assert isinstance(event, NeighbourLied)
        events.append(event)

    await nats_connection.subscribe(subjects.events(None, "puller", NeighbourLied.type), cb=take)
    await taken(nats_connection)
    one, trouble = await begin(world, nats_connection, tmp_path)
    write(trouble, Trouble(lies=True))
    other = await join(world)
    assert "send lie" in (tmp_path / "steps").read_text().splitlines()
    await eventually(lambda: len(events) == 1)
    assert (events[0].model, events[0].version, events[0].neighbour) == (MODEL, 1, "node-1")
    assert "SHA-256" in events[0].reason
    assert metric(other, "mm_exchange_lies_total") == 1
    assert (fetched(other, "bucket") + fetched(other, "disk"), fetched(other, "neighbours")) == (SIZE, 0)

    third = await join(world, "node-3")  # nodes 1 and 2 have all of it, and one of them lies
    assert fetched(third, "neighbours") > 0
    assert {event.neighbour for event in events} == {"node-1"}
    assert one.child.exit_code is None


async def test_a_neighbour_that_stalls(world: World, nats_connection: Client, tmp_path: Path) -> None:
    """Its pieces come from the bucket after a while, and nobody calls it a liar."""
    _, trouble = await begin(world, nats_connection, tmp_path)
    write(trouble, Trouble(send_seconds=60.0))
    other = await join(world)
    assert fetched(other, "bucket") > 0
    assert metric(other, "mm_exchange_lies_total") == 0


async def test_a_neighbour_that_dies(world: World, nats_connection: Client, tmp_path: Path) -> None:
    """Its pieces come from the bucket, and nobody calls it a liar."""
    one, trouble = await begin(world, nats_connection, tmp_path)
    write(trouble, Trouble(kill_at="send unit", kill_nth=2))
    other = await join(world)
    assert one.child.exit_code == -signal.SIGKILL
    assert fetched(other, "bucket") > 0
    assert metric(other, "mm_exchange_lies_total") == 0


def metric(puller: RunningPuller, name: str) -> float:
    """A number that the puller counts."""
    with urllib.request.urlopen(f"{puller.url}/metrics", timeout=10) as answer:  # noqa: S310 - our own address
        found = re.search(rf"^{name} (\S+)$", answer.read().decode(), re.M)
    assert found, name
    return float(found[1])
