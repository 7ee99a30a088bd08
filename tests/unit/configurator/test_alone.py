"""An exception at any step that handles one version or model hurts that one alone: the others are served on."""

import asyncio
import logging
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from functools import partial
from pathlib import Path

import pytest
from tensorflow.core.framework.tensor_pb2 import TensorProto

from configurator.serving.applied_config import Entry, Key
from configurator.serving.states import Status
from configurator.versions.disk import Disk, Folder
from events.desired import Pinned, Policy
from events.names import ModelName, Version
from service.layout import Quarantine
from tests.fakes.serving import FakeServing
from tests.support.configurator import Bench, write_sample

BAD, GOOD = ModelName("bad"), ModelName("good")
ARMED: ContextVar[str] = ContextVar("armed", default="")  # the step that fails for the model `bad`


class Injected(RuntimeError):
    """What nobody has thought of."""


def fail(step: str, model: object) -> None:
    """Fail if this is the step and the model."""
    if ARMED.get() == step and model == BAD:
        raise Injected(step)


class FailingDisk(Disk):
    """A disk on which a step fails for one model."""

    def _folder(self, name: ModelName) -> Folder:
        fail("look", name)
        return super()._folder(name)

    def path(self, key: Key) -> Path:
        fail("test", key[0])
        return super().path(key)

    def hold(self, model: ModelName, entry: Entry) -> Path:
        fail("render", model)
        return super().hold(model, entry)

    def missing(self, keys: object) -> list[Key]:
        chosen = list(keys) if isinstance(keys, list) else []
        for key in chosen:
            fail("find", key[0])
        return super().missing(chosen)

    def quarantine(self, record: Quarantine) -> None:
        fail("quarantine", record.model)
        super().quarantine(record)

    def release(self, key: Key) -> None:
        fail("release", key[0])
        super().release(key)

    def remove(self, key: Key) -> None:
        fail("remove", key[0])
        super().remove(key)

    def clear(self, key: Key) -> None:
        fail("tidy", key[0])
        super().clear(key)


class FailingServing(FakeServing):
    """A TensorFlow Serving whose answers about one model cannot be understood."""

    async def status(self, model: str) -> dict[Version, Status]:
        fail("status", model)
        return await super().status(model)

    async def label(self, model: ModelName, label: str) -> Version | None:
        fail("labels", model)
        return await super().label(model, label)

    async def inputs(self, key: Key, signature: str) -> dict[str, int] | None:
        fail("inputs", key[0])
        return await super().inputs(key, signature)

    async def predict(
        self, key: Key, signature: str, *, inputs: Mapping[str, TensorProto], outputs: list[str], seconds: float
    ) -> dict[str, TensorProto]:
        fail("predict", key[0])
        return await super().predict(key, signature, inputs=inputs, outputs=outputs, seconds=seconds)


class FailingPolicy(Policy):
    """A model's policy that cannot be read by one function."""

    def __getattribute__(self, name: str) -> object:
        step = ARMED.get()
        if step and name in {"want", "removed", "paused", "labels", "retention", "refused", "retry"}:
            frame = sys._getframe(1)
            while frame.f_back is not None:
                frame = frame.f_back
                module, function = Path(frame.f_code.co_filename).stem, frame.f_code.co_name
                if f"{module}.{function}" == step and "configurator" in frame.f_code.co_filename:
                    raise Injected(step)
        return super().__getattribute__(name)


def bench_of(folder: Path) -> Bench:
    """Return a bench where steps can fail."""
    bench = Bench(folder, disk_kind=FailingDisk, grace_seconds=1.0, retention=0)
    bench.serving = FailingServing()
    bench.begin()
    return bench


