"""TensorFlow Serving goes, comes back, forgets, or is stuck; folders vanish."""

import shutil
from pathlib import Path

import pytest
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from events.desired import Latest, Pinned, Policy
from events.names import ModelName, Version
from tests.support.configurator import MODEL, Bench


def names(bench: Bench) -> list[int]:
    """The versions that the last reload names."""
    (config,) = bench.serving.reloads[-1].model_config_list.config
    return list(config.model_version_policy.specific.versions)


async def test_a_restarted_tensorflow_serving_is_told_everything_at_once(tmp_path: Path) -> None:
    """Labels too, which its own file does not hold."""
    async with Bench(tmp_path) as bench:
        bench.want(Policy(labels={"stable": Version(1)}))
        await bench.serve(1)
        await bench.until(lambda: bench.report()[MODEL].labels)
        bench.events.clear()
        bench.serving.start(bench.settings.config_file)
        await bench.run(3.0)
        assert bench.available() == {1}
        assert await bench.serving.label(MODEL, "stable") == 1
        assert bench.types()[:2] == ["serving.lost", "serving.started"]
        assert "version.served" not in bench.types(), "what was confirmed once is no news"


async def test_a_tensorflow_serving_that_forgot_everything_gets_it_back(tmp_path: Path) -> None:
    """Also when it started with an empty file."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1, 2)
        bench.serving.start()
        await bench.until(lambda: bench.available() == {2})


async def test_what_is_kept_comes_back_as_fast_as_what_is_wanted(tmp_path: Path) -> None:
    """The version that serves on while the wanted one is not there yet does not wait for the next poll."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.want(Policy(want=Pinned(versions=(Version(9),))))
        await bench.run(3.0)
        bench.serving.start()
        await bench.until(lambda: bench.available() == {1}, seconds=8.0)


@pytest.mark.parametrize("tenths", range(10))
async def test_what_a_lost_reload_brought_is_not_taken_away_again(tmp_path: Path, tenths: int) -> None:
    """A configurator was stopped, and what it sends first reaches another TensorFlow Serving than it thinks.

    The reload brings back what the empty one lacked. When the loss is noticed then, and what is served said again, none
    of that may be missing because it came after the last look.
    """
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.publish(1, model="other")
        await bench.until(lambda: bench.available("other") == {1})
        await bench.run(2.0 + tenths / 10)
        bench.serving.start()
        bench.serving.epoch -= 1  # not noticed yet
        bench.want(Policy(want=Pinned(versions=(Version(9),))))
        bench.publish(2, model="other")
        await bench.turn()
        bench.serving.epoch += 1
        await bench.until(bench.available)
        losses: list[float] = []
        bench.on_step = lambda: None if bench.available() else losses.append(bench.serving.now)
        await bench.run(20.0)
        assert not losses
        assert bench.available("other") == {2}


async def test_away_is_reported_once_and_tried_on(tmp_path: Path) -> None:
    """The report says so, the file keeps the last good versions, and everything is back when it is."""
    async with Bench(tmp_path, serving_lost_seconds=60.0) as bench:
        await bench.serve(1)
        bench.serving.stop()
        await bench.run(30.0)
        assert bench.types().count("serving.lost") == 1
        assert not bench.is_connected()
        assert bench.words() == "TensorFlow Serving does not answer"
        assert bench.file() == {MODEL: {1}}
        bench.serving.start(bench.settings.config_file)
        await bench.run(3.0)
        assert bench.is_connected()
        assert bench.available() == {1}


async def test_a_node_without_models_asks_whether_tensorflow_serving_answers(tmp_path: Path) -> None:
    """It counts as connected when it has answered, not because there was nothing to ask for."""
    async with Bench(tmp_path) as bench:
        bench.serving.stop()
        await bench.run(5.0)
        assert not bench.is_connected()
        assert "does not answer" in bench.dependencies.emitter.serving.reason
        bench.serving.start()
        await bench.run(5.0)
        assert bench.is_connected()
        assert bench.report() == {}
        bench.serving.stop()
        await bench.run(20.0)
        assert not bench.is_connected()


