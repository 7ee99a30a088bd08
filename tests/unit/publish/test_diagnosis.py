"""What is no version is told apart before the upload, each case with its way out."""

from pathlib import Path

import pytest

from events import manifest
from events.manifest import Content
from events.names import FileName
from infra.local.versions import saved_model
from master.cli.publish.folder import BadFolder, check, content_of, files_of, guessed, look
from service.saved_model import MAX_TEXT_PARTS
from tests.support.exports import as_text

GRAPH = "saved_model.pb"


def write(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(saved_model() if name.endswith(GRAPH) else b"x")
    return folder


def whole(folder: Path) -> Path:
    return write(folder, GRAPH, "variables/variables.index", "variables/variables.data-00000-of-00001")


def told(path: Path) -> str:
    with pytest.raises(BadFolder) as error:
        check(path)
    return str(error.value)


def test_a_file_of_keras_is_told_with_how_to_export_it(tmp_path: Path) -> None:
    """As a file, in a folder, and in the older format."""
    write(tmp_path, "one/model.keras", "two/weights.h5")
    assert "model.keras is a file of Keras" in told(tmp_path / "one/model.keras")
    for folder in ("one", "two"):
        assert "model.export('FOLDER')" in told(tmp_path / folder)
        assert "holds a model of Keras" in told(tmp_path / folder)


def test_a_folder_of_versions_is_told_with_the_newest_of_them(tmp_path: Path) -> None:
    """The numbers are read as numbers; a folder of exports by name, and one of models, are told, too."""
    for version in (2, 9, 10):
        whole(tmp_path / "model" / str(version))
    assert "holds versions (2, 9, 10), and is none itself" in told(tmp_path / "model")
    assert told(tmp_path / "model").endswith(str(tmp_path / "model" / "10"))
    whole(tmp_path / "exports/best")
    assert "holds SavedModels (best)" in told(tmp_path / "exports")
    assert "holds SavedModels deeper down (model/10, model/2, model/9, exports" not in told(tmp_path)
    assert "deeper down" in told(tmp_path)


def test_a_part_of_a_version_is_told_with_the_whole(tmp_path: Path) -> None:
    """A folder or a file of it."""
    whole(tmp_path / "7")
    assert told(tmp_path / "7/variables").endswith(f"publish the whole folder: {tmp_path / '7'}")
    assert told(tmp_path / "7" / GRAPH).endswith(f"the folder that it is in: {tmp_path / '7'}")


def test_any_other_file_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    """What is missing is named."""
    write(tmp_path, "a.txt")
    (tmp_path / "empty").mkdir()
    assert "a.txt is a file; a version is a folder that holds saved_model.pb" in told(tmp_path / "a.txt")
    assert "saved_model.pb is missing" in told(tmp_path / "empty")


def test_a_manifest_that_fits_goes_with_the_version(tmp_path: Path) -> None:
    """What was once downloaded with its manifest can be published again."""
    folder = whole(tmp_path / "7")
    files = {name: content_of(folder / name, read=lambda _: None) for name in files_of(folder)}
    (folder / "manifest.json").write_bytes(manifest.render(files))
    assert len(check(folder)) == len(look(folder).files) == 3


def test_a_manifest_of_other_files_is_told(tmp_path: Path) -> None:
    """A file too few before anything is read; other bytes once they are read."""
    folder = whole(tmp_path / "7")
    files = {name: content_of(folder / name, read=lambda _: None) for name in files_of(folder)}
    more = {**files, FileName("assets/words.txt"): Content(3, 0)}
    (folder / "manifest.json").write_bytes(manifest.render(more))
    assert "assets/words.txt is missing" in told(folder)
    (folder / "manifest.json").write_bytes(manifest.render(files))
    (folder / "variables/variables.index").write_bytes(b"y")
    assert check(folder)
    with pytest.raises(BadFolder, match=r"variables\.index has other content"):
        look(folder)


def test_a_manifest_of_somebody_elses_is_told(tmp_path: Path) -> None:
    """It would be left out silently, and its name is taken."""
    folder = write(whole(tmp_path / "7"), "manifest.json")
    assert "rename this file, or delete it" in told(folder)


def test_a_graph_that_is_not_read_makes_the_version_a_guess(tmp_path: Path) -> None:
    """The graph says what it needs, in binary and in text; of one in pieces that is not known."""
    folder = whole(tmp_path / "7")
    assert not guessed(folder)
    text = as_text((folder / "saved_model.pb").read_bytes())
    (folder / "saved_model.pb").unlink()
    (folder / "saved_model.pbtxt").write_bytes(text)
    assert not guessed(folder)
    (folder / "saved_model.pbtxt").write_bytes(b"meta_graphs { graph_def {" + b"a{}" * (MAX_TEXT_PARTS // 2) + b"} }")
    assert "saved_model.pbtxt has more than 4,000,000 words and brackets" in guessed(folder)
    assert "its graph is in saved_model.cpb" in guessed(write(tmp_path / "8", "saved_model.cpb"))


def test_a_text_graph_names_what_its_folder_lacks(tmp_path: Path) -> None:
    """It is judged as the binary one."""
    folder = whole(tmp_path / "7")
    text = as_text((folder / "saved_model.pb").read_bytes())
    (folder / "saved_model.pb").unlink()
    (folder / "saved_model.pbtxt").write_bytes(text)
    (folder / "variables/variables.index").unlink()
    with pytest.raises(BadFolder, match=r"variables/variables\.index is missing"):
        check(folder)
