"""What directories do to versions: appearing, vanishing, failing, and the states a version goes through."""

import shutil
from pathlib import Path

import pytest

from infra.tfserving.servable import Code, State, StatusError
from tests.support.lab import Lab, LabMaker, waits
from tests.support.serving import model, write_version

EXPORT = Path(__file__).parents[2] / "models" / "half_plus_two" / "1"
BROKEN = {"fail": {"code": "UNAVAILABLE", "message": "no luck"}}


def test_a_file_called_7_is_aspired_and_fails(lab: Lab) -> None:
    """Nobody asks whether a child is a directory."""
    (lab.base("a") / "7").write_text("not a version")
    with pytest.raises(StatusError, match="Error while attempting to reserve resources to load servable"):
        lab.reload(model("a", lab.base("a")))
    assert lab.status("a") == {7: (State.END, Code.FAILED_PRECONDITION)}


def test_zero_padded_and_signed_names_are_versions(lab: Lab) -> None:
    """`00000123` is 123; a specific version is found under such a name, too."""
    write_version(lab.base("a"), "00000123")
    lab.reload(model("a", lab.base("a"), versions=[123]))
    assert lab.status("a") == {123: (State.AVAILABLE, Code.OK)}


def test_a_broken_newest_version_leaves_the_old_one_serving(lab: Lab) -> None:
    """Under `latest` nothing falls back, and nothing goes."""
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    write_version(lab.base("a"), 2, BROKEN)
    lab.until_state("a", 2, State.END)
    assert lab.state("a", 1) is State.AVAILABLE
    assert lab.predict("a") == [2.5]


def test_a_new_version_is_loaded_before_the_old_one_goes(lab: Lab) -> None:
    """Both are there while the new one loads."""
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    release = lab.folder / "release"
    write_version(lab.base("a"), 2, {"wait_for": str(release)})
    lab.until_state("a", 2, State.LOADING)
    assert lab.state("a", 1) is State.AVAILABLE
    release.touch()
    lab.until_state("a", 1, State.END)
    assert lab.state("a", 2) is State.AVAILABLE


def test_the_last_version_is_unloaded_when_its_directory_goes(lab: Lab) -> None:
    """A base path that is there and empty means that nothing is wanted."""
    version = write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    version.rename(lab.base("a") / "1.denied")
    lab.until_state("a", 1, State.END)


def test_a_base_path_that_vanishes_unloads_nothing(lab: Lab) -> None:
    """The poll fails for everybody, and what is served goes on."""
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    lab.base("a").rename(lab.folder / "away")
    lab.base("b")
    write_version(lab.base("b"), 1)
    assert waits(lab.begin(model("a", lab.folder / "a"), model("b", lab.base("b"))))
    assert lab.state("a", 1) is State.AVAILABLE


def test_an_empty_list_of_specific_versions_unloads_all(lab: Lab) -> None:
    """It is not the default policy."""
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    lab.reload(model("a", lab.base("a"), versions=[]))
    lab.until_state("a", 1, State.END)


def test_same_number_with_other_content_is_not_loaded_again(lab: Lab) -> None:
    """Versions are compared by number alone."""
    version = write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    version.rename(lab.folder / "old")
    write_version(lab.base("a"), 1, {"predict": {"offset": 100.0}})
    write_version(lab.base("b"), 1)
    lab.reload(model("a", lab.base("a")), model("b", lab.base("b")))
    assert lab.predict("a") == [2.5]


@pytest.mark.parametrize("retries", [-1, 0])
def test_without_retries_a_version_is_tried_once(make_lab: LabMaker, retries: int) -> None:
    """A negative number means none."""
    lab = make_lab(retries=retries)
    write_version(lab.base("good"), 1)
    write_version(lab.base("bad"), 1, {"fail": {"code": "UNAVAILABLE", "message": "no luck", "times": 1}})
    lab.reload(model("good", lab.base("good")))
    assert lab.predict("good") == [2.5]
    with pytest.raises(StatusError, match="no luck"):
        lab.reload(model("bad", lab.base("bad")))


