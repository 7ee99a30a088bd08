"""What the disk says is what is published."""

import json
from datetime import UTC, datetime
from pathlib import Path

from events.names import FileName, ModelName, Version
from service import files, layout
from service.layout import FileRecord, Layout, Quarantine, Receipt

MODEL = ModelName("m")
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def test_published_versions_are_canonical_folders_only(tmp_path: Path) -> None:
    """Files called like versions, other numbers' spellings, our own folder and empty models are no versions."""
    for name in ("m/1", "m/20", "m/007", "m/-3", "m/1.tmp", "empty", ".model-manager/1", "bad name/1"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "m" / "7").write_text("a file")
    (tmp_path / "models.config").write_text("")
    place = Layout(tmp_path)
    assert layout.names(place) == {MODEL, "empty"}
    assert layout.versions(place, MODEL) == {Version(1), Version(20)}
    assert layout.versions(place, ModelName("empty")) == frozenset()


def test_receipt_survives_the_disk(tmp_path: Path) -> None:
    """A receipt is read as it was written."""
    place = Layout(tmp_path)
    record = FileRecord(name=FileName("a/b"), size=1, crc32c=2, generation=3, md5="x")
    receipt = Receipt(model=MODEL, version=Version(1), staged=MOMENT, files=(record,))
    files.write(place.receipt(MODEL, Version(1)), receipt.model_dump_json().encode())
    assert layout.read_receipt(place, MODEL, Version(1)) == receipt


def test_broken_receipt_counts_as_none(tmp_path: Path) -> None:
    """A receipt that cannot be read never stops a pass."""
    place = Layout(tmp_path)
    files.write(place.receipt(MODEL, Version(1)), b"{")
    assert layout.read_receipt(place, MODEL, Version(1)) is None


def test_quarantine_records_are_found_by_model_and_version(tmp_path: Path) -> None:
    """All records are read in one go, broken ones left out."""
    place = Layout(tmp_path)
    record = Quarantine(model=MODEL, version=Version(2), since=MOMENT, reason="DATA_LOSS", fingerprint="f")
    files.write(place.quarantine(MODEL, Version(2)), record.model_dump_json().encode())
    files.write(place.quarantine(MODEL, Version(3)), b"nonsense")
    assert layout.quarantined(place, MODEL) == {Version(2): record}
    assert layout.names(place) == {MODEL}, "a model that has left the disk may have records"


def test_fingerprint_is_of_the_bytes_not_of_the_upload() -> None:
    """The same bytes under new generations are the same content; one other byte is another."""
    first = FileRecord(name=FileName("a"), size=1, crc32c=2, generation=3)
    again = first.model_copy(update={"generation": 9})
    other = first.model_copy(update={"crc32c": 7})
    assert layout.fingerprint((first,)) == layout.fingerprint((again,))
    assert layout.fingerprint((first,)) != layout.fingerprint((other,))


def test_a_quarantine_record_of_before_is_cut_when_it_is_read(tmp_path: Path) -> None:
    """An earlier release wrote whatever TensorFlow Serving had said."""
    layout_of = Layout(tmp_path)
    path = layout_of.quarantine(MODEL, Version(1))
    path.parent.mkdir(parents=True)
    record = {"model": MODEL, "version": 1, "since": "2030-01-01T00:00:00Z", "fingerprint": None}
    path.write_text(json.dumps({**record, "reason": "\x1b[2J" + "x" * 5_000}))
    (found,) = layout.quarantined(layout_of, MODEL).values()
    assert len(found.reason) == 1000
    assert found.reason.startswith(r"\x1b[2J")
