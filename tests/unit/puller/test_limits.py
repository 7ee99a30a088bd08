"""Bounds of a version, and what a node with nothing does about one that does not come."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.bounds import MAX_FILES
from events.manifest import Content
from events.messages import NoSpace, VersionRefused
from events.names import FileName, Version
from events.status import Stage
from puller.bucket import objects
from puller.bucket.limits import Limits, exceeded
from puller.bucket.objects import RemoteFile
from service.errors import Transient
from service.saved_model import Needs
from tests.support.pulling import FILES, MODEL, Puller, Tell

SIZE = sum(map(len, FILES.values()))
SMALL = Limits(files=3, depth=2, object_bytes=10, version_bytes=20, model_bytes=30)
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def file(name: str, size: int = 1) -> RemoteFile:
    return RemoteFile(FileName.parse(name), f"m/1/{name}", Content(size, 1), 1, None, MOMENT)


@pytest.mark.parametrize(
    ("files", "setting"),
    [
        ((file("a", 10), file("b/c", 10)), ""),
        ((file("a", 11),), "MM_MAX_OBJECT_GIB"),
        ((file("a", 10), file("b", 10), file("c", 1)), "MM_MAX_VERSION_GIB"),
        ((file("a/b/c"),), "MM_MAX_DEPTH"),
        (tuple(file(name) for name in "abcd"), "MM_MAX_FILES"),
    ],
)
def test_each_bound_is_named_by_its_setting(files: tuple[RemoteFile, ...], setting: str) -> None:
    """Who finds a version refused knows what to change, if it is meant to be so big."""
    found = "; ".join(exceeded(files, SMALL))
    assert setting in found
    assert bool(found) is bool(setting)


def test_a_version_that_alone_is_more_than_its_models_share_is_refused() -> None:
    """It would wait for room for ever."""
    (sentence,) = exceeded((file("a", 5),), Limits(model_bytes=4))
    assert "MM_MAX_MODEL_GIB" in sentence


@given(st.lists(st.integers(0, 2**63), max_size=6), st.integers(1, 2**63), st.integers(1, 2**63))
def test_what_is_within_bounds_is_within_each(sizes: list[int], version_bytes: int, object_bytes: int) -> None:
    """Nothing passes that is larger than a bound, whatever the numbers."""
    files = tuple(file(f"f{number}", size) for number, size in enumerate(sizes))
    limits = Limits(version_bytes=version_bytes, object_bytes=object_bytes)
    if not exceeded(files, limits):
        assert all(size <= object_bytes for size in sizes)
        assert sum(sizes) <= version_bytes


class Blob:
    """An object whose name is no file's."""

    name = "m/1/..//x"


def test_a_folder_of_rubbish_is_not_read_to_its_end() -> None:
    """Names without end that can be no files cost neither memory nor a list without end."""
    read = 0

    def blobs() -> object:
        nonlocal read
        while True:
            read += 1
            yield Blob()

    listing = objects.listing(blobs(), "")  # type: ignore[arg-type] # it is asked for its name alone
    assert read <= MAX_FILES + 1
    assert "no files of a version" in listing.problems[0]


@pytest.mark.parametrize(
    "limits", [Limits(object_bytes=4), Limits(version_bytes=SIZE - 1), Limits(files=2), Limits(depth=1)]
)
def test_a_version_beyond_its_bounds_is_refused_before_its_first_byte(tell: Tell, limits: Limits) -> None:
    """It is invalid with the reason, told once, nothing of it is fetched, and the one before it is taken."""

    async def story(puller: Puller) -> None:
        puller.upload(2, notify=False)
        puller.upload(1, files={"saved_model.pb": b"g"}, notify=False)
        async with puller.running():
            await asyncio.sleep(20)
            entry = puller.version(2)
            assert entry is not None
            assert (entry.state, puller.fetcher.fetched) == ("invalid", [(MODEL, 1)])
            assert "MM_MAX_" in entry.reason
            assert len(puller.emitted(VersionRefused)) == 1

    tell(story, limits=limits, needs=Needs(variables=False, assets=frozenset()))


def test_a_model_takes_no_more_of_the_disk_than_its_share(tell: Tell) -> None:
    """A third version waits, says why and asks for room; when an older one has gone, it comes."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            for version in (1, 2, 3):
                puller.upload(version)
                await asyncio.sleep(5)
            entry = puller.version(3)
            assert entry is not None
            assert (entry.state, puller.published()) == ("no space", [1, 2])
            assert "MM_MAX_MODEL_GIB" in entry.reason
            assert puller.room_requests >= 1
            (*_, news) = puller.emitted(NoSpace)
            assert isinstance(news, NoSpace)
            assert (news.bytes_needed, news.bytes_free) == (SIZE, 0)
            puller.remove(1)
            puller.downloads.try_again(Stage.NO_SPACE)
            await asyncio.sleep(1)
            assert puller.published() == [2, 3]

    tell(story, limits=Limits(model_bytes=2 * SIZE))


def test_versions_on_their_way_count_for_their_model(tell: Tell) -> None:
    """Two that come at once are not both let in where there is room for one; another model is none of theirs."""

    async def story(puller: Puller) -> None:
        puller.fetcher.seconds = 10
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1)
            puller.upload(1, model="other")
            await asyncio.sleep(1)
            puller.upload(2)
            await asyncio.sleep(2)
            assert (puller.state(1), puller.state(2), puller.state(1, "other")) == (
                *("downloading", "no space", "downloading"),
            )

    tell(story, limits=Limits(model_bytes=SIZE))


def test_a_node_with_nothing_takes_an_older_version_while_the_newest_does_not_come(tell: Tell) -> None:
    """After some tries search is answered by the older one; the newest is tried on, and comes when it can."""

    async def story(puller: Puller) -> None:
        puller.fetcher.broken[3] = Transient("connection reset")
        for version in (1, 2, 3):
            puller.upload(version, notify=False)
        async with puller.running():
            await asyncio.sleep(1.5)
            assert (puller.state(3), puller.published()) == ("failed", [])
            await asyncio.sleep(20)
            assert (puller.state(3), puller.published()) == ("failed", [2])
            del puller.fetcher.broken[3]
            await asyncio.sleep(100)
            assert puller.published() == [2, 3]
            assert puller.state(1) == "not wanted"

    tell(story)


def test_a_node_that_serves_waits_for_the_newest(tell: Tell) -> None:
    """With an older version on disk nothing between is fetched, however often the newest fails."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            puller.fetcher.broken[3] = Transient("connection reset")
            puller.upload(2, notify=False)
            puller.upload(3)
            await asyncio.sleep(200)
            assert (puller.state(3), puller.published()) == ("failed", [1])
            assert Version(2) not in {version for _, version in puller.fetcher.fetched}

    tell(story)
