"""What is published is loaded, tested, confirmed or taken back."""

from pathlib import Path

import pytest

from events.desired import Policy
from events.messages import ReloadSent, VersionQuarantined, VersionServed
from events.names import ModelName, Version
from events.status import ServedStage
from tests.support.configurator import MODEL, Bench, write_sample

FAILS = {"code": "DATA_LOSS", "message": "bytes are gone"}


async def test_a_published_version_is_served(tmp_path: Path) -> None:
    """What appears on disk is loaded, confirmed, written down and told."""
    async with Bench(tmp_path) as bench:
        bench.publish(1)
        await bench.until(lambda: "version.served" in bench.types())
        assert bench.available() == {1}
        assert bench.types() == ["reload.sent", "version.available", "version.served"]
        assert bench.file() == {MODEL: {1}}
        assert bench.state(1).state is ServedStage.SERVING
        assert bench.words() == ""


async def test_the_first_start_leaves_a_file_that_makes_tensorflow_serving_watch(tmp_path: Path) -> None:
    """Without any model the file holds an empty list, which is not the same as an empty file (D1)."""
    async with Bench(tmp_path) as bench:
        await bench.turn()
        assert bench.settings.config_file.read_text() == "model_config_list {}\n"


async def test_a_newer_version_is_confirmed_before_the_older_one_goes(tmp_path: Path) -> None:
    """Both are served for a moment; the config never names none."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.publish(2)
        await bench.until(lambda: bench.available() == {1, 2})
        await bench.until(lambda: bench.available() == {2})
        sent = [event.versions for event in bench.events if isinstance(event, ReloadSent)]
        assert sent == [(1,), (1, 2), (2,)]
        assert bench.file() == {MODEL: {2}}


async def test_a_version_that_fails_to_load_is_quarantined_with_the_words_of_tensorflow_serving(tmp_path: Path) -> None:
    """The older one goes on serving and the config goes back to it."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.publish(2, fail=FAILS)
        await bench.until(lambda: "version.quarantined" in bench.types())
        await bench.run(1.0)
        (event,) = [event for event in bench.events if isinstance(event, VersionQuarantined)]
        assert event.reason == "TensorFlow Serving could not load it: DATA_LOSS: bytes are gone"
        assert bench.available() == {1}
        assert list(bench.serving.reloads[-1].model_config_list.config[0].model_version_policy.specific.versions) == [1]
        assert "version 2 is in quarantine" in bench.words()
        assert bench.state(2).state is ServedStage.QUARANTINED


async def test_a_new_model_that_fails_hides_nobody(tmp_path: Path) -> None:
    """Also where both are introduced by one reload, which TensorFlow Serving answers with an error."""
    async with Bench(tmp_path) as bench:
        bench.publish(1, model="a", fail=FAILS)
        bench.publish(1, model="b")
        await bench.until(lambda: bench.serves_only(1, "b"))
        assert bench.file() == {ModelName("b"): {1}}
        await bench.until(lambda: "in quarantine" in bench.words("a"))


async def test_a_new_model_that_hangs_among_many_hides_nobody(tmp_path: Path) -> None:
    """The reload does not come back, and all others serve, confirmed, meanwhile."""
    async with Bench(tmp_path, load_seconds=600.0) as bench:
        for name in ("a", "c", "d"):
            bench.publish(1, model=name)
        bench.publish(1, model="b", hang=True)
        await bench.until(lambda: all(bench.serves_only(1, name) for name in ("a", "c", "d")), seconds=10.0)
        assert bench.serving.is_stuck
        assert bench.file().keys() == {"a", "c", "d"}


async def test_a_new_model_that_ends_tensorflow_serving_among_many_is_alone_to_blame(tmp_path: Path) -> None:
    """After the first death those that may be to blame are introduced one by one."""
    async with Bench(tmp_path) as bench:
        for number in range(6):
            bench.publish(1, model=f"m{number}", load_seconds=0.3)
        bench.publish(1, model="killer", crash=True)

        def is_done() -> bool:
            if not bench.serving.is_running:
                bench.serving.start(bench.settings.config_file)
            return all(bench.serves_only(1, f"m{number}") for number in range(6)) and bool(bench.words("killer"))

        await bench.until(is_done, seconds=120.0)
        await bench.until(lambda: "went away 2 times" in bench.words("killer"))
        assert [event.model for event in bench.events if isinstance(event, VersionQuarantined)] == ["killer"]


@pytest.mark.parametrize(("slow", "killer"), [("a", "z"), ("z", "a")])
async def test_an_update_that_loads_beside_one_that_ends_tensorflow_serving_is_not_to_blame(
    tmp_path: Path, slow: str, killer: str
) -> None:
    """After the first death the updates that may be to blame are loaded one by one."""
    async with Bench(tmp_path) as bench:
        for name in (slow, killer):
            bench.publish(1, model=name)
        await bench.until(lambda: bench.serves_only(1, slow) and bench.serves_only(1, killer))
        bench.publish(2, model=slow, load_seconds=3.0)
        bench.publish(2, model=killer, crash=True)

        def is_done() -> bool:
            if not bench.serving.is_running:
                bench.serving.start(bench.settings.config_file)
            return bench.serves_only(2, slow) and "went away 2 times" in bench.words(killer)

        await bench.until(is_done, seconds=120.0)
        assert [event.model for event in bench.events if isinstance(event, VersionQuarantined)] == [killer]
        assert bench.available(killer) == {1}


