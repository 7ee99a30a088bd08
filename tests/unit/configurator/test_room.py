"""What leaves the disk of a running node, and what stays."""

from pathlib import Path
from typing import ClassVar

from configurator.serving.applied_config import Key
from configurator.versions.confirmed_versions import Good
from configurator.versions.disk import Disk
from events.desired import Policy
from events.messages import VersionRemoved
from events.names import Version
from service.errors import NoSpaceLeft
from tests.support.configurator import MODEL, Bench


async def test_retention_keeps_the_newest_older_versions(tmp_path: Path) -> None:
    """Two for a rollback, the rest goes, oldest first, and says why."""
    async with Bench(tmp_path, grace_seconds=5.0) as bench:
        await bench.serve(1, 2, 3, 4, 5)
        await bench.until(lambda: bench.on_disk() == {3, 4, 5})
        removed = [event for event in bench.events if isinstance(event, VersionRemoved)]
        assert [event.version for event in removed] == [1, 2]
        assert removed[0].reason == "2 older versions are kept, and not this one"
        await bench.run(30.0)
        assert bench.on_disk() == {3, 4, 5}


async def test_a_model_can_have_a_retention_of_its_own(tmp_path: Path) -> None:
    """Desired state stands in the place of the setting."""
    async with Bench(tmp_path, grace_seconds=1.0) as bench:
        bench.want(Policy(retention=0))
        await bench.serve(1, 2)
        await bench.until(lambda: bench.on_disk() == {2})


async def test_who_has_retention_applied_is_told_what_goes(tmp_path: Path) -> None:
    """A dry run names it and deletes nothing; then it goes at once, and after that there is nothing more."""
    async with Bench(tmp_path, grace_seconds=600.0, retention=1) as bench:
        await bench.serve(1, 2, 3)
        await bench.run(5.0)
        reason = "1 older version is kept, and not this one"
        cleaner = bench.dependencies.cleaner
        assert cleaner.hurry(MODEL, dry_run=True) == (f"would delete version 1 of m: {reason}",)
        await bench.run(5.0)
        assert bench.on_disk() == {1, 2, 3}
        assert cleaner.hurry(None, dry_run=False) == (f"deletes version 1 of m: {reason}",)
        await bench.until(lambda: bench.on_disk() == {2, 3})
        assert cleaner.hurry(None, dry_run=True) == ("would delete nothing: every version on disk is wanted or kept",)


async def test_a_request_for_room_lowers_retention_to_one(tmp_path: Path) -> None:
    """What serves and one version to go back to stay."""
    async with Bench(tmp_path, grace_seconds=1.0) as bench:
        await bench.serve(1, 2, 3)
        bench.dependencies.cleaner.ask_for_room()
        bench.rung = True
        await bench.until(lambda: bench.on_disk() == {2, 3})


async def test_a_full_disk_lowers_retention_to_one(tmp_path: Path) -> None:
    """Less than the reserve is free: only one older version is kept."""
    async with Bench(tmp_path, grace_seconds=1.0, reserve_mib=2**40) as bench:
        await bench.serve(1, 2, 3)
        await bench.until(lambda: bench.on_disk() == {2, 3})


async def test_what_was_put_there_by_hand_is_served_and_never_removed(tmp_path: Path) -> None:
    """A version without a receipt is somebody else's."""
    async with Bench(tmp_path, grace_seconds=1.0, retention=0) as bench:
        bench.publish(1)
        bench.layout.receipt(MODEL, Version(1)).unlink()
        await bench.until(lambda: bench.available() == {1})
        await bench.serve(2)
        await bench.run(20.0)
        assert bench.on_disk() == {1, 2}
        assert bench.state(1).reason == "put there by hand; never removed"


class FullDisk(Disk):
    """A disk on which nothing can be written once versions are on it, until one of them is removed."""

    is_full: ClassVar[bool] = False

    def write_good(self, good: Good) -> None:
        if FullDisk.is_full:
            raise NoSpaceLeft("cannot write the record: No space left on device")
        super().write_good(good)

    def remove(self, key: Key) -> None:
        super().remove(key)
        FullDisk.is_full = False


async def test_a_disk_too_full_to_write_a_record_is_cleaned_first(tmp_path: Path) -> None:
    """What cannot be written must not keep the configurator from making room for it."""
    async with Bench(tmp_path, disk_kind=FullDisk, grace_seconds=1.0, reserve_mib=2**40) as bench:
        await bench.serve(1, 2)
        FullDisk.is_full = True
        bench.publish(3)
        await bench.until(lambda: bench.available() == {2, 3})
        bench.want(Policy(refused=(Version(1),)))
        await bench.until(lambda: bench.serves_only(3))
        assert bench.on_disk() == {2, 3}
