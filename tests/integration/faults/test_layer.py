"""The failing layer under the puller's own disk code, in a process of its own."""

import asyncio
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.local.faults import points
from infra.local.faults.layer import Layer
from infra.local.faults.trouble import NONE, Source, Trouble, write
from service.layout import Layout
from tests.support.puller_world import World

ROOT = Path(__file__).parents[3]


class Child:
    """Runs the puller's disk code on the layer."""

    def __init__(self, folder: Path) -> None:
        self.models, self.trouble, self.record = folder / "models", folder / "trouble", folder / "steps"
        self.models.mkdir()

    async def run(self, command: str, *arguments: str, trouble: Trouble = NONE) -> subprocess.CompletedProcess[str]:
        """Run one command of `tests.support.puller_child`."""
        write(self.trouble, trouble)
        layered = (sys.executable, "-m", "tests.support.layered", str(self.trouble), str(self.record))
        whole = (*layered, command, str(self.models), *arguments)
        return await asyncio.to_thread(subprocess.run, whole, cwd=ROOT, check=False, capture_output=True, text=True)

    def steps(self) -> set[str]:
        return set(self.record.read_text().split("\n")) - {""}


@pytest.fixture
def child(tmp_path: Path) -> Child:
    return Child(tmp_path)


async def test_a_layer_that_is_calm_changes_nothing(child: Child) -> None:
    """Two versions are staged, and every step has a name that is on the list."""
    done = await child.run("fill", "3")
    assert done.stdout.split() == ["staged", "staged"], done.stderr
    assert child.steps() <= points.PULLER
    assert {"allocate stage", "write stage", "sync stage", "open journal"} <= child.steps()


@pytest.mark.parametrize("is_lazy", [False, True])
async def test_the_disk_is_full_at_some_byte(child: Child, *, is_lazy: bool) -> None:
    """What does not fit is no space left, and the small version after it is staged in the room that is left."""
    done = await child.run("fill", "3", trouble=Trouble(free_bytes=12_000 if is_lazy else 9_000, is_lazy=is_lazy))
    assert done.stdout.startswith("NoSpaceLeft"), (done.stdout, done.stderr)


async def test_a_read_only_disk_refuses_every_change(child: Child) -> None:
    """With the operating system's own words."""
    done = await child.run("fill", "1", trouble=Trouble(is_read_only=True))
    assert "Read-only file system" in done.stdout, done.stderr
    assert list(child.models.iterdir()) == []


@pytest.mark.parametrize("step", ["write stage", "rename receipt", "rename version", "sync model", "remove journal"])
async def test_a_process_dies_at_a_named_step(child: Child, tmp_path: Path, step: str) -> None:
    """As by kill -9, before the step is taken."""
    world = World(Layout(child.models))
    world.bucket.write("m/1/saved_model.pb", b"graph" * 1000)
    await world.fetch(1)
    receipt = tmp_path / "receipt.json"
    receipt.write_text((await world.receipt(1)).model_dump_json())
    command = ("fill", "1") if step == "write stage" else ("publish", str(receipt), "never")
    done = await child.run(*command, trouble=Trouble(kill_at=step))
    assert done.returncode == -signal.SIGKILL, done.stderr
    is_visible = (child.models / "m" / "1").exists()
    assert is_visible == (step in {"sync model", "remove journal"})


def test_the_clock_jumps_both_ways(tmp_path: Path) -> None:
    """As soon as the file says so, and back."""
    layer = Layer(tmp_path, Source(tmp_path / "trouble"), record=lambda _: None)
    for seconds in (86400.0, -86400.0, 0.0):
        write(tmp_path / "trouble", Trouble(clock_seconds=seconds))
        ahead = layer.clock(UTC) - datetime.now(UTC)
        assert abs(ahead - timedelta(seconds=seconds)) < timedelta(minutes=5)
