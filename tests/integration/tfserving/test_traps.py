"""The compatible server has TensorFlow Serving's traps: every way found to make a reload hang or lie."""

import logging
from threading import Thread

import grpc
import pytest

from infra.tfserving.servable import Code, State, StatusError
from tests.support.lab import Lab, LabMaker, waits
from tests.support.serving import DEADLINE_SECONDS, config_of, model, serving, until, write_version

BROKEN = {"fail": {"code": "DATA_LOSS", "message": "flipped byte"}}


def test_d1_a_server_started_without_config_waits_for_ever_for_a_model_that_failed_first(make_lab: LabMaker) -> None:
    """After an unset first config: A fails, B loads, and a further reload of A waits for events that were long ago."""
    lab = make_lab(start_empty=False)
    write_version(lab.base("a"), 1, BROKEN)
    write_version(lab.base("b"), 1)
    with pytest.raises(StatusError, match=r"1 servable\(s\) did not become available"):
        lab.reload(model("a", lab.base("a")))
    lab.reload(model("b", lab.base("b")))
    assert waits(lab.begin(model("a", lab.base("a"))))


def test_d1_an_empty_list_of_models_avoids_it(lab: Lab) -> None:
    """After `model_config_list {}` the same three reloads all come back."""
    write_version(lab.base("a"), 1, BROKEN)
    write_version(lab.base("b"), 1)
    with pytest.raises(StatusError, match=r"1 model\(s\) did not become available"):
        lab.reload(model("a", lab.base("a")))
    lab.reload(model("b", lab.base("b")))
    lab.until_state("a", 1, State.END)


