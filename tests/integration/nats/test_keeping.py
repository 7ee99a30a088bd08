"""What the operator of NATS does over the years: let nodes in and out, back up and restore."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest

from events import subjects
from events.names import NodeName
from infra.nats import backup, users
from infra.nats.users import Names
from service import jetstream
from tests.support.nats import Secured, person
from tests.support.stack import eventually

STREAM = f"KV_{subjects.DESIRED_BUCKET}"
EVENT = "mm.v1.event.node-a.puller.version.published.m"


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


@pytest.fixture
def as_admin(secured: Secured) -> dict[str, str]:
    """What the tool's user sets."""
    return secured.environment("admin", "backup")


async def test_admin_saves_and_restores(secured: Secured, as_admin: dict[str, str], tmp_path: Path) -> None:
    """What operators wanted, its earlier revisions and the history survive the loss of JetStream's data."""
    async with person(secured, "master") as master:
        stream = master.client.jetstream()
        desired = await jetstream.bucket(stream, subjects.DESIRED_BUCKET)
        await jetstream.ensure_streams(stream)
        for value in (b"first", b"second" * 50_000):
            await desired.put("m", value)
        async with person(secured, "puller.node-a") as puller:
            await puller.client.jetstream().publish(EVENT, b"{}")
        assert await run(["save", str(tmp_path / "saved")], as_admin) == 0
        async with person(secured, "admin") as admin:
            for name in backup.STREAMS:
                assert await admin.client.jetstream().delete_stream(name)
        assert await run(["restore", str(tmp_path / "saved")], as_admin) == 0
        assert [(await desired.get("m", revision=number)).value for number in (1, 2)] == [b"first", b"second" * 50_000]
        assert (await stream.stream_info(subjects.EVENT_STREAM)).state.messages == 1
        assert await desired.put("m", b"third") == 3


async def test_restore_deletes_nothing_unasked(
    secured: Secured, as_admin: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bucket that holds something is left as it is until --replace says otherwise; one just made is taken."""
    async with person(secured, "master") as master:
        desired = await jetstream.bucket(master.client.jetstream(), subjects.DESIRED_BUCKET)
        await jetstream.ensure_streams(master.client.jetstream())
        assert await run(["save", str(tmp_path / "empty")], as_admin) == 0
        await desired.put("m", b"saved")
        assert await run(["save", str(tmp_path / "saved")], as_admin) == 0
        await desired.put("m", b"newer")
        only = ["--only", STREAM]
        assert await run(["restore", str(tmp_path / "saved"), *only], as_admin) == 1
        assert "--replace" in capsys.readouterr().err
        assert (await desired.get("m")).value == b"newer"
        assert await run(["restore", str(tmp_path / "empty"), *only, "--replace"], as_admin) == 0
        assert await run(["restore", str(tmp_path / "saved"), *only], as_admin) == 0
        assert (await desired.get("m")).value == b"saved"


@pytest.mark.parametrize("arguments", [["save"], ["restore"]])
async def test_wrong_folder_is_named(
    secured: Secured, as_admin: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Nothing is saved over a folder that is there, and nothing restored out of one that holds no backup."""
    assert await run([*arguments, str(tmp_path)], as_admin) == 1
    assert str(tmp_path) in capsys.readouterr().err


async def run(arguments: list[str], environment: dict[str, str]) -> int:
    """Run the tool as its user would, while the test's own connections go on."""
    return await asyncio.to_thread(backup.main, arguments, environment)
