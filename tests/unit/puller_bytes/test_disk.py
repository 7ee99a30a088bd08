"""Publishing by one rename, room, leftovers."""

import stat
from pathlib import Path

import pytest

from events.names import Version
from puller.disk import leftovers, room
from service.errors import NoSpaceLeft, Transient
from service.isolation import Each
from service.layout import read_receipt, versions
from tests.support.puller_world import MODEL, World, contents

FILES = {"saved_model.pb": b"graph", "assets/deep/words": b"words", "assets/empty": b""}


async def staged(world: World, version: int = 1) -> None:
    """A version that is staged whole."""
    for name, data in FILES.items():
        world.bucket.write(f"m/{version}/{name}", data)
    await world.fetch(version)


async def test_published_is_exactly_the_version(world: World) -> None:
    """The folder holds the version's files and nothing of ours; the receipt says what they are."""
    await staged(world)
    world.staged("assets/leftover/x").parent.mkdir()
    world.staged("assets/leftover/x").write_bytes(b"of an earlier content")
    receipt = await world.publish()
    assert world.published() == FILES
    assert sorted(path.name for path in (world.layout.version(MODEL, Version(1)) / "assets").iterdir()) == [
        "deep",
        "empty",
    ]
    assert read_receipt(world.layout, MODEL, Version(1)) == receipt
    assert versions(world.layout, MODEL) == {1}
    assert contents(world.layout.own / "stage") == {}


async def test_published_files_are_readable_by_all_and_writable_by_none(world: World) -> None:
    """TensorFlow Serving runs as another user, and equal files are shared between versions."""
    await staged(world)
    await world.publish()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in world.layout.model(MODEL).rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in world.layout.model(MODEL).rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o444}, {0o755})


async def test_an_existing_version_is_never_replaced(world: World) -> None:
    """Not even by the same files."""
    await staged(world)
    world.layout.version(MODEL, Version(1)).mkdir(parents=True)
    with pytest.raises(Transient, match="never replaced"):
        await world.publish()
    assert world.published() == {}


async def test_a_stage_that_is_not_as_verified_is_not_published(world: World) -> None:
    """A missing or cut file stops the publication, and nothing is visible."""
    await staged(world)
    world.staged("assets/deep/words").chmod(0o644)
    world.staged("assets/deep/words").write_bytes(b"cut")
    with pytest.raises(Transient, match="not as it was verified"):
        await world.publish()
    assert world.published() is None


async def test_sweep_takes_leftovers_and_keeps_what_is_wanted(world: World) -> None:
    """Stages and receipts that belong to nothing go; wanted stages and published receipts stay."""
    await staged(world, 1)
    await world.publish(1)
    await staged(world, 2)
    await staged(world, 3)
    layout = world.layout
    orphan = layout.receipt(MODEL, Version(9))
    orphan.write_text("{}")
    stray = layout.receipt(MODEL, Version(1)).with_name(".1.json.abc.new")
    stray.write_text("{")
    (layout.own / "stage/m/not a number").mkdir()
    assert (
        len(leftovers.sweep(layout, keep={(MODEL, Version(2))}).done) == 5
    )  # stage and journal of 3, the two receipts, the folder
    assert contents(layout.stage(MODEL, Version(2))) == FILES
    assert not layout.stage(MODEL, Version(3)).exists()
    assert (await world.fetch(2)).bytes_moved == 0
    assert layout.receipt(MODEL, Version(1)).exists()
    assert not orphan.exists()
    assert leftovers.sweep(layout, keep={(MODEL, Version(2))}) == Each({}, {})


def test_sweep_of_an_empty_disk(world: World) -> None:
    """The first start finds nothing to do."""
    assert leftovers.sweep(world.layout, keep=()) == Each({}, {})


async def test_discard_drops_stage_and_notes(world: World) -> None:
    """A version that is not wanted any more leaves nothing; doing it twice is no error."""
    await staged(world)
    for _ in range(2):
        leftovers.discard(world.layout, MODEL, Version(1))
        assert contents(world.layout.own / "stage") == {}


def test_space_is_measured(world: World) -> None:
    """Total, free and reserve are told in bytes."""
    space = room.space(world.layout, reserve_bytes=7)
    assert space.total >= space.free > 0
    assert space.reserve == 7


def test_a_models_directory_that_is_gone_is_transient(world: World) -> None:
    """A volume that is not mounted is waited for."""
    world.layout.models_dir.rmdir()
    with pytest.raises(Transient, match="cannot measure"):
        room.space(world.layout, reserve_bytes=0)


def test_no_room_is_a_kind_of_no_space(world: World) -> None:
    """Whoever looks for a full disk finds both."""
    with pytest.raises(NoSpaceLeft, match="bytes free"):
        room.admit(world.layout, needed=1, reserve_bytes=1 << 60)
    room.admit(world.layout, needed=0, reserve_bytes=1 << 60)


def test_prune_keeps_links_from_leading_outside(tmp_path: Path) -> None:
    """A link in a stage is removed itself, what it points to is not touched."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"mine")
    stage = tmp_path / "stage"
    stage.mkdir()
    (stage / "link").symlink_to(outside)
    leftovers.prune(stage, keep=())
    assert list(stage.iterdir()) == []
    assert (outside / "file").read_bytes() == b"mine"
