"""Death at any step of reload and removal; the next start heals it.

A process that dies after one step leaves what one leaves that dies before the next, so one of them is tried.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

from configurator.serving.applied_config import Key
from configurator.versions.confirmed_versions import Good
from configurator.versions.disk import Disk
from events.desired import Policy
from events.names import ModelName, Version
from service.layout import Layout, Quarantine
from tests.support.configurator import MODEL, Bench


class Killed(BaseException):
    """The process is gone."""


class DyingDisk(Disk):
    """A disk whose process dies before the n-th step that changes it or that precedes a reload."""

    left = 0

    def quarantine(self, record: Quarantine) -> None:
        self._step(lambda: super(DyingDisk, self).quarantine(record))

    def release(self, key: Key) -> None:
        self._step(lambda: super(DyingDisk, self).release(key))

    def write_good(self, good: Good) -> None:
        self._step(lambda: super(DyingDisk, self).write_good(good))

    def write_config(self, startable: Good, others: tuple[ModelConfig, ...] = ()) -> bool:
        self._step(lambda: super(DyingDisk, self).write_config(startable, others))
        return True

    def remove(self, key: Key) -> None:
        self._step(lambda: super(DyingDisk, self).remove(key))

    def missing(self, keys: Iterable[Key]) -> list[Key]:
        """The last thing that is done before a reload is sent."""
        found: list[Key] = []
        self._step(lambda: found.extend(super(DyingDisk, self).missing(keys)))
        return found

    def _step(self, step: Callable[[], object]) -> None:
        type(self).left -= 1
        if type(self).left == 0:
            raise Killed
        step()


def mortal(steps: int) -> type[DyingDisk]:
    """Make a kind of disk that dies at a step, once."""
    return type("Mortal", (DyingDisk,), {"left": steps})


async def live(bench: Bench) -> bool:
    """Go through publish, swap, failure, rollback and removal, dying at a step; tell whether that happened."""
    deaths = 0
    is_served = False

    async def until(done: Callable[[], bool]) -> None:
        nonlocal deaths
        for _ in range(2000):
            if done():
                return
            try:
                await bench.step()
            except Killed:
                deaths += 1
                await bench.restart()
            assert bench.available() or not is_served, "what served goes on serving"
        raise AssertionError(f"never true: {bench.words()}")

    bench.publish(1)
    await until(partial(bench.serves_only, 1))
    is_served = True
    bench.publish(2)
    await until(partial(bench.serves_only, 2))
    bench.publish(3, fail={"code": "DATA_LOSS", "message": "bytes are gone"})
    await until(lambda: bench.on_disk() == {2})
    assert bench.available() == {2}
    is_served = False
    bench.want(Policy(removed=True))
    await until(lambda: not bench.on_disk() and not bench.available())
    assert bench.file() == {}
    return deaths == 1


@pytest.mark.parametrize("step", range(1, 17))
async def test_death_at_any_step_is_healed(tmp_path: Path, step: int) -> None:
    """The whole life of a model ends the same, and it is served throughout."""
    kind = mortal(step)
    async with Bench(tmp_path, disk_kind=kind, grace_seconds=1.0, retention=0) as bench:
        assert await live(bench)


async def test_there_are_no_more_steps(tmp_path: Path) -> None:
    """The steps above are all there are."""
    kind = mortal(10_000)
    async with Bench(tmp_path, disk_kind=kind, grace_seconds=1.0, retention=0) as bench:
        assert not await live(bench)
        assert 10_000 - kind.left == 16


async def test_death_between_the_steps_of_a_removal_is_healed(tmp_path: Path) -> None:
    """A version in the trash, its receipt still there: the trash is swept, and the version can be published again."""
    layout = Layout(tmp_path)
    async with Bench(tmp_path) as bench:
        bench.publish(1)
        layout.trash.mkdir(parents=True)
        layout.version(MODEL, Version(1)).rename(layout.trash / "m.1.x")
        await bench.restart()
        await bench.run(2.0)
        assert not any(layout.trash.iterdir())
        bench.publish(1)
        await bench.until(lambda: bench.available() == {1})


async def test_a_reload_left_behind_by_the_dead_is_waited_for(tmp_path: Path) -> None:
    """The server goes on with the reload of a client that died; the next one queues behind it and goes on."""
    async with Bench(tmp_path) as bench:
        bench.publish(1, load_seconds=20.0)
        await bench.until(lambda: bench.serving.is_stuck)
        await bench.restart()
        await bench.until(partial(bench.serves_only, 1))
        assert "version.quarantined" not in bench.types()


async def test_an_older_config_file_never_names_what_is_gone(tmp_path: Path) -> None:
    """A file from an earlier life is cut down to what is on disk before anything is removed."""
    async with Bench(tmp_path, grace_seconds=0.0, retention=0) as bench:
        for version in (1, 2, 3):
            bench.publish(version)
            await bench.until(partial(bench.serves_only, version))
        await bench.until(lambda: bench.on_disk() == {3})
        assert bench.file() == {ModelName("m"): {3}}
        assert isinstance(bench.serving.reloads[-1], ModelServerConfig)
