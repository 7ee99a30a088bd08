"""What the configurator believes of TensorFlow Serving holds for the compatible server and for the one in memory."""

import shutil

import pytest

from configurator.serving import tensors
from configurator.serving.applied_config import Entry
from configurator.serving.client import ServingLate, ServingRefused
from configurator.serving.states import State
from events.names import ModelName, Version
from tests.contract.serving.conftest import Lab

M = ModelName("m")


def entry(*versions: int, **labels: int) -> Entry:
    """Make a model's entry."""
    return Entry(frozenset(map(Version, versions)), {label: Version(version) for label, version in labels.items()})


async def test_an_unknown_model_has_no_versions(lab: Lab) -> None:
    """NOT_FOUND is an empty answer, not an error."""
    assert await lab.server.status(M) == {}


async def test_a_reload_waits_for_its_new_model(lab: Lab) -> None:
    """OK for a new model comes when it is available."""
    lab.write(1)
    await lab.reload(m=entry(1))
    status = await lab.status(1)
    assert status is not None
    assert status.is_available


async def test_a_reload_of_a_known_model_comes_back_at_once(lab: Lab) -> None:
    """A version change is OK before it has happened."""
    lab.write(1)
    await lab.reload(m=entry(1))
    lab.write(2)
    await lab.reload(m=entry(1, 2))
    assert await lab.status(2) is None
    await lab.until_state(2, State.AVAILABLE)


async def test_a_model_that_fails_to_load_fails_its_reload_and_keeps_the_words(lab: Lab) -> None:
    """The reload's error and GetModelStatus say why; the same reload again is OK, and the version stays failed."""
    lab.write(1, fail={"code": "DATA_LOSS", "message": "bytes are gone"})
    with pytest.raises(ServingRefused, match=r"did not become available.*bytes are gone"):
        await lab.reload(m=entry(1))
    await lab.reload(m=entry(1))
    status = await lab.status(1)
    assert status is not None
    assert status.has_failed
    assert status.code == 15
    assert "bytes are gone" in status.message


async def test_a_failed_version_is_tried_again_only_after_it_was_dropped(lab: Lab) -> None:
    """While it stays named, a failed version is not loaded again, whatever happens."""
    lab.write(1)
    lab.write(2, fail={"code": "UNAVAILABLE", "message": "not now", "times": 1})
    await lab.reload(m=entry(1))
    await lab.reload(m=entry(1, 2))
    await lab.until_state(2, State.END)
    await lab.reload(m=entry(1, 2))
    await lab.some_polls()
    failed = await lab.status(2)
    assert failed is not None
    assert failed.has_failed
    await lab.reload(m=entry(1))
    await lab.some_polls()
    await lab.reload(m=entry(1, 2))
    await lab.until_state(2, State.AVAILABLE)


async def test_a_version_that_is_dropped_ends_and_stays_listed(lab: Lab) -> None:
    """Its end has no error, and it is listed for ever."""
    lab.write(1)
    lab.write(2)
    await lab.reload(m=entry(1, 2))
    await lab.until_state(2, State.AVAILABLE)
    await lab.until_state(1, State.AVAILABLE)
    await lab.reload(m=entry(2))
    status = await lab.until_state(1, State.END)
    assert not status.has_failed
    await lab.reload()
    await lab.until_state(2, State.END)
    assert (await lab.server.status(M)).keys() == {1, 2}


async def test_a_model_without_folder_makes_its_reload_wait(lab: Lab) -> None:
    """The client's deadline frees the client only: a later reload waits as well, until the folder appears."""
    with pytest.raises(ServingLate):
        await lab.reload(seconds=1.0, m=entry(1))
    lab.write(1, model="other")
    second = lab.begin(other=entry(1))
    await lab.some_polls()
    assert not second.done()
    lab.write(1)
    await lab.until(second.done)
    await second


