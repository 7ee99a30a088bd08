"""What is staged already, and what equals a published file, is not fetched again; nothing counts unread."""

import json

import pytest

from events.names import Version
from puller.disk import leftovers
from puller.download.transfer import Fetched
from service.errors import Transient
from service.layout import Receipt
from tests.fakes.bucket import break_off
from tests.support.puller_world import MODEL, World

DATA = bytes(range(256)) * 40


async def staged_half(world: World) -> None:
    """A try that ended after 3000 of the bytes."""
    world.bucket.write("m/1/f", DATA)
    world.bucket.faults = [break_off(1000)] * 3
    with pytest.raises(Transient):
        await world.fetch()


async def test_damaged_staged_bytes_are_fetched_again(world: World) -> None:
    """A note is believed only if the bytes have its CRC32C."""
    await staged_half(world)
    with world.staged("f").open("r+b") as file:
        file.seek(10)
        file.write(b"damage")
    assert await world.fetch() == Fetched(bytes_moved=len(DATA), bytes_linked=0, bytes_resumed=0)
    assert world.staged("f").read_bytes() == DATA


async def test_bytes_of_another_generation_are_not_resumed(world: World) -> None:
    """An object that was written again starts anew."""
    await staged_half(world)
    world.bucket.write("m/1/f", DATA[::-1])
    assert (await world.fetch()).bytes_resumed == 0
    assert world.staged("f").read_bytes() == DATA[::-1]


@pytest.mark.parametrize("journal", [b"", b"\x00\xff{", b'{"name": "../../f"}\n[]\n7\n', b"[" * 100_000])
async def test_a_lost_or_damaged_journal_costs_a_fetch_only(world: World, journal: bytes) -> None:
    """Notes that cannot be read are none."""
    await staged_half(world)
    leftovers.journal(world.layout, MODEL, Version(1)).write_bytes(journal)
    await world.fetch()
    assert world.staged("f").read_bytes() == DATA


async def test_a_note_cut_off_by_a_crash_spoils_no_other(world: World) -> None:
    """Whole notes before a cut one are used, and new ones are not appended to its rest."""
    await staged_half(world)
    journal = leftovers.journal(world.layout, MODEL, Version(1))
    journal.write_bytes(journal.read_bytes() + b'{"name": "f", "gener')
    assert (await world.fetch()).bytes_resumed == 3000
    assert (await world.fetch()).bytes_resumed == len(DATA)
    assert all(json.loads(line)["name"] == "f" for line in journal.read_bytes().splitlines())


async def test_leftovers_in_the_way_are_replaced(world: World) -> None:
    """Where an earlier content had a file there may be a folder now, and the other way round."""
    world.bucket.write("m/1/a/b/c", DATA)
    world.bucket.write("m/1/d", DATA)
    world.staged("d/e").mkdir(parents=True)
    world.staged("a").write_bytes(b"in the way")
    await world.fetch()
    assert world.staged("a/b/c").read_bytes() == DATA
    assert world.staged("d").read_bytes() == DATA


async def published_one(world: World) -> Receipt:
    """Version 1 on disk, and version 2 with an equal file under another name and a new one in the bucket."""
    world.bucket.write("m/1/assets/words", DATA)
    await world.fetch(1)
    receipt = await world.publish(1)
    world.bucket.write("m/2/assets/vocabulary", DATA)
    world.bucket.write("m/2/new", b"new")
    world.bucket.requests.clear()
    return receipt


async def test_equal_files_are_linked(world: World) -> None:
    """A file equal to one of a published version is not fetched, and both versions stay as they are."""
    await published_one(world)
    assert await world.fetch(2) == Fetched(bytes_moved=3, bytes_linked=len(DATA), bytes_resumed=0)
    assert [name for name, _, _ in world.bucket.requests] == ["new"]
    await world.publish(2)
    assert world.published(2) == {"assets/vocabulary": DATA, "new": b"new"}
    folder = world.layout.version(MODEL, Version(2))
    assert (folder / "assets/vocabulary").stat().st_nlink == 2
    assert world.published(1) == {"assets/words": DATA}


async def test_a_link_of_an_earlier_try_is_never_written_to(world: World) -> None:
    """Where the bucket's object changed after it was linked, the published file keeps its bytes."""
    await published_one(world)
    await world.fetch(2)
    world.bucket.write("m/2/assets/vocabulary", DATA[::-1])
    await world.fetch(2)
    assert world.staged("assets/vocabulary", 2).read_bytes() == DATA[::-1]
    assert world.published(1) == {"assets/words": DATA}


async def test_a_damaged_published_file_is_not_spread(world: World) -> None:
    """What is linked was read first; other content than the receipt says is fetched instead."""
    receipt = await published_one(world)
    path = world.layout.version(MODEL, Version(1)) / receipt.files[0].name
    path.chmod(0o644)
    path.write_bytes(b"x" + DATA[1:])
    assert await world.fetch(2) == Fetched(bytes_moved=len(DATA) + 3, bytes_linked=0, bytes_resumed=0)
    assert world.staged("assets/vocabulary", 2).read_bytes() == DATA


async def test_another_md5_is_another_file(world: World) -> None:
    """Equal size and CRC32C are not enough where both MD5s are known and differ."""
    receipt = await published_one(world)
    changed = receipt.model_copy(update={"files": (receipt.files[0].model_copy(update={"md5": "AAAA"}),)})
    world.layout.receipt(MODEL, Version(1)).write_text(changed.model_dump_json())
    assert (await world.fetch(2)).bytes_linked == 0


async def test_without_an_md5_size_and_crc_decide(world: World) -> None:
    """Composite objects have none."""
    await published_one(world)
    world.bucket.write("m/2/assets/vocabulary", DATA, is_composite=True)
    assert (await world.fetch(2)).bytes_linked == len(DATA)


async def test_a_published_file_that_is_gone_is_fetched(world: World) -> None:
    """A receipt may name what somebody deleted."""
    await published_one(world)
    (world.layout.version(MODEL, Version(1)) / "assets/words").unlink()
    assert (await world.fetch(2)).bytes_linked == 0
    assert world.staged("assets/vocabulary", 2).read_bytes() == DATA


async def test_room_is_not_asked_for_links(world: World) -> None:
    """Only what is to be fetched must fit."""
    await published_one(world)
    world.bucket.delete("m/2/new")
    fetched = await world.fetch(2, transfer=world.transfer(reserve_bytes=1 << 60))
    assert fetched.bytes_linked == len(DATA)
