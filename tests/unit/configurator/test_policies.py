"""Labels, pins, pauses, removals, refusals and second tries: what operators ask for."""

from pathlib import Path

from events.desired import Pinned, Policy
from events.names import Version
from events.status import ServedStage
from tests.support.configurator import MODEL, Bench

FAILS = {"code": "DATA_LOSS", "message": "bytes are gone"}


async def test_a_label_moves_after_its_version_is_confirmed(tmp_path: Path) -> None:
    """Load, confirm, move the label, drop the old version: four steps, in this order."""
    async with Bench(tmp_path) as bench:
        bench.want(Policy(labels={"stable": Version(1)}))
        await bench.serve(1)
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
        await bench.serve(1)
        bench.want(Policy(labels={"stable": Version(7)}))
        await bench.run(3.0)
        assert bench.report()[MODEL].labels == {"stable": 1}
        assert bench.words() == "label stable waits until version 7 is served"


async def test_labels_survive_a_restart_of_the_configurator(tmp_path: Path) -> None:
    """A label that waits to move is found where it is, and kept there."""
    async with Bench(tmp_path) as bench:
        bench.want(Policy(labels={"stable": Version(1)}))
        await bench.serve(1)
        await bench.run(1.0)
        bench.want(Policy(labels={"stable": Version(7)}))
        await bench.restart()
        await bench.run(2.0)
        assert await bench.serving.label(MODEL, "stable") == 1


async def test_a_pin_serves_exactly_that(tmp_path: Path) -> None:
    """A rollback is a change of desired state, to a version that is still on disk."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1, 2)
        bench.want(Policy(want=Pinned(versions=(Version(1),))))
        await bench.until(lambda: bench.available() == {1})
        bench.publish(3)
        await bench.run(5.0)
        assert bench.available() == {1}


async def test_the_report_says_of_which_revision_of_desired_state_it_is(tmp_path: Path) -> None:
    """So that who waits can tell what is served from what was served before the change."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        assert bench.report()[MODEL].revision == 0
        bench.revisions[MODEL] = 5
        assert bench.report()[MODEL].revision == 0  # the pass has not seen it yet
        await bench.turn()
        await bench.run(20.0)
        assert bench.report()[MODEL].revision == 5


async def test_a_pin_to_what_is_not_there_changes_nothing_and_says_so(tmp_path: Path) -> None:
    """What serves goes on serving until the pinned version arrives."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
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
        await bench.serve(1)
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


async def test_a_paused_model_follows_what_operators_say(tmp_path: Path) -> None:
    """A pause holds new versions back and nothing else: pins, labels and removals are followed, and then undone."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1, 2)
        bench.want(Policy(paused=True))
        bench.publish(3)
        await bench.run(3.0)
        assert bench.available() == {2}
        bench.want(Policy(paused=True, want=Pinned(versions=(Version(1),))))
        await bench.until(lambda: bench.available() == {1})
        bench.want(Policy(paused=True, want=Pinned(versions=(Version(3),))))
        await bench.until(lambda: bench.available() == {3})
        bench.want(Policy(paused=True, want=Pinned(versions=(Version(2),))))
        await bench.until(lambda: bench.available() == {2})
        await bench.run(1.0)
        bench.want(Policy(paused=True, labels={"canary": Version(3)}))
        await bench.until(lambda: bench.report()[MODEL].labels == {"canary": 3})
        await bench.run(2.0)
        assert bench.available() == {2, 3}, "a label lifts nothing but itself"


async def test_of_a_paused_model_a_version_can_be_removed(tmp_path: Path) -> None:
    """The one below takes its place, and what came meanwhile goes on waiting."""
    async with Bench(tmp_path, grace_seconds=1.0) as bench:
        await bench.serve(1, 2)
        bench.want(Policy(paused=True))
        bench.publish(3)
        bench.want(Policy(paused=True, refused=(Version(2),)))
        await bench.until(lambda: bench.available() == {1})
        await bench.until(lambda: bench.on_disk() == {1, 3})
        await bench.run(3.0)
        assert bench.available() == {1}


async def test_a_removed_model_is_unloaded_and_then_deleted(tmp_path: Path) -> None:
    """Its files go after the end was seen and the grace time has passed, its empty folder too."""
    async with Bench(tmp_path, grace_seconds=10.0) as bench:
        await bench.serve(1)
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
        await bench.serve(1)
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
        await bench.serve(1, 2)
        bench.want(Policy(refused=(Version(2),)))
        await bench.until(lambda: bench.available() == {1})
        await bench.until(lambda: bench.on_disk() == {1})


async def test_the_only_version_goes_on_serving_though_refused(tmp_path: Path) -> None:
    """Nothing is ever unloaded without a successor, unless the model is removed; the report says so."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.want(Policy(refused=(Version(1),)))
        await bench.run(20.0)
        assert bench.available() == {1}
        assert "version 1 goes on serving until another is there or the model is removed" in bench.words()


async def test_an_operator_can_have_a_version_tried_again(tmp_path: Path) -> None:
    """Once for each request: the failed version is dropped, forgotten for two polls, and named again (D9)."""
    async with Bench(tmp_path, grace_seconds=600.0) as bench:
        await bench.serve(1)
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
        await bench.serve(1)
        bench.publish(2, fail=FAILS)
        await bench.until(lambda: bench.on_disk() == {1})
        bench.publish(2, seed=7)
        await bench.until(lambda: bench.available() == {2})
        assert bench.state(2).state is ServedStage.SERVING


async def test_the_same_bytes_again_stay_in_quarantine(tmp_path: Path) -> None:
    """Fetching them again makes them no better."""
    async with Bench(tmp_path, grace_seconds=5.0) as bench:
        await bench.serve(1)
        bench.publish(2, fail=FAILS)
        await bench.until(lambda: bench.on_disk() == {1})
        bench.publish(2)
        await bench.run(3.0)
        assert bench.types().count("version.quarantined") == 1
        assert bench.available() == {1}


async def test_a_version_that_is_awaited_is_on_its_way(tmp_path: Path) -> None:
    """Until it is on disk, its upload and transfer are the puller's to tell; of a refused one nothing is on its way."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.want(Policy(want=Pinned(versions=(Version(9),))))
        await bench.run(3.0)
        assert "version 9 is not on disk yet" in bench.report()[MODEL].difference
        assert bench.report()[MODEL].is_moving
        bench.publish(9, fail=FAILS)
        await bench.until(lambda: "version 9 is in quarantine" in bench.words())
        await bench.run(5.0)
        assert not bench.report()[MODEL].is_moving
