"""The models directory: what is on it, and how things leave it."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from configurator.serving.applied_config import Entry
from configurator.versions.disk import Disk
from events.names import Version
from service.errors import Transient
from service.layout import Layout, Quarantine
from tests.support.configurator import MODEL, publish

ONE, TWO = Version(1), Version(2)
NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


@pytest.fixture
def disk(layout: Layout) -> Disk:
    return Disk(layout, layout.models_dir / "models.config")


def test_a_removed_version_leaves_by_one_rename_and_is_deleted_later(layout: Layout, disk: Disk) -> None:
    """Its receipt goes last, so that a death in between never makes it look put there by hand."""
    publish(layout, MODEL, 1)
    disk.remove((MODEL, ONE))
    assert not layout.version(MODEL, ONE).exists()
    assert not layout.receipt(MODEL, ONE).exists()
    assert len(list(layout.trash.iterdir())) == 1
    disk.sweep()
    assert not any(layout.trash.iterdir())


def test_removing_what_is_gone_is_a_failed_try(disk: Disk) -> None:
    """The next pass sees that it is gone."""
    with pytest.raises(Transient, match="cannot remove"):
        disk.remove((MODEL, ONE))


def test_an_empty_folder_is_no_version(layout: Layout, disk: Disk) -> None:
    """Without a receipt and without files it can only be left over."""
    layout.version(MODEL, ONE).mkdir(parents=True)
    publish(layout, MODEL, 2)
    folder = disk.look([]).done[MODEL]
    assert folder.versions == {TWO}
    assert folder.hollow == {ONE}
    disk.clear((MODEL, ONE))
    assert not layout.version(MODEL, ONE).exists()


def test_a_quarantine_record_concerns_the_bytes_it_was_written_for(layout: Layout, disk: Disk) -> None:
    """Other bytes under the same number are another version; none at all are still the same."""
    publish(layout, MODEL, 1, seed=1)
    record = Quarantine(
        model=MODEL, version=ONE, since=NOW, reason="broken", fingerprint=disk.fingerprint((MODEL, ONE))
    )
    disk.quarantine(record)
    assert disk.look([]).done[MODEL].quarantined == {ONE: record}
    disk.remove((MODEL, ONE))
    assert disk.look([]).done[MODEL].quarantined == {ONE: record}
    publish(layout, MODEL, 1, seed=2)
    assert disk.look([]).done[MODEL].quarantined == {}
    disk.release((MODEL, ONE))
    disk.release((MODEL, ONE))


def test_a_model_without_folder_is_seen_as_such(disk: Disk) -> None:
    """It was asked about by name."""
    assert not disk.look([MODEL]).done[MODEL].is_there


def test_a_held_model_has_a_folder_with_all_its_versions(layout: Layout, disk: Disk) -> None:
    """Links to what is on disk, empty folders for what is in memory; no held model, no stand-in."""
    publish(layout, MODEL, 2)
    entry = Entry(frozenset({ONE, TWO}), is_held=True)
    for _ in range(2):
        held = disk.hold(MODEL, entry)
        assert (held / "2" / "saved_model.pb").exists()
        assert (held / "1").is_dir()
    shutil.rmtree(layout.model(MODEL))
    publish(layout, MODEL, 1)
    held = disk.hold(MODEL, entry)
    assert (held / "1" / "saved_model.pb").exists()
    assert (held / "2").is_dir()
    disk.let_go([MODEL])
    assert not held.exists()
    assert layout.version(MODEL, ONE).is_dir()
    assert disk.hold(MODEL, Entry(frozenset({ONE}))) == layout.model(MODEL)


def test_props_appear_under_the_numbers_that_are_waited_for(layout: Layout, disk: Disk) -> None:
    """Beside what is there, or as a whole folder."""
    publish(layout, MODEL, 2)
    disk.prop(MODEL, [ONE])
    assert disk.look([]).done[MODEL].hollow == {ONE}
    shutil.rmtree(layout.model(MODEL))
    disk.prop(MODEL, [ONE, TWO])
    assert disk.look([]).done[MODEL].hollow == {ONE, TWO}


def test_last_good_versions_are_read_back(layout: Layout, disk: Disk) -> None:
    """The record is the truth, the file says what is safe to start with."""
    good = {MODEL: frozenset({ONE})}
    disk.write_good(good)
    disk.write_config({})
    assert disk.read_good() == (good, {})


def test_without_a_record_the_file_is_one(disk: Disk) -> None:
    """So that the record can be lost without loss."""
    good = {MODEL: frozenset({ONE})}
    disk.write_config(good)
    assert disk.read_good() == (good, good)


def test_without_a_file_the_record_is_one(layout: Layout, disk: Disk) -> None:
    """Also where the file is broken."""
    good = {MODEL: frozenset({ONE})}
    disk.write_good(good)
    assert disk.read_good() == (good, good)
    (layout.models_dir / "models.config").write_text("{")
    assert disk.read_good() == (good, good)


def test_a_first_start_knows_nothing(disk: Disk) -> None:
    """Neither file nor record."""
    assert disk.read_good() == ({}, {})


def test_a_folder_with_something_in_it_stays(layout: Layout, disk: Disk) -> None:
    """Whatever it is."""
    layout.model(MODEL).mkdir()
    (layout.model(MODEL) / "notes.txt").touch()
    disk.remove_folder(MODEL)
    assert layout.model(MODEL).exists()
    (layout.model(MODEL) / "notes.txt").unlink()
    disk.remove_folder(MODEL)
    assert not layout.model(MODEL).exists()


FOREIGN = b"""model_config_list { config { name: "old" base_path: "/srv/old" model_platform: "tensorflow" } }\n"""


@pytest.mark.parametrize("content", [FOREIGN, b"garbage", b"\xff", b"custom_model_config {}\n"])
def test_somebody_elses_config_is_kept_once_and_said(
    layout: Layout, disk: Disk, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """Who had TensorFlow Serving configured by hand finds it again, and what comes later does not take its place."""
    file, copy = layout.models_dir / "models.config", layout.models_dir / "models.config.before-model-manager"
    file.write_bytes(content)
    with caplog.at_level("WARNING", "configurator.disk"):
        disk.keep_foreign()
        disk.write_config({})
        file.write_bytes(b"more garbage")
        disk.keep_foreign()
    assert copy.read_bytes() == content
    assert len(caplog.records) == 1


@pytest.mark.parametrize("content", [None, b"", b"model_config_list {}", b"model_config_list {\n}\n"])
def test_a_file_without_anything_is_not_kept(layout: Layout, disk: Disk, content: bytes | None) -> None:
    """Stacks make an empty one for TensorFlow Serving to start with."""
    if content is not None:
        (layout.models_dir / "models.config").write_bytes(content)
    disk.keep_foreign()
    assert not (layout.models_dir / "models.config.before-model-manager").exists()


def test_our_own_config_is_not_kept(layout: Layout, disk: Disk) -> None:
    """A restart leaves nothing behind."""
    disk.write_config({MODEL: frozenset({ONE, TWO})})
    disk.keep_foreign()
    assert [path.name for path in layout.models_dir.iterdir()] == ["models.config"]