def test_retries_stay_inside_loading(make_lab: LabMaker) -> None:
    """A version that fails twice and then loads never shows an error."""
    lab = make_lab(retries=2)
    write_version(lab.base("a"), 1, {"fail": {"code": "UNAVAILABLE", "message": "no luck", "times": 2}})
    lab.reload(model("a", lab.base("a")))
    assert lab.status("a") == {1: (State.AVAILABLE, Code.OK)}


def test_a_version_nobody_wants_any_more_is_cancelled_after_its_load(lab: Lab) -> None:
    """It ends as CANCELLED without ever having been available, and no sooner than its load ends."""
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a"), versions=[1]))
    release = lab.folder / "release"
    write_version(lab.base("a"), 2, {"wait_for": str(release)})
    lab.reload(model("a", lab.base("a"), versions=[1, 2]))
    lab.until_state("a", 2, State.LOADING)
    lab.reload(model("a", lab.base("a"), versions=[1]))
    lab.until_state("a", 2, State.END)
    assert lab.status("a") == {2: (State.END, Code.CANCELLED), 1: (State.AVAILABLE, Code.OK)}


def test_going_back_to_a_version_already_dropped_is_not_looked_at_while_it_still_serves(lab: Lab) -> None:
    """A swap from `[1]` to `[2]` whose 2 fails leaves 1 serving, not aspired; `[1]` then never un-aspires 2.

    So 2 is never tried again, although no config lists it any more. Keeping 1 in the list until 2 serves avoids it.
    """
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a"), versions=[1]))
    version = write_version(lab.base("a"), 2, BROKEN)
    lab.reload(model("a", lab.base("a"), versions=[2]))
    lab.until_state("a", 2, State.END)
    (version / "assets.extra" / "scripted.json").unlink()
    lab.reload(model("a", lab.base("a"), versions=[1]))
    lab.let_pass()
    lab.reload(model("a", lab.base("a"), versions=[1, 2]))
    lab.let_pass()
    assert lab.status("a") == {2: (State.END, Code.UNAVAILABLE), 1: (State.AVAILABLE, Code.OK)}


def test_ended_versions_are_listed_for_ever_highest_first(lab: Lab) -> None:
    """Removing a model does not make it unknown."""
    for version in (1, 2, 10):
        write_version(lab.base("a"), version)
    lab.reload(model("a", lab.base("a"), versions=[1, 2, 10]))
    for version in (1, 2, 10):
        lab.until_state("a", version, State.AVAILABLE)
    lab.reload()
    for version in (1, 2, 10):
        lab.until_state("a", version, State.END)
    assert [one.version for one in lab.core.status("a")] == [10, 2, 1]


def test_an_unknown_model_or_version_is_not_found(lab: Lab) -> None:
    """The words tell which of the two it is."""
    write_version(lab.base("a"), 1)
    lab.reload(model("a", lab.base("a")))
    with pytest.raises(StatusError, match="NOT_FOUND: Could not find any versions of model b"):
        lab.core.status("b")
    with pytest.raises(StatusError, match="NOT_FOUND: Could not find version 2 of model a"):
        lab.core.status("a", version=2)
    with pytest.raises(StatusError, match=r"NOT_FOUND: Servable not found for request: Latest\(b\)"):
        lab.core.find("b").__enter__()


def test_a_version_without_its_variables_is_available_and_dead(lab: Lab) -> None:
    """The dangerous half upload: AVAILABLE, and every Predict fails."""
    shutil.copytree(EXPORT, lab.base("a") / "1")
    shutil.rmtree(lab.base("a") / "1" / "variables")
    lab.reload(model("a", lab.base("a")))
    with pytest.raises(StatusError, match="FAILED_PRECONDITION"):
        lab.predict("a")
