"""One version's trouble is one version's trouble (issue 10): whatever fails while one is looked after, others go on."""

import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import pytest

from configurator.serving.applied_config import Entry, Key
from configurator.versions.disk import Disk, Folder
from events.desired import Policy
from events.names import ModelName, Version
from events.status import ServedStage
from service.layout import Quarantine
from tests.support.configurator import Bench, write_sample

BAD, GOOD, GONE = "bad", "good", "gone"
STEPS = ("_folder", "path", "fingerprint", "quarantine", "release", "remove", "remove_folder", "hold", "clear")
FAULTS = (RuntimeError, OverflowError, RecursionError, PermissionError)


class Cursed(Disk):
    """A disk on which one step fails for one model."""

    step = ""
    fault: type[Exception] = FAULTS[0]

    def _check(self, step: str, model: str) -> None:
        if step == self.step and model == BAD:
            raise self.fault(13, "no")

    def _folder(self, name: ModelName) -> Folder:
        self._check("_folder", name)
        return super()._folder(name)

    def path(self, key: Key) -> Path:
        self._check("path", key[0])
        return super().path(key)

    def fingerprint(self, key: Key) -> str | None:
        self._check("fingerprint", key[0])
        return super().fingerprint(key)

    def quarantine(self, record: Quarantine) -> None:
        self._check("quarantine", record.model)
        super().quarantine(record)

    def release(self, key: Key) -> None:
        self._check("release", key[0])
        super().release(key)

    def remove(self, key: Key) -> None:
        self._check("remove", key[0])
        super().remove(key)

    def remove_folder(self, model: ModelName) -> None:
        self._check("remove_folder", model)
        super().remove_folder(model)

    def hold(self, model: ModelName, entry: Entry) -> Path:
        self._check("hold", model)
        return super().hold(model, entry)

    def clear(self, key: Key) -> None:
        self._check("clear", key[0])
        super().clear(key)

    def let_go(self, models: Iterable[ModelName]) -> None:
        for model in models:
            self._check("let_go", model)
            super().let_go([model])


def cursed(step: str, fault: type[Exception]) -> type[Disk]:
    return type("CursedDisk", (Cursed,), {"step": step, "fault": fault})


async def everything_happens(bench: Bench) -> None:
    """Uploads, a failing sample, a retry, a removal: to three models, of which one is cursed. The others are served."""
    for model in (BAD, GOOD, GONE):
        bench.publish(1, model=model)
    await bench.until(lambda: all(bench.serves_only(1, model) for model in (GOOD, GONE)))
    write_sample(bench.publish(2, model=BAD), [-1.0, -1.0])
    bench.publish(2, model=GOOD)
    (bench.layout.models_dir / BAD / "9").mkdir(parents=True, exist_ok=True)
    bench.want(Policy(removed=True), model=GONE)
    await bench.until(lambda: bench.serves_only(2, GOOD) and not bench.on_disk(GONE))
    bench.want(Policy(retry={Version(2): "again"}), model=BAD)
    bench.publish(3, model=GOOD)
    await bench.until(partial(bench.serves_only, 3, GOOD))
    bench.want(Policy(removed=True), model=BAD)
    bench.publish(4, model=GOOD)
    await bench.until(partial(bench.serves_only, 4, GOOD))


@pytest.mark.parametrize(
    "fault",
    FAULTS,
)
@pytest.mark.parametrize("step", STEPS)
async def test_a_fault_at_any_step_of_one_version_holds_up_no_other(
    tmp_path: Path, step: str, fault: type[Exception]
) -> None:
    """Looking, testing, judging, rendering, removing: the pass goes on, and says whose trouble it is."""
    async with Bench(tmp_path, disk_kind=cursed(step, fault), poll_seconds=1.0, grace_seconds=0.0) as bench:
        await everything_happens(bench)
        assert GOOD in bench.report()
        await bench.until(lambda: not bench.report()[ModelName(GOOD)].difference)


class CursedPolicy(Policy):
    """What is wanted of a model, as a bug would have it: unreadable from some moment on."""

    def __getattribute__(self, name: str) -> object:
        if name in Policy.model_fields:
            READS[0] += 1
            if READS[0] >= READS[1]:
                raise RuntimeError(f"no {name}")
        return super().__getattribute__(name)


