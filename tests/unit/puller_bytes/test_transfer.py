"""Staging a version: every byte checked, whatever the bucket does."""

import asyncio

import pytest

from events.names import FileName, Version
from puller.disk import ranges
from puller.disk.room import NoRoom
from puller.download.engine import Interrupted
from puller.download.transfer import RANGES_AT_ONCE, Fetched, Wanted
from service.errors import Transient
from tests.fakes.bucket import Fault, break_off, end_early, flip, go_on, hang, refuse
from tests.support.puller_world import MODEL, World, contents

DATA = bytes(range(256)) * 40  # ten pieces of the fake
BIG = 2 * ranges.RANGE_BYTES + 5000


async def test_stages_files_of_every_kind(world: World) -> None:
    """Nested, empty and odd-named files arrive with their bytes, and nothing else does."""
    files = {
        "saved_model.pb": DATA,
        "assets/empty": b"",
        "assets/deep/er/a b#c?%20é.txt": b"x",
        "variables/v": DATA[1:],
    }
    for name, data in files.items():
        world.bucket.write(f"m/1/{name}", data)
    moved = sum(map(len, files.values()))
    assert await world.fetch() == Fetched(bytes_moved=moved, bytes_linked=0, bytes_resumed=0)
    assert contents(world.layout.stage(MODEL, Version(1))) == files


async def test_large_files_are_fetched_in_ranges(world: World) -> None:
    """A file longer than a range is put together from several requests."""
    data = DATA * (BIG // len(DATA) + 1)
    world.bucket.piece_bytes = 1 << 20
    world.bucket.write("m/1/shard", data)
    await world.fetch()
    assert len(world.bucket.requests) == 3
    assert world.staged("shard").read_bytes() == data


@pytest.mark.parametrize("fault", [break_off(1500), end_early(2500), hang(1000), go_on(), refuse(Interrupted("503"))])
async def test_a_fault_is_mended_within_the_pass(world: World, fault: Fault) -> None:
    """A request that breaks off, ends early, hangs, gives too much or fails is tried again from where it ended."""
    world.bucket.write("m/1/f", DATA)
    world.bucket.faults = [fault, fault]
    await world.fetch()
    assert world.staged("f").read_bytes() == DATA
    assert len(world.bucket.requests) == 3
    starts = [start for _, start, _ in world.bucket.requests]
    assert starts == sorted(starts)


async def test_a_fault_that_stays_is_left_to_the_next_pass(world: World) -> None:
    """Tries are bounded, the words name the object, and the next pass goes on where this one ended."""
    world.bucket.write("m/1/f", DATA)
    world.bucket.faults = [break_off(1000)] * 3
    with pytest.raises(Transient, match="reset"):
        await world.fetch()
    assert await world.fetch() == Fetched(bytes_moved=len(DATA) - 3000, bytes_linked=0, bytes_resumed=3000)
    assert world.staged("f").read_bytes() == DATA


async def test_a_flipped_byte_is_fetched_again(world: World) -> None:
    """CRC32C finds it, the file is fetched again once from its start, and the result is right."""
    world.bucket.write("m/1/f", DATA)
    world.bucket.write("m/1/other", DATA[:100])
    world.bucket.faults = [flip(777)]
    fetched = await world.fetch()
    assert world.staged("f").read_bytes() == DATA
    assert fetched.bytes_moved == 2 * len(DATA) + 100
    assert [name for name, _, _ in world.bucket.requests].count("other") == 1


async def test_bytes_that_stay_wrong_are_refused(world: World) -> None:
    """Twice wrong is an error that names the file; the wrong bytes are not resumed."""
    world.bucket.write("m/1/f", DATA)
    world.bucket.faults = [flip(5), flip(5)]
    with pytest.raises(Transient, match="f: twice, what came was not what the bucket lists"):
        await world.fetch()
    assert (await world.fetch()).bytes_resumed == 0
    assert world.staged("f").read_bytes() == DATA


async def test_an_object_replaced_on_the_way_is_not_mixed_in(world: World) -> None:
    """Bytes come from the listed generation or not at all."""
    world.bucket.write("m/1/f", DATA)
    listed = await world.files()
    world.bucket.write("m/1/f", DATA[::-1])
    with pytest.raises(Transient, match="replaced or deleted while it was fetched; the next pass looks again"):
        await world.transfer().fetch(Wanted(MODEL, Version(1), listed), on_progress=world.progress.append)
    await world.fetch()
    assert world.staged("f").read_bytes() == DATA[::-1]


async def test_requests_at_once_are_bounded_over_all_versions(world: World) -> None:
    """Two versions at once share the lanes of the process."""
    for version in (1, 2):
        for number in range(12):
            world.bucket.write(f"m/{version}/f{number}", DATA)
    transfer = world.transfer()
    await asyncio.gather(world.fetch(1, transfer=transfer), world.fetch(2, transfer=transfer))
    assert world.bucket.most_running == RANGES_AT_ONCE


async def test_no_room_is_said_before_the_first_byte(world: World) -> None:
    """Size and reserve must fit; the numbers are told, nothing is requested."""
    world.bucket.write("m/1/f", DATA)
    with pytest.raises(NoRoom) as refused:
        await world.fetch(transfer=world.transfer(reserve_bytes=1 << 60))
    assert refused.value.bytes_needed == 3 * 4096  # whole blocks
    assert refused.value.bytes_free > 0
    assert str(refused.value.bytes_free) in str(refused.value)
    assert world.bucket.requests == []


async def test_what_is_staged_needs_no_room(world: World) -> None:
    """A version that is all there is admitted to a full disk."""
    world.bucket.write("m/1/f", DATA)
    await world.fetch()
    assert (await world.fetch(transfer=world.transfer(reserve_bytes=1 << 60))).bytes_resumed == len(DATA)


async def test_cancelling_keeps_what_came_and_leaves_nothing_running(world: World) -> None:
    """A cancelled transfer is resumed by the next."""
    world.bucket.write("m/1/f", DATA)
    world.bucket.faults = [hang(4000)]
    task = asyncio.create_task(world.fetch())
    await world.bucket.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.bucket.running == 0
    assert (await world.fetch()).bytes_resumed == 4000
    assert world.staged("f").read_bytes() == DATA


async def test_progress_ends_with_everything(world: World) -> None:
    """The last word says that all bytes are there."""
    world.bucket.write("m/1/f", DATA)
    await world.fetch()
    assert (world.progress[-1].bytes_done, world.progress[-1].bytes_total) == (len(DATA), len(DATA))


async def test_the_graph_may_be_staged_first(world: World) -> None:
    """Staging `saved_model.pb` alone keeps what an earlier try left of the others."""
    world.bucket.write("m/1/f", DATA)
    world.bucket.faults = [break_off(4000), *[refuse(Interrupted("503"))] * 2]
    with pytest.raises(Transient):
        await world.fetch()
    world.bucket.write("m/1/saved_model.pb", DATA[:50])
    graph = tuple(file for file in await world.files() if file.name == FileName("saved_model.pb"))
    await world.transfer().fetch(Wanted(MODEL, Version(1), graph), on_progress=world.progress.append)
    assert (await world.fetch()).bytes_resumed == 50 + 4000
