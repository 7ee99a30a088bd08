"""A configurator's pass on a real disk and a TensorFlow Serving in memory, on a clock that the test turns."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType

from configurator import explain, status
from configurator.app import ProcessDependencies, wire
from configurator.reconcile import Reconciler
from configurator.serving import render
from configurator.settings import ConfiguratorSettings
from configurator.versions.disk import Disk
from events.desired import Desired, DesiredState, Policy
from events.messages import Event
from events.names import FileName, ModelName, NodeName, Version
from events.status import ServedModel, ServedVersion
from service.errors import Transient
from service.layout import FileRecord, Layout, Receipt
from service.loop import Outcome
from tests.fakes.serving import FakeServing

NODE = NodeName("n1")
STEP_SECONDS = 0.1
EPOCH = datetime(2030, 1, 1, tzinfo=UTC)
MODEL = ModelName("m")


def publish(
    layout: Layout, model: ModelName, version: int, *, script: Mapping[str, object] | None = None, seed: int = 0
) -> Path:
    """Put a version on disk as the puller does: its receipt, then one rename. `seed` tells contents apart."""
    number = Version(version)
    record = FileRecord(name=FileName("saved_model.pb"), size=seed, crc32c=seed, generation=1)
    receipt = layout.receipt(model, number)
    receipt.parent.mkdir(parents=True, exist_ok=True)
    receipt.write_text(Receipt(model=model, version=number, staged=EPOCH, files=(record,)).model_dump_json())
    stage = layout.stage(model, number)
    (stage / "assets.extra").mkdir(parents=True)
    (stage / "saved_model.pb").write_bytes(b"a scripted version")
    (stage / "assets.extra" / "scripted.json").write_text(json.dumps(script or {}))
    layout.model(model).mkdir(exist_ok=True)
    return stage.rename(layout.version(model, number))


def write_sample(version: Path, outputs: list[float]) -> None:
    """Give a version a sample: it is fed 1 and 2."""
    sample = {"instances": {"x": [1.0, 2.0]}, "outputs": {"y": outputs}}
    (version / "assets.extra" / "smoke.json").write_text(json.dumps(sample))


class Bench(AbstractAsyncContextManager["Bench"]):
    """One configurator, its TensorFlow Serving and its disk."""

    def __init__(self, folder: Path, *, disk_kind: type[Disk] = Disk, **settings: object) -> None:
        self.disk_kind = disk_kind
        self.settings = ConfiguratorSettings.model_validate(
            {"node": NODE, "models_dir": folder, "reserve_mib": 0, **settings}
        )
        self.layout = Layout(folder)
        self.serving = FakeServing()
        self.policies: dict[ModelName, Policy] = {}
        self.revisions: dict[ModelName, int] = {}
        self.events: list[Event] = []
        self.was_unserved: list[str] = []
        self.rung = False
        self.publish_word: Callable[[bytes], None] = lambda _: None
        self.is_on_nats = False
        self.due = 0.0
        self.later = timedelta()  # by so much the wall clock went on while nothing else did
        self.outcome = Outcome()
        self.on_step: Callable[[], None] = lambda: None
        self.ages = status.Ages(lambda: EPOCH + timedelta(seconds=self.serving.now))
        self._jobs: list[asyncio.Task[None]] = []
        self.begin()

    def begin(self) -> None:
        """Make a configurator that remembers nothing, as a start of the process does."""
        process = ProcessDependencies(
            desired=lambda: DesiredState(
                NODE, {name: Desired(policy=one) for name, one in self.policies.items()}, self.revisions
            ),
            emit=self.events.append,
            wake=self._wake,
            publish=self.publish_word,
            is_connected=lambda: self.is_on_nats,
            clock=lambda: self.serving.now,
            time=lambda: EPOCH + timedelta(seconds=self.serving.now) + self.later,
        )
        disk = self.disk_kind(self.layout, self.settings.config_file)
        self.dependencies = wire(disk, self.settings, serving=self.serving, process=process)
        self.reconciler = Reconciler(self.dependencies, self.settings)
        self.due = self.serving.now

    async def __aenter__(self) -> "Bench":
        await self._start_jobs()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop_jobs()

    async def restart(self) -> None:
        """Kill the configurator and start another."""
        await self._stop_jobs()
        self.begin()
        await self._start_jobs()

    def publish(self, version: int, *, model: str = MODEL, seed: int = 0, **script: object) -> Path:
        """Put a version on disk, and tell the configurator."""
        self._wake()
        return publish(self.layout, ModelName(model), version, script=script, seed=seed)

    async def serve(self, *versions: int) -> None:
        """Publish versions one after the other, each served before the next."""
        for version in versions:
            self.publish(version)
            await self.until(partial(self.serves_only, version))

    def want(self, policy: Policy, *, model: str = MODEL) -> None:
        """Change desired state."""
        self.policies[ModelName(model)] = policy
        self._wake()

    async def turn(self) -> None:
        """Run one pass, as the loop does."""
        try:
            self.outcome = await self.reconciler.one_pass()
            self.due = self.serving.now + min(self.settings.poll_seconds, self.outcome.again_in_seconds or 1e9)
        except Transient:
            self.due = self.serving.now + 1.0
        for _ in range(10):
            await asyncio.sleep(0)

    async def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.serving.now + seconds
        while self.serving.now < end:
            await self.step()

    async def until(self, condition: Callable[[], object], *, seconds: float = 60.0) -> None:
        """Let time pass until something is true."""
        end = self.serving.now + seconds
        while not condition():
            assert self.serving.now < end, f"not true within {seconds:g} s: {self.words()}"
            await self.step()

    async def step(self) -> None:
        """Let a little time pass."""
        for _ in range(50):
            if not self.rung and self.due > self.serving.now:
                break
            self.rung = False
            await self.turn()
        self.serving.advance(STEP_SECONDS)
        for _ in range(5):
            await asyncio.sleep(0)
        self.on_step()

    def call(self, job: Coroutine[None, None, None]) -> None:
        """Run something beside the passes until the end."""
        self._jobs.append(asyncio.ensure_future(job))

    def words(self, model: str = MODEL) -> str:
        """Say why a model is not served as desired."""
        view = self.reconciler.view
        return explain.difference(view, ModelName(model)) if ModelName(model) in view.models else ""

    def available(self, model: str = MODEL) -> set[int]:
        """Tell what answers requests."""
        return self.serving.available(model)

    def available_models(self) -> set[str]:
        """Tell which models answer requests."""
        return {name for name in self.reconciler.view.models if self.available(name)}

    def file(self) -> dict[ModelName, frozenset[Version]]:
        """Read the file that TensorFlow Serving starts with."""
        return render.parse(self.settings.config_file.read_bytes(), self.layout.model)

    def on_disk(self, model: str = MODEL) -> set[int]:
        """List a model's versions on disk."""
        folder = self.layout.models_dir / model
        return {int(path.name) for path in folder.iterdir()} if folder.exists() else set()

    def state(self, version: int, model: str = MODEL) -> ServedVersion:
        """Return a version's line of the report."""
        lines = self.report()[ModelName(model)].versions
        return next(line for line in lines if line.version == version)

    def report(self) -> dict[ModelName, ServedModel]:
        """Make the report's part about models."""
        observer = self.dependencies.observer
        idle, troubles = self.dependencies.cleaner.idle, self.dependencies.troubles
        models = status.report(self.reconciler.view, observer.folders, idle=idle, ages=self.ages, troubles=troubles)
        return status.on_their_way(models, self.reconciler.moving)

    def serves_only(self, version: int, model: str = MODEL) -> bool:
        """Tell whether a version is confirmed and nothing else of its model is loaded."""
        found = self.reconciler.view.models.get(ModelName(model))
        return found is not None and found.good == {version} and self.available(model) == {version}

    def is_connected(self) -> bool:
        """Tell what the report says of TensorFlow Serving."""
        return self.dependencies.emitter.serving.is_connected

    def types(self) -> list[str]:
        """List the types of all events so far."""
        return [event.type for event in self.events]

    def _wake(self) -> None:
        self.rung = True

    async def _start_jobs(self) -> None:
        self._jobs = [
            asyncio.ensure_future(job()) for job in (self.dependencies.reloader.run, self.dependencies.sweeper.run)
        ]
        await self.serving.watch(self._wake)

    async def _stop_jobs(self) -> None:
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