def test_d2_one_missing_base_path_stops_news_of_all_models(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    """While one base path is missing no version of any model comes or goes, and the reload waits."""
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    reload = lab.begin(model("a", lab.base("a")), model("b", lab.folder / "b"))
    write_version(lab.base("a"), 2)
    with caplog.at_level(logging.ERROR):
        assert waits(reload)
    assert f"Could not find base path {lab.folder / 'b'} for servable b" in caplog.text
    assert lab.status("a") == {1: (State.AVAILABLE, Code.OK)}
    assert lab.status("b") == {}
    write_version(lab.base("b"), 1)
    reload.result(DEADLINE_SECONDS)
    lab.until_state("a", 2, State.AVAILABLE)


def test_d2_a_correction_queues_behind_the_stuck_reload(lab: Lab) -> None:
    """A second reload, which would repair the first, waits for the first one's lock."""
    stuck = lab.begin(model("b", lab.folder / "b"))
    assert waits(stuck)
    assert waits(lab.begin())
    assert not stuck.done()


def test_d3_a_base_path_without_a_version_keeps_a_new_model_waiting(lab: Lab) -> None:
    """The reload of a new model ends when a version appears, and not before."""
    (lab.base("a") / "not-a-version").mkdir()
    reload = lab.begin(model("a", lab.base("a")))
    assert waits(reload)
    assert lab.status("a") == {}
    write_version(lab.base("a"), 1)
    reload.result(DEADLINE_SECONDS)


def test_d3_a_specific_version_that_is_not_on_disk_keeps_a_new_model_waiting(lab: Lab) -> None:
    """Other versions do not help."""
    write_version(lab.base("a"), 1)
    reload = lab.begin(model("a", lab.base("a"), versions=[2]))
    assert waits(reload)
    write_version(lab.base("a"), 2)
    reload.result(DEADLINE_SECONDS)
    assert lab.status("a") == {2: (State.AVAILABLE, Code.OK)}


@pytest.mark.parametrize("poll_seconds", [0, -1])
def test_d4_without_periodic_polls_a_new_model_is_never_found(make_lab: LabMaker, poll_seconds: float) -> None:
    """A poll period of zero polls once, at the start; a negative one never."""
    lab = make_lab(poll_seconds=poll_seconds)
    write_version(lab.base("a"), 1)
    assert waits(lab.begin(model("a", lab.base("a"))))
    assert lab.status("a") == {}


def test_d5_without_load_threads_one_retrying_model_holds_up_all_others(make_lab: LabMaker) -> None:
    """Retries sleep in the manager's own thread: nothing else loads, unloads or is given up."""
    lab = make_lab(threads=0, retries=5, retry_seconds=60)
    write_version(lab.base("a"), 1)
    write_version(lab.base("bad"), 1, BROKEN)
    lab.reload(model("a", lab.base("a")))
    stuck = lab.begin(model("a", lab.base("a")), model("bad", lab.base("bad")))
    lab.until_state("bad", 1, State.LOADING)
    write_version(lab.base("a"), 2)
    assert waits(stuck)
    assert lab.state("a", 2) is None
    assert lab.state("bad", 1) is State.LOADING


def test_d5_with_load_threads_the_others_go_on(make_lab: LabMaker) -> None:
    """A model that retries takes one load thread, and the rest of the server works."""
    lab = make_lab(threads=2, retries=5, retry_seconds=60)
    write_version(lab.base("a"), 1)
    write_version(lab.base("bad"), 1, BROKEN)
    lab.reload(model("a", lab.base("a")))
    lab.begin(model("a", lab.base("a")), model("bad", lab.base("bad")))
    lab.until_state("bad", 1, State.LOADING)
    write_version(lab.base("a"), 2)
    lab.until_state("a", 2, State.AVAILABLE)
    assert lab.state("bad", 1) is State.LOADING


def test_d6_a_version_that_vanishes_before_its_load_freezes_everything_while_its_size_is_taken(
    make_lab: LabMaker,
) -> None:
    """The retries of the size estimate hold the manager's lock: other models stand still, load threads or not."""
    lab = make_lab(threads=2, retries=5, retry_seconds=60)
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    (lab.base("gone") / "1").symlink_to(lab.folder / "nowhere")
    lab.begin(model("a", lab.base("a")), model("gone", lab.base("gone")))
    lab.until_state("gone", 1, State.START)
    write_version(lab.base("a"), 2)
    assert waits(lab.begin())
    assert lab.state("gone", 1) is State.START
    assert lab.state("a", 2) is None


def test_d7_removing_and_adding_again_while_the_manager_is_busy_waits_for_ever(make_lab: LabMaker) -> None:
    """The wish to unload is overwritten before the manager sees it: nothing happens, and the reload awaits an event."""
    lab = make_lab(threads=0)
    write_version(lab.base("a"), 1)
    write_version(lab.base("busy"), 1)
    busy = model("busy", lab.base("busy"))
    lab.reload(model("a", lab.base("a")), busy)
    lab.until_state("a", 1, State.AVAILABLE)
    release = lab.folder / "release"
    write_version(lab.base("busy"), 2, {"wait_for": str(release)})
    lab.until_state("busy", 2, State.LOADING)  # the manager's thread sits in this load
    lab.reload(busy)
    again = lab.begin(model("a", lab.base("a")), busy)
    assert waits(again)
    release.touch()
    lab.until_state("busy", 2, State.AVAILABLE)
    assert waits(again)
    assert lab.state("a", 1) is State.AVAILABLE


def test_d8_adding_again_too_soon_can_take_the_old_end_for_the_new_ones(make_lab: LabMaker) -> None:
    """A reload that begins while the old instance is still unloading fails although the new one comes up."""
    lab = make_lab()
    release = lab.folder / "release"
    write_version(lab.base("a"), 1, {"predict_wait_for": str(release)})
    lab.reload(model("a", lab.base("a")))
    request = Thread(target=lab.predict, args=("a",))
    request.start()
    until(lambda: lab.is_lent("a"), what="the request holds the version")
    lab.reload()
    lab.until_state("a", 1, State.UNLOADING)  # it waits for the request
    again = lab.begin(model("a", lab.base("a")))
    assert waits(again)
    release.touch()
    request.join()
    with pytest.raises(StatusError) as failure:
        again.result(DEADLINE_SECONDS)
    assert failure.value.message == "1 model(s) did not become available: {{{name: a version: 1}}, }"
    lab.until_state("a", 1, State.AVAILABLE)


def test_d9_a_failed_version_is_never_tried_again_while_it_is_aspired(lab: Lab) -> None:
    """Neither better bytes under the number nor further reloads help; un-aspiring it does."""
    write_version(lab.base("a"), 1)
    version = write_version(lab.base("a"), 2, BROKEN)
    with pytest.raises(StatusError):
        lab.reload(model("a", lab.base("a"), versions=[2]))
    (version / "assets.extra" / "scripted.json").unlink()
    lab.reload(model("a", lab.base("a"), versions=[1, 2]))
    lab.until_state("a", 1, State.AVAILABLE)
    assert lab.status("a")[2] == (State.END, Code.DATA_LOSS)
    lab.reload(model("a", lab.base("a"), versions=[1]))
    lab.let_pass()
    lab.reload(model("a", lab.base("a"), versions=[1, 2]))
    lab.until_state("a", 2, State.AVAILABLE)


def test_d10_a_running_request_delays_another_models_availability(lab: Lab) -> None:
    """A version is AVAILABLE only when every request that began before is over, whatever model that asked."""
    release = lab.folder / "release"
    write_version(lab.base("slow"), 1, {"predict_wait_for": str(release)})
    write_version(lab.base("a"), 1)
    lab.reload(model("slow", lab.base("slow")))
    request = Thread(target=lab.predict, args=("slow",))
    request.start()
    until(lambda: lab.is_lent("slow"), what="the request holds the version")
    reload = lab.begin(model("slow", lab.base("slow")), model("a", lab.base("a")))
    assert waits(reload)
    assert lab.state("a", 1) is State.LOADING
    release.touch()
    request.join()
    reload.result(DEADLINE_SECONDS)


def test_d11_a_clients_deadline_does_not_free_a_stuck_reload(lab: Lab) -> None:
    """After DEADLINE_EXCEEDED the server still holds its lock; a loadable version in the awaited path frees it."""
    (lab.folder / "a").mkdir()
    with serving(lab.folder, "--file_system_poll_wait_seconds=1") as server:
        for _ in range(2):
            with pytest.raises(grpc.RpcError) as refusal:
                server.reload(model("a", lab.folder / "a"), seconds=0.3)
            assert refusal.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        write_version(lab.folder / "a", 1)
        server.reload()


def test_d11_a_broken_version_frees_a_stuck_reload_too(lab: Lab) -> None:
    """Any numeric child drives the awaited model to its END."""
    stuck = lab.begin(model("a", lab.base("a")))
    assert waits(stuck)
    (lab.base("a") / "1").mkdir()
    with pytest.raises(StatusError, match="does not appear to contain a SavedModel bundle"):
        stuck.result(DEADLINE_SECONDS)


def test_d12_polling_the_config_file_undoes_what_a_reload_did(lab: Lab) -> None:
    """The file is applied again every period, changed or not, and replaces what came by RPC."""
    write_version(lab.base("a"), 1)
    file = lab.folder / "models.config"
    file.write_text("model_config_list {}")
    with serving(lab.folder, f"--model_config_file={file}", "--model_config_file_poll_wait_seconds=1") as server:
        server.reload(model("a", lab.base("a")))
        until(lambda: server.status("a") == {1: (State.END, Code.OK)}, what="the file has won")
        assert file.read_text() == "model_config_list {}"


def test_d13_a_stuck_reload_blocks_the_polling_of_the_config_file(lab: Lab) -> None:
    """Polling the file ends with the first reload that hangs, without a word."""
    stuck = lab.begin(model("a", lab.base("a")))
    assert waits(stuck)
    poll = Thread(target=lab.core.reload, args=(config_of(),), daemon=True)
    poll.start()
    poll.join(0.1)
    assert poll.is_alive()
    write_version(lab.base("a"), 1)
    poll.join(DEADLINE_SECONDS)
    assert not poll.is_alive()


def test_a_hung_load_keeps_its_thread_though_nobody_wants_it(make_lab: LabMaker) -> None:
    """With all threads gone later versions stay at their start."""
    lab = make_lab(threads=1)
    write_version(lab.base("a"), 1)
    write_version(lab.base("b"), 1)
    lab.reload(model("a", lab.base("a")), model("b", lab.base("b")))
    write_version(lab.base("a"), 2, {"hang": True, "ignore_cancel": True})
    lab.until_state("a", 2, State.LOADING)
    lab.reload(model("a", lab.base("a"), versions=[1]), model("b", lab.base("b")))
    write_version(lab.base("b"), 2)
    lab.until_state("b", 2, State.START)
    lab.let_pass()
    assert lab.state("a", 2) is State.LOADING
    assert lab.state("b", 2) is State.START


def test_a_sizing_that_fails_is_told_twice(make_lab: LabMaker, caplog: pytest.LogCaptureFixture) -> None:
    """First by who sizes, then by who loads."""
    lab = make_lab()
    (lab.base("a") / "1").symlink_to(lab.folder / "nowhere")
    with caplog.at_level(logging.INFO):  # until the second is told, which comes after the reload's answer
        with pytest.raises(StatusError, match="reserve resources"):
            lab.reload(model("a", lab.base("a"), versions=[1]))
        until(lambda: caplog.text.count("is END NOT_FOUND") == 2, what="the end was told twice")
