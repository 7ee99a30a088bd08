"""Files that came late are put beside those of a published version, in steps that a crash may end anywhere."""

import stat

import pytest

from events.names import FileName, Version
from puller.disk import extending, leftovers
from service.errors import Transient
from service.isolation import Each
from service.layout import extended, read_receipt
from tests.support.puller_world import MODEL, World, contents

FILES = {"saved_model.pb": b"graph", "assets/words": b"words"}
LATE = {"assets.extra/smoke.json": b"{}", "assets.extra/deep/x": b"x", "assets/more": b"more", "fingerprint.pb": b"f"}
NAMES = frozenset(map(FileName, LATE))
ONE = Version(1)


class Crash(Exception):
    """The process ended here."""


async def late(world: World) -> None:
    """A published version, and a stage that holds it with the files that came late."""
    for name, data in FILES.items():
        world.bucket.write(f"m/1/{name}", data)
    await world.fetch()
    await world.publish()
    for name, data in LATE.items():
        world.bucket.write(f"m/1/{name}", data)
    await world.fetch()


async def test_the_version_has_all_files_then(world: World) -> None:
    """As if it had come so: contents, modes, receipt; nothing of the stage stays, and the version is marked."""
    await late(world)
    extending.extend(world.layout, receipt := await world.receipt(), NAMES)
    assert world.published() == {**FILES, **LATE}
    paths = list(world.layout.version(MODEL, ONE).rglob("*"))
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o444}
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o755}
    assert read_receipt(world.layout, MODEL, ONE) == receipt
    assert extended(world.layout, MODEL) == {ONE}
    assert contents(world.layout.own / "stage") == {}
    assert leftovers.sweep(world.layout, keep=()) == Each({}, {})


async def test_files_that_are_there_are_linked_and_not_fetched_again(world: World) -> None:
    """An addition to a version of gigabytes costs what is added."""
    await late(world)
    fetched = await world.fetch()
    assert fetched.bytes_moved == 0
    graph = world.layout.version(MODEL, ONE) / "saved_model.pb"
    assert graph.stat().st_ino == world.staged("saved_model.pb").stat().st_ino


def steps() -> list[str]:
    adding = [f"add {name}" for name in sorted(NAMES)]
    return ["check", "prune", "permissions", *adding, "sync folders", "mark", "receipt", "discard stage", "done"]


@pytest.mark.parametrize("at", steps())
async def test_a_crash_at_any_step_leaves_the_version_served_and_is_made_good(world: World, at: str) -> None:
    """What was published is whole; who tests it later sees all that the receipt names; the next try ends it."""

    def stop(step: str) -> None:
        if step == at:
            raise Crash

    await late(world)
    before = read_receipt(world.layout, MODEL, ONE)
    with pytest.raises(Crash):
        extending.extend(world.layout, await world.receipt(), NAMES, step=stop)
    found, receipt = world.published(), read_receipt(world.layout, MODEL, ONE)
    assert found is not None
    assert receipt is not None
    assert found.items() >= FILES.items()
    assert {record.name for record in receipt.files} <= found.keys()
    assert receipt == before or extended(world.layout, MODEL) == {ONE}
    leftovers.sweep(world.layout, keep=())
    await world.fetch()
    extending.extend(world.layout, await world.receipt(), NAMES)
    assert world.published() == {**FILES, **LATE}
    assert extended(world.layout, MODEL) == {ONE}


async def test_a_version_that_is_gone_gets_nothing(world: World) -> None:
    """It was removed meanwhile: no folder comes back with half of its files."""
    await late(world)
    world.layout.version(MODEL, ONE).rename(world.layout.own / "gone")
    with pytest.raises(Transient, match="nothing to add files to"):
        extending.extend(world.layout, await world.receipt(), NAMES)
    assert world.published() is None


async def test_links_in_the_version_lead_nothing_outside(world: World) -> None:
    """A folder of the version that somebody made a link is refused."""
    await late(world)
    outside = world.layout.models_dir.parent / "outside"
    outside.mkdir()
    (world.layout.version(MODEL, ONE) / "assets.extra").symlink_to(outside)
    with pytest.raises(Transient, match="link"):
        extending.extend(world.layout, await world.receipt(), NAMES)
    assert list(outside.iterdir()) == []


async def test_marks_of_versions_that_are_gone_are_swept(world: World) -> None:
    """As receipts are."""
    await late(world)
    extending.extend(world.layout, await world.receipt(), NAMES)
    world.layout.version(MODEL, ONE).rename(world.layout.own / "gone")
    leftovers.sweep(world.layout, keep=())
    assert extended(world.layout, MODEL) == frozenset()
    assert read_receipt(world.layout, MODEL, ONE) is None