async def test_a_broken_folder_lets_a_stuck_reload_go(lab: Lab) -> None:
    """An empty folder under the awaited number fails to load, which ends the waiting."""
    waiting = lab.begin(m=entry(1))
    await lab.some_polls()
    assert not waiting.done()
    (lab.folder / "m" / "1").mkdir(parents=True)
    await lab.until(waiting.done)
    with pytest.raises(ServingRefused, match="did not become available"):
        await waiting


async def test_one_missing_folder_stops_all_updates(lab: Lab) -> None:
    """While the base path of a configured model is missing, no model gets a new version; what serves goes on."""
    lab.write(1)
    lab.write(1, model="other")
    await lab.reload(m=entry(1))
    await lab.reload(m=entry(1), other=entry(1))
    shutil.rmtree(lab.folder / "other")
    lab.write(2)
    await lab.reload(m=entry(1, 2), other=entry(1))
    await lab.some_polls()
    assert await lab.status(2) is None
    other = await lab.status(1, model="other")
    assert other is not None
    assert other.is_available
    await lab.reload(m=entry(1, 2))
    await lab.until_state(2, State.AVAILABLE)


async def test_a_version_whose_folder_vanishes_is_unloaded(lab: Lab) -> None:
    """Even if it is the last one."""
    lab.write(1)
    await lab.reload(m=entry(1))
    shutil.rmtree(lab.folder / "m" / "1")
    await lab.until_state(1, State.END)


async def test_another_base_path_keeps_what_is_loaded(lab: Lab) -> None:
    """Versions are compared by number only, so an empty folder elsewhere holds what is in memory."""
    lab.write(1)
    await lab.reload(m=entry(1))
    (lab.folder / "held" / "1").mkdir(parents=True)
    moved = lab.config({"m": entry(1)})
    moved.model_config_list.config[0].base_path = str(lab.folder / "held")
    await lab.server.reload(moved, seconds=5.0)
    shutil.rmtree(lab.folder / "m")
    await lab.some_polls()
    status = await lab.status(1)
    assert status is not None
    assert status.is_available


async def test_a_label_may_name_what_is_available_only(lab: Lab) -> None:
    """Anything else is refused, and what serves goes on."""
    lab.write(1)
    await lab.reload(m=entry(1))
    await lab.reload(m=entry(1, stable=1))
    assert await lab.server.label(M, "stable") == 1
    assert await lab.server.label(M, "canary") is None
    with pytest.raises(ServingRefused, match="assign label to version 2"):
        await lab.reload(m=entry(1, stable=2))
    status = await lab.status(1)
    assert status is not None
    assert status.is_available


async def test_a_load_without_end_ends_when_nobody_wants_it(lab: Lab) -> None:
    """A version that is dropped while it loads ends, and not as a success."""
    lab.write(1)
    lab.write(2, hang=True)
    await lab.reload(m=entry(1))
    await lab.reload(m=entry(1, 2))
    await lab.until_state(2, State.LOADING)
    await lab.reload(m=entry(1))
    assert (await lab.until_state(2, State.END)).code == 1


async def test_a_version_answers_by_its_number(lab: Lab) -> None:
    """Signatures tell the types of inputs, and Predict computes."""
    lab.write(1)
    await lab.reload(m=entry(1))
    key = (M, Version(1))
    assert await lab.server.inputs(key, "no such signature") is None
    dtypes = await lab.server.inputs(key, "serving_default")
    assert dtypes is not None
    feed = {"x": tensors.build([1.0, 2.0], dtypes["x"])}
    answer = await lab.server.predict(key, "serving_default", inputs=feed, outputs=["y"], seconds=5.0)
    assert tensors.read(answer["y"], (2,)) == [2.5, 3.0]


async def test_a_version_that_is_not_loaded_does_not_answer(lab: Lab) -> None:
    """NOT_FOUND, in gRPC's words."""
    with pytest.raises(ServingRefused) as refused:
        await lab.server.predict((M, Version(7)), "serving_default", inputs={}, outputs=["y"], seconds=5.0)
    assert refused.value.code == "NOT_FOUND"
