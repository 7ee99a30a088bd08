"""The pass on a real disk and a simulated TensorFlow Serving: what an operator sees happen."""

import shutil
from functools import partial
from pathlib import Path

from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from events.desired import Latest, Pinned, Policy
from events.messages import ReloadSent, VersionQuarantined, VersionRemoved
from events.names import ModelName, Version
from events.status import ServedStage
from tests.support.configurator import MODEL, Bench, write_sample

FAILS = {"code": "DATA_LOSS", "message": "bytes are gone"}


async def serve(bench: Bench, *versions: int) -> None:
    """Publish versions one after the other, each served before the next."""
    for version in versions:
        bench.publish(version)
        await bench.until(partial(bench.serves_only, version))


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
        await serve(bench, 1)
        bench.publish(2)
        await bench.until(lambda: bench.available() == {1, 2})
        await bench.until(lambda: bench.available() == {2})
        sent = [event.versions for event in bench.events if isinstance(event, ReloadSent)]
        assert sent == [(1,), (1, 2), (2,)]
        assert bench.file() == {MODEL: {2}}


async def test_a_version_that_fails_to_load_is_quarantined_with_the_words_of_tensorflow_serving(tmp_path: Path) -> None:
    """The older one goes on serving and the config goes back to it."""
    async with Bench(tmp_path) as bench:
        await serve(bench, 1)
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
    """Models are introduced one at a time, so the next one is served."""
    async with Bench(tmp_path) as bench:
        bench.publish(1, model="a", fail=FAILS)
        bench.publish(1, model="b")
        await bench.until(lambda: bench.serves_only(1, "b"))
        assert bench.file() == {ModelName("b"): {1}}
        assert all(len(reload.model_config_list.config) <= 1 for reload in bench.serving.reloads)


async def test_a_load_without_end_is_given_up(tmp_path: Path) -> None:
    """After the deadline the version is quarantined, and the next one gets its chance."""
    async with Bench(tmp_path, load_seconds=20.0) as bench:
        await serve(bench, 1)
        bench.publish(2, hang=True)
        await bench.until(lambda: "version.quarantined" in bench.types())
        assert "for 20 seconds without end" in bench.words()
        bench.publish(3)
        await bench.until(lambda: bench.available() == {3})


async def test_a_new_model_that_loads_without_end_gives_the_lock_back(tmp_path: Path) -> None:
    """It is taken off the disk, so that TensorFlow Serving wants it no more and takes reloads again."""
    async with Bench(tmp_path, load_seconds=20.0) as bench:
        bench.publish(1, model="a", hang=True)
        bench.publish(1, model="b")
        await bench.until(lambda: bench.available("b") == {1})
        assert bench.on_disk("a") == set()


async def test_a_wrong_answer_rolls_back_within_a_second(tmp_path: Path) -> None:
    """The version is unloaded and quarantined; a label never pointed to it."""
    async with Bench(tmp_path) as bench:
        bench.want(Policy(labels={"stable": Version(2)}))
        await serve(bench, 1)
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
        assert "smoke.passed" in bench.types()


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
        await serve(bench, 1)
        folder = bench.publish(2, predict_fail={"code": "RESOURCE_EXHAUSTED", "message": "busy"})
        write_sample(folder, [2.5, 3.0])
        await bench.run(5.0)
        assert bench.available() == {1, 2}
        assert "version.quarantined" not in bench.types()
        assert "version 2 is available and not confirmed yet" in bench.words()


async def test_a_label_moves_after_its_version_is_confirmed(tmp_path: Path) -> None:
    """Load, confirm, move the label, drop the old version: four steps, in this order."""
    async with Bench(tmp_path) as bench:
        bench.want(Policy(labels={"stable": Version(1)}))
        await serve(bench, 1)
        await bench.until(lambda: bench.report()[MODEL].labels == {"stable": 1})
        bench.publish(2)
        await bench.until(lambda: bench.available() == {1, 2})
        await bench.run(5.0)
        assert bench.available() == {1, 2}, "a labelled version stays"
        bench.want(Policy(labels={"stable": Version(2)}))
        await bench.until(lambda: bench.available() == {2})
        steps = [
            (sorted(entry.model_version_policy.specific.versions), dict(entry.version_labels))
            for reload in bench.serving.reloads
            for entry in reload.model_config_list.config
        ]
        assert steps[-3:] == [([1, 2], {"stable": 1}), ([1, 2], {"stable": 2}), ([2], {"stable": 2})]


