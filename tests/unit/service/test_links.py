"""Symbolic links planted in the models directory lead neither service anywhere else.

Whoever may write there may also change what is served; what he may not is to have a service, which can perhaps do more
than he, write or delete outside of it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from configurator.versions.disk import Disk
from events.names import FileName, ModelName, Version
from puller.disk import leftovers, publication
from service.errors import Transient
from service.layout import FileRecord, Layout, Quarantine, Receipt

MODEL, ONE = ModelName("m"), Version(1)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
RECEIPT = Receipt(
    model=MODEL, version=ONE, staged=MOMENT, files=(FileRecord(name=FileName("f"), size=1, crc32c=1, generation=1),)
)
RECORD = Quarantine(model=MODEL, version=ONE, since=MOMENT, reason="bad", fingerprint=None)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A models directory with a staged version, and beside it what is none of our business."""
    (tmp_path / "models").mkdir()
    layout = Layout(tmp_path / "models")
    stage = layout.stage(MODEL, ONE)
    stage.mkdir(parents=True)
    (stage / "f").write_bytes(b"x")
    precious = tmp_path / "outside" / "m" / "1"
    precious.mkdir(parents=True)
    (precious / "f").write_bytes(b"y")
    (precious / "f").chmod(0o600)
    return layout


def outside(layout: Layout) -> Path:
    return layout.models_dir.parent / "outside"


def plant(layout: Layout, place: Path) -> None:
    """Put a link to the outside in the place of a folder."""
    if place.exists():
        place.rename(layout.models_dir / f"was-{place.name}")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(outside(layout) / "m" if place.name == "m" else outside(layout))


def is_untouched(layout: Layout) -> bool:
    found = {str(path.relative_to(outside(layout))) for path in outside(layout).rglob("*")}
    file = outside(layout) / "m/1/f"
    return found == {"m", "m/1", "m/1/f"} and file.read_bytes() == b"y" and file.stat().st_mode & 0o777 == 0o600


def swept(layout: Layout) -> None:
    """Sweep, and raise what stands in the way."""
    for trouble in leftovers.sweep(layout, keep=[]).troubles.values():
        raise trouble.error


PULLER: dict[str, Callable[[Layout], object]] = {
    "seal": lambda layout: publication.seal(layout, RECEIPT),
    "publish": lambda layout: publication.publish(layout, RECEIPT),
    "discard": lambda layout: leftovers.discard(layout, MODEL, ONE),
    "sweep": swept,
}


@pytest.mark.parametrize("place", [".model-manager", ".model-manager/stage", ".model-manager/stage/m"])
@pytest.mark.parametrize("act", PULLER)
def test_a_puller_goes_through_no_link(layout: Layout, act: str, place: str) -> None:
    """It says which path is a link, and what to do."""
    plant(layout, layout.models_dir / place)
    (outside(layout) / "stage" / "m" / "1").mkdir(parents=True) if place == ".model-manager" else None
    before = sorted(outside(layout).rglob("*"))
    with pytest.raises(Transient, match="is a symbolic link"):
        PULLER[act](layout)
    assert sorted(outside(layout).rglob("*")) == before


def test_a_models_folder_that_is_a_link_gets_no_version(layout: Layout) -> None:
    """A version is published below the models directory, or not at all."""
    publication.seal(layout, RECEIPT)
    plant(layout, layout.model(MODEL))
    with pytest.raises(Transient, match="is a symbolic link"):
        publication.publish(layout, RECEIPT)
    assert is_untouched(layout)


def test_a_link_in_the_place_of_a_staged_file_is_neither_followed_nor_published(layout: Layout) -> None:
    """The file it leads to keeps its mode and its bytes, and the version does not become one with a link in it."""
    file = layout.stage(MODEL, ONE) / "f"
    file.unlink()
    file.symlink_to(outside(layout) / "m/1/f")
    publication.seal(layout, RECEIPT)
    with pytest.raises(Transient, match="is not as it was verified"):
        publication.publish(layout, RECEIPT)
    assert is_untouched(layout)
    assert not layout.version(MODEL, ONE).exists()


CONFIGURATOR: dict[str, tuple[str, Callable[[Disk], object]]] = {
    "trash": (".model-manager/trash", lambda disk: disk.remove((MODEL, ONE))),
    "model": ("m", lambda disk: disk.remove((MODEL, ONE))),
    "quarantine": (".model-manager/quarantine/m", lambda disk: disk.quarantine(RECORD)),
    "held": (".model-manager/held", lambda disk: disk.let_go([MODEL])),
}


@pytest.mark.parametrize("case", CONFIGURATOR)
def test_a_configurator_goes_through_no_link(layout: Layout, case: str) -> None:
    """Nothing outside is removed, moved or written."""
    place, act = CONFIGURATOR[case]
    plant(layout, layout.models_dir / place)
    with pytest.raises(Transient, match="is a symbolic link"):
        act(Disk(layout, layout.models_dir / "models.config"))
    assert is_untouched(layout)


def test_the_trash_is_no_way_out(layout: Layout, caplog: pytest.LogCaptureFixture) -> None:
    """A trash that is a link is not emptied; a link in the trash is deleted, and what it leads to is not."""
    plant(layout, layout.trash)
    Disk(layout, layout.models_dir / "models.config").sweep()
    assert "trash is not deleted" in caplog.text
    layout.trash.unlink()
    plant(layout, layout.trash / "x")
    Disk(layout, layout.models_dir / "models.config").sweep()
    assert not list(layout.trash.iterdir())
    assert is_untouched(layout)
