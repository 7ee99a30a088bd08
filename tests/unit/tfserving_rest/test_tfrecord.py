"""TFRecord files are read whole or refused."""

from pathlib import Path

import pytest

from infra.tfserving.servable import Code, LoadFailure
from infra.tfserving.tfrecord import records
from tests.support.exports import record


def test_the_checksum_is_that_of_tensorflow() -> None:
    """A record written by TensorFlow's own writer has these bytes."""
    assert record(b"abc").hex() == "0300000000000000b099490e6162636e57f121"


def test_records_come_in_order(tmp_path: Path) -> None:
    """Empty records are records; an empty file has none."""
    file = tmp_path / "requests"
    file.write_bytes(record(b"one") + record(b"") + record(b"three"))
    assert list(records(file)) == [b"one", b"", b"three"]
    file.write_bytes(b"")
    assert list(records(file)) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (record(b"one")[:-1], "truncated record at 0"),
        (record(b"one") + record(b"two")[:5], "truncated record at 19"),
        (b"this is no TFRecord file", "corrupted record at 0"),
        (record(b"one").replace(b"one", b"two"), "corrupted record at 0"),
    ],
)
def test_a_damaged_file_is_data_loss(tmp_path: Path, content: bytes, message: str) -> None:
    """The failure names the place of the damage."""
    file = tmp_path / "requests"
    file.write_bytes(content)
    with pytest.raises(LoadFailure) as caught:
        list(records(file))
    assert caught.value.code is Code.DATA_LOSS
    assert caught.value.message == f"{message}. Please verify your warmup data is in TFRecord format."