async def test_a_label_to_a_version_that_is_not_served_waits_with_a_reason(tmp_path: Path) -> None:
    """It stays where it is until its version is confirmed."""
    async with Bench(tmp_path) as bench:
        bench.want(Policy(labels={"stable": Version(1)}))
        await serve(bench, 1)
        bench.want(Policy(labels={"stable": Version(7)}))
        await bench.run(3.0)
        assert bench.report()[MODEL].labels == {"stable": 1}
        assert bench.words() == "label stable waits until version 7 is served"


async def test_labels_survive_a_restart_of_the_configurator(tmp_path: Path) -> None:
    """A label that waits to move is found where it is, and kept there."""
    async with Bench(tmp_path) as bench:
        bench.want(Policy(labels={"stable": Version(1)}))
        await serve(bench, 1)
        await bench.run(1.0)
        bench.want(Policy(labels={"stable": Version(7)}))
        await bench.restart()
        await bench.run(2.0)
        assert await bench.serving.label(MODEL, "stable") == 1


async def test_a_pin_serves_exactly_that(tmp_path: Path) -> None:
    """A rollback is a change of desired state, to a version that is still on disk."""
    async with Bench(tmp_path) as bench:
        await serve(bench, 1, 2)
        bench.want(Policy(want=Pinned(versions=(Version(1),))))
        await bench.until(lambda: bench.available() == {1})
        bench.publish(3)
        await bench.run(5.0)
        assert bench.available() == {1}


async def test_a_pin_to_what_is_not_there_changes_nothing_and_says_so(tmp_path: Path) -> None:
    """What serves goes on serving until the pinned version arrives."""
    async with Bench(tmp_path) as bench:
        await serve(bench, 1)
        bench.want(Policy(want=Pinned(versions=(Version(9),))))
        await bench.run(3.0)
        assert bench.available() == {1}
        assert "version 9 is not on disk yet" in bench.words()
        assert bench.report()[MODEL].desired == (9,)
        bench.publish(9)
        await bench.until(lambda: bench.available() == {9})


async def test_paused_means_what_is_served_stays(tmp_path: Path) -> None:
    """Also over a restart of TensorFlow Serving; then the newest takes over."""
    async with Bench(tmp_path) as bench:
        await serve(bench, 1)
        bench.want(Policy(paused=True))
        bench.publish(2)
        await bench.run(3.0)
        assert bench.available() == {1}
        assert bench.words() == "version 2 waits because updates are paused"
        bench.serving.start()
        await bench.until(lambda: bench.available() == {1})
        assert bench.on_disk() == {1, 2}
        bench.want(Policy())
        await bench.until(lambda: bench.available() == {2})


async def test_a_removed_model_is_unloaded_and_then_deleted(tmp_path: Path) -> None:
    """Its files go after the end was seen and the grace time has passed, its empty folder too."""
    async with Bench(tmp_path, grace_seconds=10.0) as bench:
        await serve(bench, 1)
        bench.want(Policy(removed=True))
        await bench.until(lambda: bench.available() == set())
        await bench.run(5.0)
        assert bench.on_disk() == {1}
        assert bench.state(1).state is ServedStage.REMOVING
        await bench.until(lambda: "version.removed" in bench.types())
        await bench.run(1.0)
        assert not bench.layout.model(MODEL).exists()
        assert bench.file() == {}
        assert not bench.layout.receipt(MODEL, Version(1)).exists()


async def test_a_model_that_comes_back_waits_for_its_end(tmp_path: Path) -> None:
    """Removed and wanted again: TensorFlow Serving gets two polls to forget the earlier instance (D7, D8)."""
    async with Bench(tmp_path) as bench:
        await serve(bench, 1)
        bench.want(Policy(removed=True))
        await bench.until(lambda: len(bench.serving.reloads[-1].model_config_list.config) == 0)
        dropped = bench.serving.now
        bench.want(Policy())
        await bench.until(lambda: len(bench.serving.reloads[-1].model_config_list.config) == 1)
        assert bench.serving.now - dropped >= 2.5
        await bench.until(lambda: bench.available() == {1})
        assert "reload.failed" not in bench.types()


