"""TensorFlow Serving at something that takes long, or for ever: nothing is taken for failed or stuck meanwhile."""

from pathlib import Path

import pytest

from configurator import status
from configurator.activity import lasting
from events.desired import Policy
from events.messages import LoadEndless, VersionQuarantined
from events.names import ModelName, Version
from tests.support.configurator import Bench

FAILS = {"code": "DATA_LOSS", "message": "bytes are gone", "times": 1}
OTHER = "other"
AGE = " for more than"


async def hold(bench: Bench) -> None:
    """Have a request begin, and a version of another model wait for its end."""
    bench.serving.hold_requests(is_held=True)
    bench.publish(2, model=OTHER)
    await bench.run(3.0)
    assert bench.available(OTHER) == {1}


async def test_a_version_asked_for_while_a_request_holds_all_up_is_not_said_to_be_lost(tmp_path: Path) -> None:
    """The version that waits for the request is named, and nobody is told to restart anything."""
    async with Bench(tmp_path) as bench:
        bench.publish(1, model=OTHER)
        await bench.serve(1)
        await hold(bench)
        bench.publish(2)
        await bench.run(60.0)
        assert "has not begun to load it" in bench.words()
        assert f"loading version 2 of model {OTHER}{AGE} 1 minute" in bench.words()
        assert "restart" not in bench.words()
        assert "file_system_poll" not in bench.words()
        bench.serving.hold_requests(is_held=False)
        await bench.until(lambda: bench.serves_only(2) and bench.serves_only(2, OTHER))


async def test_a_new_model_introduced_while_a_request_holds_all_up_is_not_stuck(tmp_path: Path) -> None:
    """Its folder is left alone, and its reload comes back."""
    async with Bench(tmp_path) as bench:
        bench.publish(1, model=OTHER)
        await bench.serve(1)
        await hold(bench)
        bench.publish(1, model="new")
        await bench.run(60.0)
        assert not any("restart" in problem for problem in bench.outcome.problems)
        assert bench.on_disk("new") == {1}
        bench.serving.hold_requests(is_held=False)
        await bench.until(lambda: bench.serves_only(1, "new"))


async def test_a_retry_is_not_lost_while_a_request_holds_all_up(tmp_path: Path) -> None:
    """The version is dropped and named again only once TensorFlow Serving can take note of both."""
    async with Bench(tmp_path, grace_seconds=600.0) as bench:
        bench.publish(1, model=OTHER)
        await bench.serve(1)
        bench.serving.hold_requests(is_held=False)
        bench.publish(2, fail=FAILS)
        bench.publish(2, model=OTHER, load_seconds=1.0)
        await bench.until(lambda: "in quarantine" in bench.words())
        bench.serving.hold_requests(is_held=True)
        bench.want(Policy(retry={Version(2): "please"}))
        await bench.run(30.0)
        bench.serving.hold_requests(is_held=False)
        await bench.until(lambda: bench.serves_only(2))
        assert len([event for event in bench.events if isinstance(event, VersionQuarantined)]) == 1


async def test_an_unload_that_waits_for_a_request_is_named(tmp_path: Path) -> None:
    """It holds up loads as well."""
    async with Bench(tmp_path) as bench:
        bench.publish(1, model=OTHER)
        await bench.serve(1)
        bench.want(Policy(removed=True), model=OTHER)
        await bench.until(lambda: bench.available(OTHER) == set())
        bench.serving.hold_requests(is_held=True)
        bench.publish(2)
        await bench.run(30.0)
        assert "restart" not in bench.words()


async def test_versions_that_wait_for_a_load_thread_that_is_lost_are_told_so(tmp_path: Path) -> None:
    """All load threads hang: what waits says for what, since when, and what helps; it is not on its way any more."""
    async with Bench(tmp_path, load_seconds=20.0) as bench:
        await bench.serve(1)
        for name in ("a", "b"):
            bench.publish(1, model=name)
            await bench.until(lambda name=name: bench.serves_only(1, name))  # type: ignore[misc]  # a default binds it
            bench.publish(2, model=name, hang=True, ignore_cancel=True)
        await bench.until(lambda: "in quarantine" in bench.words("a") and "in quarantine" in bench.words("b"))
        bench.publish(2)
        await bench.run(40.0)
        assert (
            "version 2 waits for a load thread: TensorFlow Serving has been loading version 2 of model a"
            in bench.words()
        )
        assert f"{AGE} 1 minute" in bench.words()
        assert "restart it" in bench.words()
        assert any(problem.startswith("m: version 2 waits") for problem in bench.outcome.problems)
        assert any("cannot stop that" in problem for problem in bench.outcome.problems)
        assert bench.available() == {1}
        bench.serving.start(bench.settings.config_file)
        await bench.until(lambda: bench.serves_only(2))


