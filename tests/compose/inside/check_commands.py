"""Every admin command through the master's API does what it says, on both nodes, and is on record."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from infra.docker.line import Line
from master.answers import HistoryPage
from tests.compose import exports
from tests.compose.exports import HALF_PLUS_TWO, corrupt
from tests.compose.world import Refusal, World, eventually

LINES = {number: Line(1.0, float(number)) for number in range(1, 6)}


@pytest.fixture
def two(world: World, model: str) -> str:
    """A model with versions 1 and 2, of which 2 is served."""
    for number in (1, 2):
        world.upload(model, number, LINES[number])
        world.wait_served(model, number, LINES[number])
    return model


def test_pin_and_unpin(world: World, two: str) -> None:
    """A pin serves an older version at once, and holds against a newer upload until it is taken away."""
    assert world.change(two, kind="pin", versions=[1]).is_changed
    world.wait_served(two, 1, LINES[1])
    world.upload(two, 3, LINES[3])
    made = world.change(two, kind="unpin", dry_run=True)
    assert {one.node for one in made.nodes} == set(world.nodes)
    world.wait_served(two, 1, LINES[1])
    world.change(two, kind="unpin")
    world.wait_served(two, 3, LINES[3])


def test_pin_on_one_node(world: World, two: str) -> None:
    """A policy for one node leaves the other as it is."""
    world.change(two, kind="pin", versions=[1], nodes=["node-a"])
    world.wait_served(two, 1, LINES[1], on=("node-a",))
    world.wait_served(two, 2, LINES[2], on=("node-b",))


def test_rollback(world: World, two: str) -> None:
    """A rollback serves the version that was served before; its dry run says so first."""
    said = world.change(two, kind="rollback", dry_run=True)
    assert all("1" in " ".join(one.sentences) for one in said.nodes)
    world.change(two, kind="rollback")
    world.wait_served(two, 1, LINES[1])


def test_pull_keeps_a_version_ready(world: World, two: str) -> None:
    """A pulled version is on the disk and not served."""
    world.change(two, kind="pin", versions=[2])
    world.upload(two, 3, LINES[3])
    world.change(two, kind="pull", version=3, ahead=True)  # the nodes may not have seen it yet

    def is_there(node: str) -> bool:
        cell = world.cell(two, node)
        return cell is not None and any(one.version == 3 and one.served == "on disk" for one in cell.versions)

    for node in world.nodes:
        eventually(partial(is_there, node), f"{node} has version 3 on disk")
        world.wait_answers(node, two, LINES[2])


def test_pause_and_resume(world: World, two: str) -> None:
    """A paused model keeps what it serves; resumed, it follows the newest again."""
    world.change(two, kind="pause")
    world.upload(two, 3, LINES[3])
    world.command("sync", model=two)
    world.wait_served(two, 2, LINES[2])
    world.change(two, kind="resume")
    world.wait_served(two, 3, LINES[3])


def test_label(world: World, two: str) -> None:
    """A label answers as its version does, beside the newest."""
    world.change(two, kind="pin", versions=[1, 2])
    for node in world.nodes:
        world.wait_cell(two, node, state="serving", serving=(1, 2))
    world.change(two, kind="label", label="canary", version=2)
    world.change(two, kind="label", label="stable", version=1)
    for serving in world.nodes.values():
        eventually(answers_by_label(world, two, serving.node, {"canary": 2, "stable": 1}), "labels answer")
    world.change(two, kind="label", label="canary", version=None)
    for node in world.nodes:
        eventually(lambda: labels(world, two, node) == {"stable": 1}, f"{node} knows one label")  # noqa: B023 - called at once


def labels(world: World, model: str, node: str) -> dict[str, int]:
    cell = world.cell(model, node)
    return dict(cell.labels) if cell else {}


def answers_by_label(world: World, model: str, node: str, labels: dict[str, int]) -> Callable[[], bool]:
    def are_so() -> bool:
        try:
            answers = {label: world.nodes[node].predict_rest(model, 3.0, label=label) for label in labels}
        except OSError:
            return False
        return answers == {label: LINES[version].at(3.0) for label, version in labels.items()}

    return are_so


def test_retention(world: World, two: str) -> None:
    """With no older version kept, the disk holds only what is served."""
    world.change(two, kind="retention", count=0)
    gathered = world.command("retention", model=two)
    assert {answer.node for answer in gathered.answers} == set(world.nodes)

    def is_alone(node: str) -> bool:
        cell = world.cell(two, node)
        return cell is not None and [one.version for one in cell.versions if one.served] == [2]

    for node in world.nodes:
        eventually(partial(is_alone, node), f"{node} keeps version 2 alone")


def test_remove_and_restore_a_version(world: World, two: str) -> None:
    """A removed version gives way to the one before; restored, it is served again."""
    world.change(two, kind="remove_version", version=2)
    world.wait_served(two, 1, LINES[1])
    world.change(two, kind="restore", version=2)
    world.wait_served(two, 2, LINES[2])


def test_remove_and_restore_a_model(world: World, two: str) -> None:
    """A removed model is unloaded; restored, it is served as before."""
    world.change(two, kind="remove_model")
    for node in world.nodes:
        world.wait_cell(two, node, state="absent", serving=())
        assert not world.nodes[node].answers(two, LINES[2])
    world.change(two, kind="restore")
    world.wait_served(two, 2, LINES[2])


def test_retry_gives_a_quarantined_version_another_try(world: World, model: str, tmp_path: Path) -> None:
    """After a retry the version is tried anew on both nodes, and being still broken is refused anew."""
    world.upload_folder(model, 1, HALF_PLUS_TWO / "1")
    world.wait_served(model, 1, exports.LINES[1])
    world.upload_folder(model, 2, corrupt(tmp_path))
    refusals = f"/v1/history?model={model}&kind=version.quarantined"
    eventually(lambda: len(world.get(refusals, HistoryPage).entries) == 2, "both nodes refused version 2")
    world.change(model, kind="retry", version=2)
    eventually(lambda: len(world.get(refusals, HistoryPage).entries) == 4, "both nodes refused version 2 again")
    for node in world.nodes:
        world.wait_cell(model, node, state="held back", serving=(1,))


def test_explain_says_why(world: World, two: str) -> None:
    """A node that is held on purpose is explained by that."""
    world.change(two, kind="pause")
    world.upload(two, 3, LINES[3])

    def is_explained(node: str) -> bool:
        cell = world.cell(two, node)
        return cell is not None and any("paused" in sentence for sentence in cell.explain)

    for node in world.nodes:
        eventually(
            partial(is_explained, node), f"{node}: the pause is the explanation", seen=partial(world.cell, two, node)
        )
    world.change(two, kind="resume")
    world.wait_served(two, 3, LINES[3])


def test_sync_and_reload_reach_every_node(world: World) -> None:
    """Both nodes answer for their services, and none is missing."""
    for name in ("sync", "reload"):
        gathered = world.command(name)
        assert {answer.node for answer in gathered.answers if answer.is_done} == set(world.nodes)
        assert not gathered.unanswered


def test_change_is_on_record(world: World, two: str) -> None:
    """Who changed what stands in the history."""
    world.change(two, kind="pin", versions=[1])

    def is_on_record() -> bool:
        entries = world.get(f"/v1/history?model={two}&kind=change.made", HistoryPage).entries
        return any("admin" in entry.sentence for entry in entries)

    eventually(is_on_record, "the pin is in the history, with who made it")


@pytest.mark.parametrize(
    ("token", "status"), [("", 401), ("wrong", 401), ("development-viewer", 403)], ids=["none", "wrong", "viewer"]
)
def test_who_may_not_is_refused(world: World, model: str, token: str, status: int) -> None:
    """Without a token, with a wrong one, or with a viewer's, nothing is changed."""
    with pytest.raises(Refusal) as refused:
        world.ask("POST", f"/v1/models/{model}/changes", {"change": {"kind": "pause"}}, token=token)
    assert refused.value.status == status


def test_unknown_field_is_refused(world: World, model: str) -> None:
    """A slip of the pen is an error and not a guess."""
    with pytest.raises(Refusal) as refused:
        world.change(model, kind="pin", version=[1])
    assert refused.value.status in {400, 422}