async def test_a_refused_version_is_left_for_another(tmp_path: Path) -> None:
    """What an operator takes away is replaced first, and its files go."""
    async with Bench(tmp_path) as bench:
        await serve(bench, 1, 2)
        bench.want(Policy(refused=(Version(2),)))
        await bench.until(lambda: bench.available() == {1})
        await bench.until(lambda: bench.on_disk() == {1})


async def test_the_only_version_goes_on_serving_though_refused(tmp_path: Path) -> None:
    """Nothing is ever unloaded without a successor, unless the model is removed; the report says so."""
    async with Bench(tmp_path) as bench:
        await serve(bench, 1)
        bench.want(Policy(refused=(Version(1),)))
        await bench.run(20.0)
        assert bench.available() == {1}
        assert "version 1 goes on serving until another is there or the model is removed" in bench.words()


async def test_an_operator_can_have_a_version_tried_again(tmp_path: Path) -> None:
    """Once for each request: the failed version is dropped, forgotten for two polls, and named again (D9)."""
    async with Bench(tmp_path, grace_seconds=600.0) as bench:
        await serve(bench, 1)
        bench.publish(2, fail={**FAILS, "times": 2})
        await bench.until(lambda: bench.words().startswith("version 2 is in quarantine"))
        bench.want(Policy(retry={Version(2): "first"}))
        await bench.until(lambda: bench.types().count("version.quarantined") == 2)
        await bench.run(30.0)
        assert bench.available() == {1}
        bench.want(Policy(retry={Version(2): "second"}))
        await bench.until(lambda: bench.available() == {2})


async def test_other_bytes_under_a_quarantined_number_get_a_chance(tmp_path: Path) -> None:
    """A version that failed leaves the disk; published anew with other content, it is loaded."""
    async with Bench(tmp_path, grace_seconds=5.0) as bench:
        await serve(bench, 1)
        bench.publish(2, fail=FAILS)
        await bench.until(lambda: bench.on_disk() == {1})
        bench.publish(2, seed=7)
        await bench.until(lambda: bench.available() == {2})
        assert bench.state(2).state is ServedStage.SERVING


async def test_the_same_bytes_again_stay_in_quarantine(tmp_path: Path) -> None:
    """Fetching them again makes them no better."""
    async with Bench(tmp_path, grace_seconds=5.0) as bench:
        await serve(bench, 1)
        bench.publish(2, fail=FAILS)
        await bench.until(lambda: bench.on_disk() == {1})
        bench.publish(2)
        await bench.run(3.0)
        assert bench.types().count("version.quarantined") == 1
        assert bench.available() == {1}


async def test_retention_keeps_the_newest_older_versions(tmp_path: Path) -> None:
    """Two for a rollback, the rest goes, oldest first, and says why."""
    async with Bench(tmp_path, grace_seconds=5.0) as bench:
        await serve(bench, 1, 2, 3, 4, 5)
        await bench.until(lambda: bench.on_disk() == {3, 4, 5})
        removed = [event for event in bench.events if isinstance(event, VersionRemoved)]
        assert [event.version for event in removed] == [1, 2]
        assert removed[0].reason == "2 older versions are kept, and this one is not among them"
        await bench.run(30.0)
        assert bench.on_disk() == {3, 4, 5}


async def test_a_model_can_have_a_retention_of_its_own(tmp_path: Path) -> None:
    """Desired state stands in the place of the setting."""
    async with Bench(tmp_path, grace_seconds=1.0) as bench:
        bench.want(Policy(retention=0))
        await serve(bench, 1, 2)
        await bench.until(lambda: bench.on_disk() == {2})


async def test_a_request_for_room_lowers_retention_to_one(tmp_path: Path) -> None:
    """What serves and one version to go back to stay."""
    async with Bench(tmp_path, grace_seconds=1.0) as bench:
        await serve(bench, 1, 2, 3)
        bench.edges.cleaner.ask_for_room()
        bench.rung = True
        await bench.until(lambda: bench.on_disk() == {2, 3})