async def live(bench: Bench, *, policy: type[Policy] = Policy) -> None:
    """Both models go through updates, labels, a refused version, a hollow folder and removals; the good one must."""
    for version in (1, 2):
        for model in (BAD, GOOD):
            write_sample(bench.publish(version, model=model), [2.5, 3.0])
        await bench.until(partial(bench.serves_only, version, GOOD), seconds=30)
    for model in (BAD, GOOD):
        bench.publish(3, model=model, fail={"code": "DATA_LOSS", "message": "bytes are gone"})
        bench.want((policy if model == BAD else Policy)(labels={"stable": Version(2)}), model=model)
    (bench.layout.model(BAD) / "7").mkdir(exist_ok=True)
    await bench.until(lambda: bench.on_disk(GOOD) == {2}, seconds=30)
    bench.serving.start(bench.settings.config_file)
    await bench.until(lambda: bench.serves_only(2, GOOD) and bench.report()[GOOD].labels, seconds=30)
    bench.want(policy(retry={Version(2): "again"}), model=BAD)
    bench.want(Policy(), model=GOOD)
    bench.publish(4, model=GOOD)
    await bench.until(lambda: bench.serves_only(4, GOOD), seconds=30)
    await bench.run(2.0)


STEPS = [
    *("look", "test", "render", "find", "quarantine", "release"),
    *("remove", "tidy", "status", "labels", "inputs", "predict"),
]
READERS = [
    *("plan._settle", "plan.target", "plan._versions", "judge._judge_one", "judge._is_wanted_again", "retention._idle"),
    *("explain.difference", "status._model", "clean._tidy", "observe._labels", "court._quarantine", "good._good"),
]


@pytest.mark.parametrize("step", STEPS)
async def test_a_step_that_fails_for_one_model_leaves_the_others_served(tmp_path: Path, step: str) -> None:
    """From its first version on, through everything that can happen to a model."""
    ARMED.set(step)
    async with bench_of(tmp_path) as bench:
        await live(bench)
        assert bench.is_connected()
        ARMED.set("")
        await bench.until(lambda: bench.available(GOOD) == {4})


@pytest.mark.parametrize("step", READERS)
async def test_a_decision_that_fails_for_one_model_leaves_the_others_served(tmp_path: Path, step: str) -> None:
    """Also what is pure fails for one alone."""
    async with bench_of(tmp_path) as bench:
        bench.want(FailingPolicy(), model=BAD)
        ARMED.set(step)
        await live(bench, policy=FailingPolicy)
        assert bench.available(GOOD) == {4}
        assert not bench.report()[GOOD].difference


@pytest.mark.parametrize("step", ["look", "status", "plan._settle", "retention._idle", "explain.difference"])
async def test_what_serves_goes_on_while_a_step_fails_for_it(tmp_path: Path, step: str) -> None:
    """The model is left as it is, and the reason stands where operators look."""
    async with bench_of(tmp_path) as bench:
        bench.want(FailingPolicy(), model=BAD)
        for model in (BAD, GOOD):
            bench.publish(1, model=model)
        await bench.until(lambda: bench.serves_only(1, BAD) and bench.serves_only(1, GOOD))
        ARMED.set(step)
        bench.publish(2, model=GOOD)
        await bench.until(lambda: bench.serves_only(2, GOOD))
        await bench.run(10.0)
        assert bench.available(BAD) == {1}
        assert f"a bug: Injected: {step}" in bench.words(BAD)
        ARMED.set("")
        await bench.until(lambda: not bench.words(BAD))


@pytest.mark.parametrize("step", ["status", "labels"])
async def test_a_restart_unloads_nothing_that_cannot_be_read(tmp_path: Path, step: str) -> None:
    """A configurator that remembers nothing names again what was good, and the labels that were wanted."""
    async with bench_of(tmp_path) as bench:
        bench.want(Policy(labels={"stable": Version(1)}), model=BAD)
        for model in (BAD, GOOD):
            bench.publish(1, model=model)
        await bench.until(lambda: bench.report().get(BAD) and bench.report()[BAD].labels)
        ARMED.set(step)
        await bench.restart()
        bench.publish(2, model=GOOD)
        await bench.until(lambda: bench.serves_only(2, GOOD))
        await bench.run(10.0)
        assert bench.available(BAD) == {1}
        assert await FakeServing.label(bench.serving, BAD, "stable") == 1


