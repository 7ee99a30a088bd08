"""The compatible server as a child process, and the one in memory: two that must be told apart by nothing but time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from configurator.serving import render
from configurator.serving.applied_config import Entry
from configurator.serving.client import Serving
from configurator.serving.states import State, Status
from events.names import ModelName, Version
from tests.fakes.serving import FakeServing
from tests.support.serving import serving, write_version

PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class Lab:
    """A server, the folder of its models, and its time."""

    server: Serving | FakeServing
    folder: Path
    pass_time: Callable[[float], None] | None  # None: time passes by itself

    def write(self, version: int, *, model: str = "m", **script: object) -> Path:
        """Put a version on disk."""
        base = self.folder / model
        base.mkdir(exist_ok=True)
        return write_version(base, version, script)  # type: ignore[arg-type]  # scripts are JSON

    def config(self, entries: Mapping[str, Entry]) -> ModelServerConfig:
        """Make a config of these models in the folder."""
        named = {ModelName(name): entry for name, entry in entries.items()}
        return render.message(render.models(named, lambda name, _: self.folder / name).done)

    def begin(self, seconds: float = PATIENCE_SECONDS, **entries: Entry) -> "asyncio.Task[None]":
        """Send a reload, and do not wait."""
        return asyncio.ensure_future(self.server.reload(self.config(entries), seconds=seconds))

    async def reload(self, seconds: float = PATIENCE_SECONDS, **entries: Entry) -> None:
        """Send a reload and wait until it comes back."""
        task = self.begin(seconds, **entries)
        await self.until(task.done)
        await task

    async def status(self, version: int, *, model: str = "m") -> Status | None:
        """Ask for the status of a version."""
        return (await self.server.status(ModelName(model))).get(Version(version))

    async def until_state(self, version: int, state: State, *, model: str = "m") -> Status:
        """Wait until a version is in a state."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (status := await self.status(version, model=model)) is None or status.state is not state:
            assert time.monotonic() < deadline, f"version {version} is {status}, not {state.name}"
            await self._wait()
        return status

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline
            await self._wait()

    async def some_polls(self) -> None:
        """Wait for so long that what has not happened does not happen."""
        if self.pass_time:
            self.pass_time(2.5)
        else:
            await asyncio.sleep(2.5)

    async def _wait(self) -> None:
        if self.pass_time:
            self.pass_time(0.1)
        await asyncio.sleep(0 if self.pass_time else 0.02)


@pytest.fixture(params=["in memory", "child process"])
async def lab(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Lab]:
    folder = tmp_path / "models"
    folder.mkdir()
    if request.param == "in memory":
        fake = FakeServing()
        yield Lab(fake, folder, fake.advance)
        return
    flags = ("--num_load_threads=2", "--num_unload_threads=1", "--max_num_load_retries=0")
    with serving(tmp_path, *flags) as child:
        client = Serving(child.address)
        watch = asyncio.ensure_future(client.watch(lambda: None))
        yield Lab(client, folder, None)
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch
        await client.close()