async def test_a_full_disk_lowers_retention_to_one(tmp_path: Path) -> None:
    """Less than the reserve is free: only one older version is kept."""
    async with Bench(tmp_path, grace_seconds=1.0, reserve_mib=2**40) as bench:
        await serve(bench, 1, 2, 3)
        await bench.until(lambda: bench.on_disk() == {2, 3})


async def test_what_was_put_there_by_hand_is_served_and_never_removed(tmp_path: Path) -> None:
    """A version without a receipt is somebody else's."""
    async with Bench(tmp_path, grace_seconds=1.0, retention=0) as bench:
        bench.publish(1)
        bench.layout.receipt(MODEL, Version(1)).unlink()
        await bench.until(lambda: bench.available() == {1})
        await serve(bench, 2)
        await bench.run(20.0)
        assert bench.on_disk() == {1, 2}
        assert bench.state(1).reason == "put there by hand; never removed"


async def test_a_restarted_tensorflow_serving_is_told_everything_at_once(tmp_path: Path) -> None:
    """Labels too, which its own file does not hold."""
    async with Bench(tmp_path) as bench:
        bench.want(Policy(labels={"stable": Version(1)}))
        await serve(bench, 1)
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
        await serve(bench, 1, 2)
        bench.serving.start()
        await bench.until(lambda: bench.available() == {2})


async def test_away_is_reported_once_and_tried_on(tmp_path: Path) -> None:
    """The report says so, the file keeps the last good versions, and everything is back when it is."""
    async with Bench(tmp_path, serving_lost_seconds=60.0) as bench:
        await serve(bench, 1)
        bench.serving.stop()
        await bench.run(30.0)
        assert bench.types().count("serving.lost") == 1
        assert not bench.is_connected()
        assert bench.file() == {MODEL: {1}}
        bench.serving.start(bench.settings.config_file)
        await bench.run(3.0)
        assert bench.is_connected()
        assert bench.available() == {1}


async def test_the_file_is_emptied_if_tensorflow_serving_does_not_come_back_with_it(tmp_path: Path) -> None:
    """And models are introduced again one by one, the last good ones first."""
    async with Bench(tmp_path, serving_lost_seconds=60.0) as bench:
        await serve(bench, 1)
        bench.publish(1, model="other")
        await bench.until(lambda: bench.file().keys() == {"m", "other"})
        bench.serving.stop()
        await bench.run(62.0)
        assert bench.settings.config_file.read_text() == "model_config_list {}\n"
        sent = len(bench.serving.reloads)
        bench.serving.start(bench.settings.config_file)
        await bench.until(lambda: bench.available() and bench.available("other"))
        await bench.run(1.0)
        assert [len(one.model_config_list.config) for one in bench.serving.reloads[sent:]] == [0, 1, 2]
        assert bench.file().keys() == {"m", "other"}


async def test_an_emptied_file_does_not_lose_what_a_paused_model_served(tmp_path: Path) -> None:
    """The last good versions are remembered beside the file, over a restart of the configurator too."""
    async with Bench(tmp_path, serving_lost_seconds=10.0) as bench:
        await serve(bench, 1)
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
        await serve(bench, 1)
        bench.publish(2, crash=True)
        for _ in range(2):
            await bench.until(lambda: not bench.serving.is_running)
            bench.serving.start(bench.settings.config_file)
        await bench.until(lambda: "version.quarantined" in bench.types())
        await bench.run(20.0)
        assert bench.serving.is_up
        assert bench.available() == {1}
        assert "went away 2 times" in bench.words()


async def test_a_broken_file_is_written_anew(tmp_path: Path) -> None:
    """What is good is known from elsewhere."""
    async with Bench(tmp_path) as bench:
        await serve(bench, 1)
        bench.settings.config_file.write_text("model_config_list { config { name")
        await bench.restart()
        await bench.turn()
        assert bench.file() == {MODEL: {1}}


async def test_a_model_whose_folder_vanished_serves_on_from_memory(tmp_path: Path) -> None:
    """It is held by a stand-in, so that other models get their versions all the same (D2)."""
    async with Bench(tmp_path) as bench:
        await serve(bench, 1)
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
        await serve(bench, 1)
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
        await serve(bench, 1, 2)
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
