"""`python -m infra.local`, as people run it: the demo, the stack that stays, and nothing left behind."""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from events.names import ModelName
from infra.local import look
from infra.local.child import ROOT
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
    assert left_behind(scratch) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_a_stack_that_stays_ends_without_a_trace(number: signal.Signals, scratch: Path) -> None:
    """`up` ends at Ctrl-C, at SIGTERM and even at kill -9 with no process and no file left."""
    async with program("up", *QUICK, scratch=scratch) as up:
        await read_until(up, "Running until")
        assert left_behind(scratch)
        up.send_signal(number)
        assert await up.wait() == (-number if number == signal.SIGKILL else 0)
    await eventually(lambda: left_behind(scratch) == [])


@pytest.mark.parametrize("step", ["starting", "gcs  ", "ready", "puller-node-1"])
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


async def test_an_upload_to_nowhere_is_told(scratch: Path) -> None:
    """Where no server answers or the bucket is missing, the upload ends at once and says so."""
    target = ("--gcs-url", "http://127.0.0.1:9", "--bucket", "models")
    async with program("upload", "tests/models/half_plus_two/1", "m", "1", *target, scratch=scratch) as upload:
        assert upload.stdout is not None
        output = (await upload.stdout.read()).decode()
        assert await upload.wait() == 1
    assert "no bucket models at http://127.0.0.1:9" in output
    assert "Traceback" not in output


async def test_the_printed_command_uploads_a_model(tmp_path: Path, scratch: Path) -> None:
    """`up` prints the command that uploads a version, and what it uploads is served."""
    write_scripted(tmp_path)
    async with program("up", *QUICK, scratch=scratch) as up:
        output = await read_until(up, "Running until")
        command = next(line for line in output.splitlines() if "infra.local upload" in line).split()
        arguments = [{"SAVED_MODEL_FOLDER": str(tmp_path / "1"), "MODEL": "mine"}.get(word, word) for word in command]
        async with program(*arguments[3:], scratch=scratch) as upload:
            assert await upload.wait() == 0
        rest = next(iter(re.findall(r"REST (\S+)", output)))
        await eventually(lambda: is_served(rest))
        up.send_signal(signal.SIGTERM)
        await up.wait()


async def is_served(rest_url: str) -> bool:
    states: Mapping[int, str] = await asyncio.to_thread(look.served, rest_url, ModelName("mine"))
    return states.get(1) == "AVAILABLE"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("no_such_folder", "m", "1"), "is no folder"),
        (("tests/models/half_plus_two/1", "../m", "1"), "is not a model name"),
        (("tests/models/half_plus_two/1", "m", "01"), "is not a version number"),
    ],
)
async def test_a_wrong_upload_is_told_in_one_sentence(arguments: tuple[str, ...], words: str, scratch: Path) -> None:
    """What cannot be uploaded ends with exit code 1 and the reason, before anything is sent."""
    target = ("--gcs-url", "http://127.0.0.1:9", "--bucket", "models")
    async with program("upload", *arguments, *target, scratch=scratch) as upload:
        assert upload.stdout is not None
        output = (await upload.stdout.read()).decode()
        assert await upload.wait() == 1
    assert words in output
    assert "Traceback" not in output
