"""What the puller knows of its disk."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from events.names import FileName, ModelName, Version
from puller.disk.contents import Observer
from service.layout import FileRecord, Layout, Receipt

MODEL = ModelName("ranker")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_files_that_versions_share_count_once(layout: Layout) -> None:
    """A file with two names takes its bytes once; what is equal in another model is a file of its own."""
    _publish(layout, 1, {"graph": (100, 1), "weights": (5000, 2)})
    _publish(layout, 2, {"graph": (100, 3), "weights": (5000, 2)})
    _publish(layout, 1, {"weights": (5000, 2)}, model=ModelName("other"))
    observer = Observer(layout)
    observer.look()
    assert observer.bytes_held == 100 + 100 + 5000 + 5000


def test_bytes_follow_the_disk(layout: Layout) -> None:
    """A look at one model brings its share up to date, and leaves that of the others."""
    observer = Observer(layout)
    assert observer.bytes_held == 0
    _publish(layout, 1, {"graph": (100, 1)})
    _publish(layout, 1, {"graph": (7, 1)}, model=ModelName("other"))
    observer.look()
    assert observer.bytes_held == 107
    _publish(layout, 2, {"graph": (30, 4)})
    observer.look([MODEL])
    assert observer.bytes_held == 137
    shutil.rmtree(layout.version(MODEL, Version(1)))
    observer.look([MODEL])
    assert observer.bytes_held == 37
    shutil.rmtree(layout.model(MODEL))
    observer.look([MODEL])
    assert observer.bytes_held == 7


def test_a_version_put_there_by_hand_has_no_known_size(layout: Layout) -> None:
    """Without a receipt nothing is claimed of its bytes."""
    layout.version(MODEL, Version(1)).mkdir(parents=True)
    observer = Observer(layout)
    observer.look()
    assert observer.bytes_held == 0


def _publish(layout: Layout, number: int, files: Mapping[str, tuple[int, int]], *, model: ModelName = MODEL) -> None:
    records = tuple(
        FileRecord(name=FileName(name), size=size, crc32c=crc, generation=1) for name, (size, crc) in files.items()
    )
    receipt = Receipt(model=model, version=Version(number), staged=datetime(2026, 3, 1, tzinfo=UTC), files=records)
    path = layout.receipt(model, receipt.version)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(receipt.model_dump_json())
    layout.version(model, receipt.version).mkdir(parents=True)