async def test_the_file_is_emptied_if_tensorflow_serving_does_not_come_back_with_it(tmp_path: Path) -> None:
    """And models are introduced again."""
    async with Bench(tmp_path, serving_lost_seconds=60.0) as bench:
        await bench.serve(1)
        bench.publish(1, model="other")
        await bench.until(lambda: bench.file().keys() == {"m", "other"})
        bench.serving.stop()
        await bench.run(62.0)
        assert bench.settings.config_file.read_text() == "model_config_list {}\n"
        sent = len(bench.serving.reloads)
        bench.serving.start(bench.settings.config_file)
        await bench.until(lambda: bench.available() and bench.available("other"))
        await bench.run(1.0)
        assert [len(one.model_config_list.config) for one in bench.serving.reloads[sent:]] == [0, 2]
        assert bench.file().keys() == {"m", "other"}


async def test_a_good_version_that_ends_tensorflow_serving_with_many_others_is_tried_apart(tmp_path: Path) -> None:
    """The others serve again, though no version that once served is quarantined for it."""
    async with Bench(tmp_path, serving_lost_seconds=5.0) as bench:
        for name in ("a", "b", "c"):
            bench.publish(1, model=name)
        await bench.until(lambda: len(bench.available_models()) == 3)
        await bench.until(lambda: bench.file().keys() == {"a", "b", "c"})
        bench.serving.stop()
        await bench.until(lambda: bench.file() == {})
        script = bench.layout.version(ModelName("b"), Version(1)) / "assets.extra" / "scripted.json"
        script.write_text('{"crash": true}')
        bench.serving.start(bench.settings.config_file)

        def do_others_serve() -> bool:
            if not bench.serving.is_running:
                bench.serving.start(bench.settings.config_file)
            return bench.available("a") == bench.available("c") == {1}

        await bench.until(do_others_serve)


async def test_an_emptied_file_does_not_lose_what_a_paused_model_served(tmp_path: Path) -> None:
    """The last good versions are remembered beside the file, over a restart of the configurator too."""
    async with Bench(tmp_path, serving_lost_seconds=10.0) as bench:
        await bench.serve(1)
        bench.want(Policy(paused=True))
        bench.publish(2)
        bench.serving.stop()
        await bench.run(15.0)
        assert bench.file() == {}
        await bench.restart()
        bench.serving.start(bench.settings.config_file)
        await bench.until(lambda: bench.available() == {1})


async def test_a_version_that_takes_tensorflow_serving_down_is_found_out(tmp_path: Path) -> None:
    """Twice down while it was loading: quarantine, and the last good version serves on."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.publish(2, crash=True)
        for _ in range(2):
            await bench.until(lambda: not bench.serving.is_running)
            bench.serving.start(bench.settings.config_file)
        await bench.until(lambda: "version.quarantined" in bench.types())
        await bench.run(20.0)
        assert bench.serving.is_up
        assert bench.available() == {1}
        assert "went away 2 times" in bench.words()


@pytest.mark.parametrize("seconds", [30.0, 0.0])
async def test_a_version_is_not_to_blame_for_a_connection_that_breaks(tmp_path: Path, seconds: float) -> None:
    """TensorFlow Serving remembers what it ended, or is still loading: it never went away, whatever was asked of it."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1, 2)
        bench.publish(3, load_seconds=seconds)
        await bench.until(lambda: names(bench) == [2, 3])
        for _ in range(3):
            bench.serving.epoch += 1
            bench.rung = True
            await bench.run(0.3 if seconds else 0.0)
            await bench.turn()
        await bench.until(lambda: bench.serves_only(3), seconds=90.0)
        assert "version.quarantined" not in bench.types()


