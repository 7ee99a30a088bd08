"""What must not be served is not, the old version goes on, and the master says why."""

import shutil
from pathlib import Path

import pytest

from infra.docker.line import Line, write
from tests.compose.exports import DATA, HALF_PLUS_TWO, LINES, corrupt
from tests.compose.world import World

FIRST, SECOND = LINES[1], LINES[2]


def test_half_an_upload_waits_for_its_rest(world: World, model: str) -> None:
    """Without its weights a version is not served, the reason names the file, and the rest completes it."""
    world.upload_folder(model, 1, HALF_PLUS_TWO / "1")
    world.wait_served(model, 1, FIRST)
    files = {path.relative_to(HALF_PLUS_TWO / "2").as_posix(): path for path in (HALF_PLUS_TWO / "2").rglob("*.*")}
    for name, path in files.items():
        if name != DATA:
            world.bucket.write_file(f"{model}/2/{name}", path)
    for node in world.nodes:
        cell = world.wait_cell(model, node, state="uploading", serving=(1,))
        assert "variables.data" in cell.reason
        world.wait_answers(node, model, FIRST)
    world.bucket.write_file(f"{model}/2/{DATA}", files[DATA])
    world.wait_served(model, 2, SECOND)


def test_manifest_without_its_files_is_not_served(world: World, model: str) -> None:
    """A manifest that names what is not there holds the version back, with the missing file's name."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    world.upload(model, 2, SECOND, size=1024)
    world.wait_served(model, 2, SECOND)
    for name in ("saved_model.pb", "manifest.json"):
        world.bucket.write(f"{model}/3/{name}", world.bucket.read(f"{model}/2/{name}"))
    for node in world.nodes:
        cell = world.wait_cell(model, node, state="uploading", serving=(2,))
        assert "assets.extra/padding.bin" in cell.reason


def test_bytes_that_differ_from_the_manifest_are_not_served(world: World, model: str) -> None:
    """Objects of the right size and with other bytes hold the version back, and the reason names the file."""
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    world.upload(model, 2, SECOND)
    world.wait_served(model, 2, SECOND)
    world.bucket.write(f"{model}/3/saved_model.pb", world.bucket.read(f"{model}/1/saved_model.pb"))
    world.bucket.write(f"{model}/3/manifest.json", world.bucket.read(f"{model}/2/manifest.json"))
    for node in world.nodes:
        cell = world.wait_cell(model, node, state="uploading", serving=(2,))
        assert "saved_model.pb" in cell.reason
    world.bucket.write(f"{model}/3/saved_model.pb", world.bucket.read(f"{model}/2/saved_model.pb"))
    world.wait_served(model, 3, SECOND)


def test_corrupt_weights_go_to_quarantine(world: World, model: str, tmp_path: Path) -> None:
    """A version that does not load is refused with TensorFlow Serving's words, and the old one goes on."""
    world.upload_folder(model, 1, HALF_PLUS_TWO / "1")
    world.wait_served(model, 1, FIRST)
    world.upload_folder(model, 2, corrupt(tmp_path))
    for node in world.nodes:
        cell = world.wait_cell(model, node, state="held back", serving=(1,))
        assert "serves 1; 2 refused: TensorFlow Serving could not load it" in cell.reason
        world.wait_answers(node, model, FIRST)


def test_wrong_sample_goes_to_quarantine(world: World, model: str, tmp_path: Path) -> None:
    """A version that loads and answers its sample wrongly is taken back."""
    world.upload(model, 1, FIRST, with_smoke=True)
    world.wait_served(model, 1, FIRST)
    write(SECOND, tmp_path / "2", with_smoke=True)
    write(Line(9.0, 9.0), tmp_path / "liar")
    shutil.copy(tmp_path / "liar/saved_model.pb", tmp_path / "2/saved_model.pb")
    world.upload_folder(model, 2, tmp_path / "2")
    for node in world.nodes:
        world.wait_cell(model, node, state="held back", serving=(1,))
        # Until the wrong one is unloaded, clients that name no version may still meet it (docs/limits.md).
        world.wait_answers(node, model, FIRST)


@pytest.mark.parametrize("name", ["{}/latest/saved_model.pb", "{}/v7/saved_model.pb", "{}/1/../../escape"])
def test_hostile_names_are_ignored(world: World, model: str, name: str) -> None:
    """Objects that are no file of a version neither stop a good version nor become one."""
    world.bucket.write(name.format(model), b"nothing good")
    world.upload(model, 1, FIRST)
    world.wait_served(model, 1, FIRST)
    cell = world.cell(model, "node-a")
    assert cell is not None
    assert [one.version for one in cell.versions] == [1]