async def test_every_model_that_waits_names_the_new_model_that_holds_the_lock(tmp_path: Path) -> None:
    """And for how long it has."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.publish(1, model="a", hang=True, ignore_cancel=True)
        await bench.until(lambda: bench.serving.is_stuck)
        bench.publish(2)
        bench.publish(1, model="z")
        await bench.run(70.0)
        lock = status.reload_lock(bench.reconciler.view, bench.ages)
        assert lock
        assert lock.models == ("a",)
        assert 69.0 < (bench.ages.clock() - lock.since).total_seconds() < 75.0
        for name, version in (("m", 2), ("z", 1)):
            words = bench.words(name)
            assert words.startswith(f"version {version} waits for its turn: TensorFlow Serving is busy with model a"), (
                words
            )
            assert f"{AGE} 1 minute" in words


async def test_a_load_that_never_ends_is_an_event_and_named_by_all_that_waits(tmp_path: Path) -> None:
    """Once for each version, and after it was given up."""
    async with Bench(tmp_path, load_seconds=20.0) as bench:
        await bench.serve(1)
        bench.publish(1, model="a", hang=True, ignore_cancel=True)
        await bench.until(lambda: "version.quarantined" in bench.types())
        bench.publish(2)
        await bench.run(60.0)
        (told,) = (event for event in bench.events if isinstance(event, LoadEndless))
        assert (told.model, told.version) == ("a", 1)
        assert "restart it to get its load thread back" in told.reason
        assert bench.types().index("version.quarantined") < bench.types().index("load.endless")
        assert "version 2 waits for TensorFlow Serving, whose last reload is stuck" in bench.words()
        assert f"at model a{AGE} 1 minute" in bench.words()
        bench.serving.start(bench.settings.config_file)
        await bench.until(lambda: bench.serves_only(2))
        assert status.reload_lock(bench.reconciler.view, bench.ages) is None


async def test_removing_a_new_model_that_holds_the_lock_sets_it_free_at_once(tmp_path: Path) -> None:
    """Where its load can be stopped; no patience is waited for."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.publish(1, model="a", hang=True)
        await bench.until(lambda: bench.serving.is_stuck)
        bench.publish(2)
        bench.want(Policy(removed=True), model="a")
        await bench.until(lambda: bench.serves_only(2), seconds=10.0)
        assert bench.on_disk("a") == set()


@pytest.mark.parametrize("restarts", [(), ("before",), ("after",), ("before", "after")])
async def test_removing_a_new_model_whose_load_has_begun_stops_it(tmp_path: Path, restarts: tuple[str, ...]) -> None:
    """Whether the configurator that removes it is the one that introduced it, or began since."""
    async with Bench(tmp_path, load_seconds=20.0, reload_seconds=30.0) as bench:
        bench.serving.start()
        bench.publish(3, model="a", hang=True)
        await bench.run(3.2)
        assert bench.serving.is_stuck
        if "before" in restarts:
            await bench.restart()
        bench.want(Policy(removed=True, paused=True), model="a")
        await bench.run(0.1)
        if "after" in restarts:
            await bench.restart()
        await bench.until(lambda: not bench.layout.version(ModelName("a"), Version(3)).exists(), seconds=120.0)
        bench.publish(1)
        await bench.until(lambda: bench.serves_only(1))


async def test_removing_a_new_model_whose_load_cannot_be_stopped_asks_for_a_restart_in_time(tmp_path: Path) -> None:
    """A load that has begun may still end; once it was given up, only a restart helps, and a restart heals all."""
    async with Bench(tmp_path, load_seconds=30.0) as bench:
        await bench.serve(1)
        bench.publish(1, model="a", hang=True, ignore_cancel=True)
        await bench.until(lambda: bench.serving.is_stuck)
        bench.want(Policy(removed=True), model="a")
        bench.publish(2)
        await bench.run(5.0)
        assert not any("restart" in problem for problem in bench.outcome.problems)
        bench.serving.start(bench.settings.config_file)
        await bench.until(lambda: bench.serves_only(2))


@pytest.mark.parametrize(("new_seconds", "seconds"), [(10.0, 15.0), (None, 50.0)])
async def test_a_new_model_may_get_less_patience_than_an_update(
    tmp_path: Path, new_seconds: float | None, seconds: float
) -> None:
    """The lock is held meanwhile."""
    async with Bench(tmp_path, load_seconds=40.0, new_load_seconds=new_seconds) as bench:
        await bench.serve(1)
        bench.publish(1, model="a", hang=True)
        bench.publish(2, hang=True)
        await bench.until(lambda: bench.words("a").startswith("version 1 is being loaded"))
        await bench.until(lambda: bench.on_disk("a") == set(), seconds=seconds)
        is_update_given_up = any(event.model == "m" for event in bench.events if isinstance(event, VersionQuarantined))
        assert is_update_given_up == (new_seconds is None)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (3.0, ""),
        (15.0, f"{AGE} 15 seconds"),
        (59.0, f"{AGE} 30 seconds"),
        (60.0, f"{AGE} 1 minute"),
        (700.0, f"{AGE} 10 minutes"),
        (3600.0, f"{AGE} 1 hour"),
        (3 * 3600.0 + 1, f"{AGE} 3 hours"),
    ],
)
def test_ages_are_told_in_steps(seconds: float, words: str) -> None:
    """So that a report does not change with every second."""
    assert lasting(seconds) == words
