"""An upload becomes right answers of both nodes, and the master says how."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest

from infra.docker import fill
from infra.docker.fill import RECIPES, Recipe
from infra.docker.line import Line
from tests.compose.exports import HALF_PLUS_TWO, LINES
from tests.compose.world import World, eventually

FIRST, SECOND = Line(2.0, 1.0), Line(-1.0, 4.0)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.model)
def test_filled_models_are_served(world: World, recipe: Recipe) -> None:
    """What fill_remote_directory_with_models uploaded last is what both nodes answer."""
    uploaded = fill.versions(world.bucket.names(f"{recipe.model}/"))
    assert uploaded, "the bucket is empty: run fill_remote_directory_with_models first"
    newest = max(uploaded)
    world.wait_served(recipe.model, newest, recipe.line(newest))


@pytest.mark.parametrize("with_manifest", [True, False], ids=["manifest", "no-manifest"])
def test_upload_is_served(world: World, model: str, *, with_manifest: bool) -> None:
    """A new model is served by both nodes, whether or not its uploader writes a manifest."""
    world.upload(model, 1, FIRST, with_manifest=with_manifest)
    world.wait_served(model, 1, FIRST)


def test_model_with_variables_is_served(world: World, model: str) -> None:
    """A real export, with its weights in variables, answers right."""
    world.upload_folder(model, 1, HALF_PLUS_TWO / "1")
    world.wait_served(model, 1, LINES[1])


def test_new_version_replaces_the_old_without_a_failure(world: World, model: str) -> None:
    """A client that asks all the time gets the old answer, then the new one, and never anything else."""
    world.upload(model, 1, FIRST, with_smoke=True)
    world.wait_served(model, 1, FIRST)
    with asking(world, model) as answers:
        world.upload(model, 2, SECOND, with_smoke=True)
        world.wait_served(model, 2, SECOND)
    wrong = [answer for answer in answers if answer not in {FIRST.at(3.0), SECOND.at(3.0)}]
    assert not wrong
    assert answers[0] == FIRST.at(3.0)
    assert answers[-1] == SECOND.at(3.0)


def test_late_older_version_changes_nothing(world: World, model: str) -> None:
    """A version that comes after a higher one is kept on disk at most, and not served."""
    world.upload(model, 5, SECOND)
    world.wait_served(model, 5, SECOND)
    world.upload(model, 4, FIRST)
    world.upload(model, 6, FIRST)
    world.wait_served(model, 6, FIRST)
    for node in world.nodes:
        assert world.wait_cell(model, node, state="serving").serving == (6,)


def test_timeline_tells_the_life_of_a_version(world: World, model: str) -> None:
    """From the upload to its being served, each node's steps are in order, with their times."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)

    def is_whole() -> bool:
        told = world.timeline(model, 1).nodes
        return {one.node for one in told if one.served} == set(world.nodes)

    eventually(is_whole, "both nodes' steps are in the timeline", seen=lambda: world.timeline(model, 1))
    for one in world.timeline(model, 1).nodes:
        steps = [one.download_started, one.published, one.available, one.served]
        assert [step for step in steps if step] == sorted(step for step in steps if step)


@contextmanager
def asking(world: World, model: str) -> Iterator[list[float | str]]:
    """Ask the first node all the time."""
    serving, ended = world.nodes["node-a"], threading.Event()
    answers: list[float | str] = []

    def ask() -> None:
        while not ended.is_set():
            try:
                answers.append(serving.predict(model, 3.0))
            except grpc.RpcError as error:
                answers.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        ended.set()
        thread.join()
