"""One node's services over a models folder, and of each service one: who comes second is refused, by name."""

import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from events.names import NodeName
from service.folder_lock import STALE_SECONDS, FolderInUse, FolderLock, Holder, hold
from service.layout import Layout

HERE, THERE = "boot-1", "boot-2"
STARTED = datetime(2026, 1, 1, 12, tzinfo=UTC)


def holder(node: str, service: str, *, instance: str = "1", machine: str = HERE) -> Holder:
    return Holder(
        node=NodeName(node),
        service=service,
        host=f"host-of-{node}",
        machine=machine,
        instance=instance,
        started=STARTED,
    )


class Folder:
    """A models folder and those who hold it."""

    def __init__(self, place: Path) -> None:
        self.layout = Layout(place)
        self.taken: list[FolderLock] = []

    def lock(self, who: Holder) -> FolderLock:
        lock = FolderLock(self.layout, who)
        self.taken.append(lock)
        return lock

    def take(self, who: Holder) -> FolderLock:
        lock = self.lock(who)
        lock.take()
        return lock

    def leave(self, who: Holder, *, seconds: float = 0.0) -> None:
        """Leave the words of one that was killed, or that another machine's kernel knows of alone."""
        path = self.layout.lock(who.service)
        path.parent.mkdir(exist_ok=True)
        path.write_text(who.model_dump_json())
        renewed = path.stat().st_mtime - seconds
        os.utime(path, (renewed, renewed))


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path)
    yield folder
    for lock in folder.taken:
        lock.release()


def test_puller_and_configurator_of_a_node_share_the_folder(folder: Folder) -> None:
    """That is what they are for, in whichever order they start."""
    folder.take(holder("a", "configurator"))
    folder.take(holder("a", "puller", instance="2"))


@pytest.mark.parametrize("service", ["puller", "configurator"])
def test_another_node_is_refused_and_told_who_is_there(folder: Folder, service: str) -> None:
    """Whichever of its services comes: each would delete what the others serve."""
    folder.take(holder("a", "puller"))
    words = (
        "in use by the puller of node a on host host-of-a, started 2026-01-01 12:00:00 UTC: two nodes over one folder"
    )
    with pytest.raises(FolderInUse, match=words):
        folder.take(holder("b", service, instance="2"))
    folder.take(holder("a", "configurator", instance="3"))


def test_a_second_puller_of_the_same_node_is_refused(folder: Folder) -> None:
    """Two of them would stage and sweep in the same folders."""
    folder.take(holder("a", "puller"))
    with pytest.raises(FolderInUse, match="a node has one puller"):
        folder.take(holder("a", "puller", instance="2"))


def test_who_was_refused_leaves_nothing_behind(folder: Folder) -> None:
    """The next of the right node comes in."""
    folder.take(holder("a", "puller"))
    with pytest.raises(FolderInUse):
        folder.take(holder("b", "configurator", instance="2"))
    folder.take(holder("a", "configurator", instance="3"))


def test_a_clean_end_frees_the_folder_for_anybody(folder: Folder) -> None:
    """A node may be renamed, or move to another machine, without a wait."""
    folder.take(holder("a", "puller")).release()
    folder.take(holder("b", "puller", instance="2", machine=THERE))
    folder.take(holder("b", "configurator", instance="3", machine=THERE))


def test_one_that_was_killed_here_holds_nothing(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    """The kernel gave its lock up; who takes over says from whom."""
    folder.leave(holder("a", "puller"))
    folder.leave(holder("a", "configurator"))
    with caplog.at_level(logging.WARNING):
        folder.take(holder("b", "puller", instance="2"))
    assert "models folder taken over from one that is gone" in caplog.text


@pytest.mark.parametrize("left", ["puller", "configurator"])
def test_one_on_another_machine_holds_as_long_as_it_renews(folder: Folder, left: str) -> None:
    """A network file system may carry no locks; then the time of the file tells."""
    folder.leave(holder("a", left, machine=THERE), seconds=STALE_SECONDS - 10)
    with pytest.raises(FolderInUse, match=f"in use by the {left} of node a"):
        folder.take(holder("b", "puller", instance="2"))
    folder.leave(holder("a", left, machine=THERE), seconds=STALE_SECONDS + 10)
    folder.take(holder("b", "puller", instance="2"))


def test_one_that_hung_for_too_long_ends(folder: Folder) -> None:
    """It must not go on writing where another does."""
    hung = folder.take(holder("a", "puller", machine=THERE))
    folder.leave(holder("b", "puller", instance="2"))
    with pytest.raises(FolderInUse, match="taken over by the puller of node b"):
        hung.renew()


def test_two_that_came_in_at_once_do_not_stay(folder: Folder) -> None:
    """Without locks, on a network file system, the next renewal tells."""
    first = folder.take(holder("a", "puller"))
    folder.leave(holder("a", "configurator", machine=THERE))
    first.renew()
    folder.leave(holder("b", "configurator", machine=THERE))
    with pytest.raises(FolderInUse, match="in use by the configurator of node b"):
        first.renew()


def test_a_renewal_moves_the_time_and_heals_a_lock_that_vanished(folder: Folder) -> None:
    """Somebody may tidy the folder up."""
    lock = folder.take(holder("a", "puller"))
    path = folder.layout.lock("puller")
    os.utime(path, (0, 0))
    lock.renew()
    assert path.stat().st_mtime > 0
    path.unlink()
    lock.renew()
    with pytest.raises(FolderInUse):
        folder.take(holder("b", "puller", instance="2"))


def test_a_folder_that_cannot_be_locked_is_no_reason_not_to_serve(
    folder: Folder, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A link in the place of our folder, a full or read-only disk: it is said, and tried again with each renewal."""
    (tmp_path / "elsewhere").mkdir()
    folder.layout.own.symlink_to(tmp_path / "elsewhere")
    lock = folder.lock(holder("a", "puller"))
    with caplog.at_level(logging.WARNING):
        hold(lock)
    assert "models folder not locked" in caplog.text
    assert list((tmp_path / "elsewhere").iterdir()) == []
    folder.layout.own.unlink()
    lock.renew()
    with pytest.raises(FolderInUse):
        folder.take(holder("b", "puller", instance="2"))
