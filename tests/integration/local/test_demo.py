"""`python -m infra.local`, as people run it: the demo, the stack that stays, and nothing left behind."""

import asyncio
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infra.local.child import ROOT
from infra.local.ready import http_ok
from infra.local.versions import write_scripted
from tests.support.stack import eventually

STEPS = ("upload finished", "notification received", "download started", "download finished", "verified")
STEPS_AFTER = ("published on disk", "reload sent", "AVAILABLE", "first right answer")
QUICK = ("--loader", "scripted", "--pubsub", "embedded")


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """The program's folder for temporary files."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


@asynccontextmanager
async def program(*arguments: str, scratch: Path) -> AsyncIterator[Process]:
    """Run `python -m infra.local …` with `scratch` as its folder for temporary files."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.local", *arguments),
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=PIPE,
        stderr=STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def left_behind(scratch: Path) -> list[str]:
    """Every process that inherited `scratch`, and every file in it."""
    mark = f"TMPDIR={scratch}".encode()
    return [*(str(pid) for pid in _running() if mark in _environment(pid)), *(path.name for path in scratch.iterdir())]


def _running() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


async def read_until(process: Process, words: str) -> str:
    """The output up to the line that holds the words."""
    assert process.stdout is not None
    lines: list[str] = []
    while not lines or words not in lines[-1]:
        line = (await process.stdout.readline()).decode()
        assert line, f"ended without saying {words!r}:\n{''.join(lines)}"
        lines.append(line)
    return "".join(lines)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("options", "reason"),
    [(QUICK, "checksum of a tensor"), ((), "DATA_LOSS: TensorBundle")],
    ids=["quick", "tensorflow"],
)
async def test_the_demo_shows_the_main_job_and_leaves_nothing(
    options: tuple[str, ...], reason: str, scratch: Path
) -> None:
    """The demo sees every step come true, ends by itself with 0, and no process and no file is left."""
    async with program("demo", *options, scratch=scratch) as demo:
        assert demo.stdout is not None
        output = (await demo.stdout.read()).decode()
        assert await demo.wait() == 0, output
    for version in ("Version 1", "Version 2"):
        told = output.partition(version)[2]
        assert all(step in told for step in STEPS + STEPS_AFTER), told
    assert "none failed or was wrong" in output
    assert re.search(r"the puller says: incomplete: variables/variables\.data\S* is missing", output)
    assert re.search(rf"the configurator says: quarantined: .*{reason}", output)
    operator = output.partition("$ model-manager rollback line --yes")[2]
    assert "pinned to version 1 by rollback from version 2: done" in operator
    assert "Predict [-2.00, 0.50, 4.00] -> [-3.00, 2.00, 9.00]" in operator
    status = operator.partition("$ model-manager status")[2]
    assert re.search(r"1 node \(1 well\), 1 model: 1 serving", status)
    assert re.search(r"line +serving +1 +1 serving +pinned to 1", status)
    assert left_behind(scratch) == []


@pytest.mark.timeout(300)
async def test_the_demo_with_two_nodes_shows_where_their_bytes_come_from(scratch: Path) -> None:
    """The figures are the nodes' own: together they fetch the version about once, and each has all of it."""
    async with program("demo", *QUICK, "--nodes", "2", scratch=scratch) as demo:
        assert demo.stdout is not None
        output = (await demo.stdout.read()).decode()
        assert await demo.wait() == 0, output
    act = output.partition("2 nodes fetch a large version together: 64.0 MiB")[2]
    rows = re.findall(r"download finished +(node-\d): 100 %, (\S+ \S+) moved in .*, (\S+ \S+) from neighbours", act)
    assert {node for node, _, _ in rows} == {"node-1", "node-2"}, act
    shares = re.findall(r"(node-\d) has (\d+) % from the bucket and (\d+) % from its neighbour", act)
    assert [node for node, _, _ in shares] == ["node-1", "node-2"], act
    assert all(int(bucket) + int(neighbour) == 100 and int(neighbour) > 0 for _, bucket, neighbour in shares)
    assert sum(int(bucket) for _, bucket, _ in shares) <= 125
    assert "came from the bucket for a version of 64.0 MiB on 2 nodes" in act
    assert left_behind(scratch) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_a_stack_that_stays_ends_without_a_trace(number: signal.Signals, scratch: Path) -> None:
    """`up` ends at Ctrl-C, at SIGTERM and even at kill -9 with no process and no file left."""
    async with program("up", *QUICK, "--nodes", "1", scratch=scratch) as up:
        await read_until(up, "Running until")
        assert left_behind(scratch)
        up.send_signal(number)
        assert await up.wait() == (-number if number == signal.SIGKILL else 0)
    await eventually(lambda: left_behind(scratch) == [])


@pytest.mark.parametrize("step", ["starting", "gcs  ", "ready", "master"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
async def test_an_interrupted_start_ends_without_a_trace(
    number: signal.Signals, code: int, step: str, scratch: Path
) -> None:
    """Wherever the start is interrupted or killed, what it had started is stopped and removed."""
    async with program("demo", *QUICK, scratch=scratch) as demo:
        await read_until(demo, step)
        demo.send_signal(number)
        assert await demo.wait() == code
    await eventually(lambda: left_behind(scratch) == [])


@pytest.mark.skipif(shutil.which("bash") is None, reason="the printed lines are for a shell")
async def test_what_is_printed_holds(tmp_path: Path, scratch: Path) -> None:
    """Every address that `up` prints answers, and its lines can be pasted into a shell: two nodes serve one's model."""
    write_scripted(tmp_path)
    async with program("up", *QUICK, scratch=scratch) as up:
        output = await read_until(up, "Running until")
        addresses = re.findall(r"http://[\d.]+:(\d+)(/v1/overview|/openapi\.json|/status)", output)
        assert len(addresses) == 6
        assert all([await asyncio.to_thread(http_ok(int(port), path)) for port, path in addresses])
        told = await paste(output, str(tmp_path / "1"))
        up.send_signal(signal.SIGTERM)
        await up.wait()
    assert "done: 2 of 2 nodes serve version 1 of mine" in told
    assert "2 nodes (2 well), 1 model: 2 serving" in told, told


async def paste(output: str, folder: str) -> str:
    """Type the printed lines into a shell, for a model `mine` in the folder; what it printed."""
    lines = [line.strip() for line in output.splitlines()]
    script = "\n".join(line for line in lines if line.startswith(("cd ", "export ", ".venv/bin/model-manager ")))
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-ec"),
        script.replace("SAVED_MODEL_FOLDER", folder).replace("MODEL", "mine"),
        stdout=PIPE,
        stderr=STDOUT,
    )
    told = (await shell.communicate())[0].decode()
    assert shell.returncode == 0, told
    return told