READS = [0, 0]  # so far, and from which one on they fail


@pytest.mark.parametrize("first", [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377])
async def test_a_bug_wherever_a_policy_is_read_holds_up_no_other(tmp_path: Path, first: int) -> None:
    """Every pure step reads it; from some read on it fails for one model, and the others are served all the same."""
    READS[:] = [0, 10**9]
    async with Bench(tmp_path, poll_seconds=1.0, grace_seconds=0.0) as bench:
        for model in (BAD, GOOD):
            bench.publish(1, model=model)
        await bench.until(lambda: all(bench.serves_only(1, model) for model in (BAD, GOOD)))
        READS[:] = [0, first]
        bench.want(CursedPolicy(), model=BAD)
        for version in (2, 3):
            bench.publish(version, model=BAD)
            bench.publish(version, model=GOOD)
            await bench.until(partial(bench.serves_only, version, GOOD))
        assert READS[0] >= first
        assert bench.available(BAD), "what is served goes on, whatever cannot be read"
        assert any(problem.startswith(f"{BAD}: ") and "a bug" in problem for problem in bench.outcome.problems)


def write_raw_sample(version: Path, text: str) -> None:
    (version / "assets.extra" / "smoke.json").write_text(text)


def huge(number: str) -> str:
    return f'{{"instances": {{"x": [{number}, 2.0]}}, "outputs": {{"y": [2.5, 3.0]}}}}'


DEEP = json.dumps({"instances": {"x": 1}, "outputs": {"y": 1}}).replace("1}", "[" * 500 + "]" * 500 + "}", 1)


@pytest.mark.parametrize(
    "sample",
    [huge("1" + "0" * 400), huge("1e300"), huge("-1e39"), DEEP],
    ids=["401 digits", "1e300", "-1e39", "deep"],
)
async def test_a_sample_that_fits_no_tensor_is_that_versions_problem(tmp_path: Path, sample: str) -> None:
    """Numbers that do not fit the type put the version into quarantine; the model before it and others go on."""
    async with Bench(tmp_path, poll_seconds=1.0) as bench:
        bench.publish(1, model=BAD)
        bench.publish(1, model=GOOD)
        await bench.until(lambda: all(bench.serves_only(1, model) for model in (BAD, GOOD)))
        write_raw_sample(bench.publish(2, model=BAD), sample)
        bench.publish(2, model=GOOD)
        await bench.until(lambda: bench.serves_only(2, GOOD) and bench.serves_only(1, BAD))
        await bench.until(lambda: bench.state(2, BAD).state is ServedStage.QUARANTINED)
        assert "smoke.json" in bench.state(2, BAD).reason


async def test_a_model_whose_test_does_not_end_well_can_be_removed(tmp_path: Path) -> None:
    """Removal comes before testing, and needs no test."""
    tested: list[Key] = []

    class Watched(Disk):
        def path(self, key: Key) -> Path:
            tested.append(key)
            raise RuntimeError("no test ends")

    async with Bench(tmp_path, disk_kind=Watched, poll_seconds=1.0, grace_seconds=0.0) as bench:
        bench.publish(1)
        await bench.until(lambda: tested)
        bench.want(Policy(removed=True))
        await bench.until(lambda: not bench.available() and not bench.on_disk())


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_folder_that_cannot_be_looked_at_unloads_nothing(tmp_path: Path, is_there: bool) -> None:
    """Also a configurator that begins anew, and never saw the folder, leaves what is served."""
    failing: list[bool] = [False]

    class Blind(Disk):
        def _folder(self, name: ModelName) -> Folder:
            if failing[0] and name == BAD:
                raise PermissionError(13, "no")
            return super()._folder(name)

    async with Bench(tmp_path, disk_kind=Blind, poll_seconds=1.0) as bench:
        bench.publish(1, model=BAD)
        await bench.until(partial(bench.serves_only, 1, BAD))
        failing[0] = True
        if not is_there:
            await bench.restart()
        bench.publish(1, model=GOOD)
        await bench.until(partial(bench.serves_only, 1, GOOD))
        await bench.run(5.0)
        assert bench.available(BAD) == {1}
        assert "a bug" in bench.report()[ModelName(BAD)].difference