async def test_a_version_whose_test_throws_is_quarantined_with_the_bug(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with its traceback in the log; the version before it serves on."""
    async with bench_of(tmp_path) as bench:
        bench.publish(1, model=BAD)
        await bench.until(lambda: bench.serves_only(1, BAD))
        ARMED.set("test")
        with caplog.at_level(logging.ERROR):
            bench.publish(2, model=BAD)
            await bench.until(lambda: "version.quarantined" in bench.types())
            assert "a bug: Injected: test" in bench.words(BAD)
            await bench.run(5.0)
        assert bench.serves_only(1, BAD)
        assert len([one for one in caplog.records if one.exc_info]) == 1


async def test_a_model_whose_test_throws_can_be_removed(tmp_path: Path) -> None:
    """Removal needs no test."""
    async with bench_of(tmp_path) as bench:
        ARMED.set("test")
        bench.publish(1, model=BAD)
        await bench.until(lambda: bench.available(BAD))
        bench.want(Policy(removed=True), model=BAD)
        await bench.until(lambda: not bench.on_disk(BAD) and not bench.available(BAD))


async def test_a_removal_does_not_wait_for_the_test_of_another_model(tmp_path: Path) -> None:
    """The reload without the model is sent although the other does not answer its sample yet."""
    async with bench_of(tmp_path) as bench:
        bench.publish(1, model=BAD)
        await bench.until(lambda: bench.serves_only(1, BAD))
        write_sample(bench.publish(1, model=GOOD), [2.5, 3.0])
        await bench.until(lambda: bench.serving.available(GOOD))
        bench.want(Policy(removed=True), model=BAD)
        before = len(bench.serving.reloads)
        bench.dependencies.health_checks._predicts = Silent()
        turn = asyncio.ensure_future(bench.turn())
        for _ in range(10_000):
            await asyncio.sleep(0.001)
            if len(bench.serving.reloads) > before:
                break
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)
        sent = bench.serving.reloads[-1].model_config_list.config
        assert [model.name for model in sent] == [GOOD]


class Silent:
    """Nobody answers, and nobody says so."""

    async def inputs(self, key: Key, signature: str) -> dict[str, int] | None:
        await asyncio.Event().wait()
        return None

    async def predict(
        self, key: Key, signature: str, *, inputs: Mapping[str, TensorProto], outputs: list[str], seconds: float
    ) -> dict[str, TensorProto]:
        raise NotImplementedError


async def test_cancellation_is_never_a_version_s_trouble(tmp_path: Path) -> None:
    """A service that is stopped in the middle of a test stops."""
    async with bench_of(tmp_path) as bench:
        bench.dependencies.health_checks._predicts = Silent()
        write_sample(bench.publish(1, model=GOOD), [2.5, 3.0])
        bench.serving.advance(0.1)
        running = asyncio.ensure_future(bench.run(5.0))
        for _ in range(200):
            await asyncio.sleep(0.001)
            if bench.serving.available(GOOD):
                break
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert "version.quarantined" not in bench.types()


async def test_a_pinned_version_that_is_bad_is_told_beside_what_serves(tmp_path: Path) -> None:
    """The operator sees which version it is."""
    async with bench_of(tmp_path) as bench:
        bench.publish(1, model=BAD)
        await bench.until(lambda: bench.serves_only(1, BAD))
        ARMED.set("test")
        bench.publish(2, model=BAD)
        bench.want(Policy(want=Pinned(versions=(Version(2),))), model=BAD)
        await bench.until(lambda: "version 2" in bench.words(BAD) and "a bug" in bench.words(BAD))
        await bench.until(lambda: bench.available(BAD) == {1})