async def test_a_broken_file_is_written_anew(tmp_path: Path) -> None:
    """What is good is known from elsewhere."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.settings.config_file.write_text("model_config_list { config { name")
        await bench.restart()
        await bench.turn()
        assert bench.file() == {MODEL: {1}}


async def test_a_model_whose_folder_vanished_serves_on_from_memory(tmp_path: Path) -> None:
    """It is held by a stand-in, so that other models get their versions all the same (D2)."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.publish(1, model="other")
        await bench.until(lambda: bench.available("other") == {1})
        shutil.rmtree(bench.layout.model(MODEL))
        bench.publish(2, model="other")
        bench.rung = True
        await bench.until(lambda: bench.available("other") == {2})
        assert bench.available() == {1}
        assert "its files are gone from disk" in bench.words()
        bench.publish(2)
        await bench.until(lambda: bench.available() == {2})
        await bench.run(2.0)
        assert not any((bench.layout.own / "held").iterdir())


async def test_a_reload_that_waits_for_what_vanished_is_let_go(tmp_path: Path) -> None:
    """The folder vanished between the last look and the poll: an empty one ends the waiting (D3, D11)."""
    async with Bench(tmp_path) as bench:
        bench.publish(1)
        await bench.until(lambda: bench.serving.is_stuck)
        shutil.rmtree(bench.layout.model(MODEL))
        bench.publish(1, model="other")
        await bench.until(lambda: bench.available("other") == {1}, seconds=120.0)
        await bench.run(5.0)
        assert bench.on_disk() == set()
        bench.publish(1)
        await bench.until(lambda: bench.available() == {1})


async def test_a_reload_stuck_for_a_reason_of_its_own_is_reported(tmp_path: Path) -> None:
    """Where nothing can be done, the operator is told what to do."""
    async with Bench(tmp_path, reload_seconds=30.0) as bench:
        await bench.serve(1)
        stranger = ModelServerConfig()
        stranger.CopyFrom(bench.serving.reloads[-1])
        stranger.model_config_list.config.add(name="ghost", base_path="/nowhere", model_platform="tensorflow")
        bench.call(bench.serving.reload(stranger, seconds=1e6))
        bench.publish(2)
        bench.rung = True
        await bench.run(60.0)
        assert any("restart TensorFlow Serving" in problem for problem in bench.outcome.problems)
        assert bench.available() == {1}
        bench.serving.start(bench.settings.config_file)
        await bench.until(lambda: bench.available() == {2})


async def test_nothing_moves_when_nothing_changes(tmp_path: Path) -> None:
    """At rest no reload is sent, nothing is written and no look is asked for before the tick."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1, 2)
        await bench.run(30.0)
        sent, told = len(bench.serving.reloads), len(bench.events)
        await bench.run(300.0)
        assert (len(bench.serving.reloads), len(bench.events)) == (sent, told)
        assert bench.outcome.again_in_seconds is None


async def test_several_versions_can_be_wanted(tmp_path: Path) -> None:
    """The newest two serve side by side, and the third newest goes when a new one is confirmed."""
    async with Bench(tmp_path) as bench:
        bench.want(Policy(want=Latest(count=2)))
        bench.publish(1)
        bench.publish(2)
        await bench.until(lambda: bench.available() == {1, 2})
        bench.publish(3)
        await bench.until(lambda: bench.available() == {2, 3})


async def test_a_report_between_two_looks_knows_a_model_that_is_gone(tmp_path: Path) -> None:
    """The folder has just been seen to be gone, and the view is from before."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.dependencies.observer.folders = {}
        assert bench.report()[MODEL].serving == (1,)


async def test_a_failed_load_is_told_whole_by_its_version_and_in_a_line_by_the_reload(tmp_path: Path) -> None:
    """The reload of a new model fails with the same words; one event has them all."""
    words = "bytes are gone\nin a file\n" + "x" * 500
    async with Bench(tmp_path) as bench:
        bench.publish(1, fail={"code": "DATA_LOSS", "message": words})
        await bench.until(lambda: "version.quarantined" in bench.types())
        await bench.run(5.0)
        reasons = {event.type: str(event.model_dump().get("reason", "")) for event in bench.events}
        assert "in a file" in reasons["version.quarantined"]
        assert "in a file" not in reasons["reload.failed"]
        assert bench.types().count("reload.failed") == 1