async def test_many_new_models_need_few_reloads(tmp_path: Path) -> None:
    """On a fresh node all that are there come at once; beside what serves, twice as many each time."""
    async with Bench(tmp_path) as bench:
        for number in range(40):
            bench.publish(1, model=f"m{number}")
        await bench.until(lambda: len(bench.available_models()) == 40)
        assert len(bench.serving.reloads) == 2  # the empty list of a start, and one for all
        for number in range(40, 70):
            bench.publish(1, model=f"m{number}")
        await bench.until(lambda: len(bench.available_models()) == 70)
        assert len(bench.serving.reloads) <= 4


async def test_a_load_without_end_is_given_up(tmp_path: Path) -> None:
    """After the deadline the version is quarantined, and the next one gets its chance."""
    async with Bench(tmp_path, load_seconds=20.0) as bench:
        await bench.serve(1)
        bench.publish(2, hang=True)
        await bench.until(lambda: "version.quarantined" in bench.types())
        assert "for 20 seconds without end" in bench.words()
        bench.publish(3)
        await bench.until(lambda: bench.available() == {3})


async def test_a_new_model_that_loads_without_end_gives_the_lock_back(tmp_path: Path) -> None:
    """It is taken off the disk, so that TensorFlow Serving wants it no more and takes reloads again."""
    async with Bench(tmp_path, load_seconds=20.0) as bench:
        bench.publish(1, model="a", hang=True)
        await bench.until(lambda: bench.serving.is_stuck)
        bench.publish(1, model="b")
        await bench.until(lambda: bench.available("b") == {1})
        assert bench.on_disk("a") == set()


@pytest.mark.parametrize("seconds", [1.0, 15.0])
async def test_a_load_without_end_that_the_dead_began_gives_the_lock_back(tmp_path: Path, seconds: float) -> None:
    """The next configurator never asked for it, and its own first reload waits behind it."""
    async with Bench(tmp_path, load_seconds=20.0, reload_seconds=10.0) as bench:
        bench.publish(1, model="a", hang=True)
        await bench.until(lambda: bench.serving.is_stuck)
        await bench.run(seconds)
        await bench.restart()
        bench.publish(1, model="b")
        await bench.until(lambda: bench.available("b") == {1}, seconds=120.0)
        await bench.until(lambda: bench.on_disk("a") == set())


async def test_a_wrong_answer_rolls_back_within_a_second(tmp_path: Path) -> None:
    """The version is unloaded and quarantined; a label never pointed to it."""
    async with Bench(tmp_path) as bench:
        bench.want(Policy(labels={"stable": Version(2)}))
        await bench.serve(1)
        folder = bench.publish(2, predict={"offset": 3.0})
        write_sample(folder, [2.5, 3.0])
        await bench.until(lambda: 2 in bench.available())
        await bench.run(0.2)
        assert "version.quarantined" in bench.types()
        assert bench.serving.reloads[-1].model_config_list.config[0].model_version_policy.specific.versions == [1]
        assert not any(
            entry.version_labels for sent in bench.serving.reloads for entry in sent.model_config_list.config
        )
        await bench.until(lambda: bench.available() == {1})


async def test_a_right_answer_is_told(tmp_path: Path) -> None:
    """A version whose sample passed is served with that news."""
    async with Bench(tmp_path) as bench:
        write_sample(bench.publish(1), [2.5, 3.0])
        await bench.until(lambda: "version.served" in bench.types())
        served = next(event for event in bench.events if isinstance(event, VersionServed))
        assert served.has_sample


async def test_a_version_that_lies_is_found_by_its_sample(tmp_path: Path) -> None:
    """Available without variables: it fails at Predict, and never becomes good."""
    async with Bench(tmp_path) as bench:
        folder = bench.publish(1, predict_fail={"code": "FAILED_PRECONDITION", "message": "uninitialized"})
        write_sample(folder, [2.5, 3.0])
        await bench.until(lambda: "version.quarantined" in bench.types())
        await bench.until(lambda: bench.available() == set())
        assert "FAILED_PRECONDITION: uninitialized" in bench.words()


async def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    """UNAVAILABLE at a sample says nothing about the version."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        folder = bench.publish(2, predict_fail={"code": "RESOURCE_EXHAUSTED", "message": "busy"})
        write_sample(folder, [2.5, 3.0])
        await bench.run(5.0)
        assert bench.available() == {1, 2}
        assert "version.quarantined" not in bench.types()
        assert "version 2 is available and not confirmed yet" in bench.words()
