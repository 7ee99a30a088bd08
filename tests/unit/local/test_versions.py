"""The versions the demo uploads are what it says they are."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.predict import Answer
from infra.local.versions import SCRIPT, SHARD, varint, write_corrupt, write_half, write_scripted
from infra.tfserving.saved_model import read_export
from master.cli.publish.folder import BadFolder, check, content_of, files_of


@pytest.fixture
def good(tmp_path: Path) -> Path:
    write_scripted(tmp_path)
    return tmp_path / "2"


def test_a_scripted_version_is_a_savedmodel_with_variables(good: Path) -> None:
    """What is written without TensorFlow is a SavedModel that has its variables."""
    export = read_export(good, tags=["serve"])
    assert export.graph is not None
    assert export.graph.saver_def.restore_op_name
    assert export.is_initialized


def test_half_a_version_lacks_only_its_weights(good: Path, tmp_path: Path) -> None:
    """The half upload has all files but the data shard."""
    write_half(good, tmp_path / "3")
    assert set(files_of(good)) - set(files_of(tmp_path / "3")) == {SHARD.as_posix()}


def test_a_corrupt_version_differs_in_one_bit_of_its_weights(good: Path, tmp_path: Path) -> None:
    """The corrupt version has the same files and sizes, and the scripted loader is told to refuse it."""
    write_corrupt(good, tmp_path / "4")
    before, after = (good / SHARD).read_bytes(), (tmp_path / "4" / SHARD).read_bytes()
    assert sum((one ^ other).bit_count() for one, other in zip(before, after, strict=True)) == 1
    assert json.loads((tmp_path / "4" / SCRIPT).read_text())["fail"]["code"] == "DATA_LOSS"


def test_a_folder_without_a_savedmodel_is_not_uploaded(tmp_path: Path) -> None:
    """A folder that is no version is refused before anything is sent."""
    (tmp_path / "readme.txt").touch()
    with pytest.raises(BadFolder, match=r"saved_model\.pb is missing"):
        check(tmp_path)


def test_an_old_manifest_is_not_a_file_of_the_version(good: Path) -> None:
    """A manifest that lies in the folder is not uploaded as a file: a new one is written last."""
    names = files_of(good)
    (good / "manifest.json").touch()
    assert files_of(good) == names


def test_content_is_size_and_crc32c(tmp_path: Path) -> None:
    """The checksum is Cloud Storage's: CRC32C of "123456789" is 0xE3069283."""
    (tmp_path / "check").write_bytes(b"123456789")
    content = content_of(tmp_path / "check")
    assert (content.size, content.crc32c) == (9, 0xE3069283)


@pytest.mark.parametrize(("number", "data"), [(1, b"\x01"), (127, b"\x7f"), (128, b"\x80\x01"), (300, b"\xac\x02")])
def test_lengths_are_varints(number: int, data: bytes) -> None:
    """Lengths are written as protocol buffers read them."""
    assert varint(number) == data


@pytest.mark.parametrize(
    ("values", "is_right"),
    [((1.0, 2.0), True), ((1.0, 2.005), True), ((1.0, 2.5), False), ((1.0,), False), ((), False)],
)
def test_an_answer_is_right_within_the_tolerance(values: tuple[float, ...], *, is_right: bool) -> None:
    """A wrong number, a missing one and no answer at all are wrong."""
    assert Answer(datetime.now(UTC), 1, values).is_right((1.0, 2.0)) is is_right
