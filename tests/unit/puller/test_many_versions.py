"""Hundreds of versions that are of no use above a good one: it is found with few lists, and none after the other."""

import asyncio

import pytest

from events.names import Version
from service.saved_model import Needs
from tests.fakes.puller import CountingBucket
from tests.support.pulling import FILES, MODEL, Puller, Tell, render_manifest

MANY = 300
POLL = 300
INDEX = {"variables/variables.index": b"index"}
GRAPH = {"saved_model.pb": b"graph"}
USELESS = {
    "no graph": INDEX,
    "half by its manifest": {**INDEX, "manifest.json": render_manifest(FILES)},
    "half by its graph": GRAPH,
}


def operations(puller: Puller) -> int:
    """The list operations so far."""
    return puller.bucket.catalogs + puller.bucket.pages + sum(puller.bucket.listings.values())


def write(puller: Puller, files: dict[str, bytes]) -> None:
    """A good version, and many that are not, above it."""
    puller.upload(1, notify=False)
    for version in range(2, MANY + 2):
        for name, data in files.items():
            puller.write(f"{MODEL}/{version}/{name}", data)


@pytest.mark.parametrize("files", USELESS.values(), ids=USELESS.keys())
def test_the_good_version_is_found_below_them(tell: Tell, files: dict[str, bytes]) -> None:
    """A list takes a second here: 300 of them in a row would take five minutes, and again at each poll."""

    async def story(puller: Puller) -> None:
        write(puller, files)
        puller.bucket.listing_seconds = puller.fetcher.seconds = 1.0
        async with puller.running():
            await asyncio.sleep(60)
            assert puller.published() == [1]
            assert puller.state(MANY + 1) == "incomplete"
            assert operations(puller) <= 30
            before = operations(puller)
            await asyncio.sleep(POLL)
            assert puller.bucket.catalogs == 2
            assert operations(puller) - before <= 15

    tell(story, needs=Needs(variables=True, assets=frozenset()))


def test_where_one_list_does_not_do_they_are_listed_side_by_side(tell: Tell) -> None:
    """So many files that listing all of them takes more than a list of each version."""

    async def story(puller: Puller) -> None:
        write(puller, INDEX)
        puller.bucket.listing_seconds = 1.0
        async with puller.running():
            await asyncio.sleep(90)
            assert puller.published() == [1]
            assert set(puller.bucket.listings.values()) <= {1, 2}
            assert operations(puller) <= MANY + 60

    tell(story, bucket=CountingBucket(page=3))


def test_what_is_said_of_a_version_during_the_list_is_listed_again(tell: Tell) -> None:
    """The list may be older than the news."""

    async def story(puller: Puller) -> None:
        write(puller, INDEX)
        puller.bucket.listing_seconds = 1.0
        async with puller.running():
            await asyncio.sleep(4.5)  # 1, 1, 2 and 4 were listed; the list of all files is under way
            assert puller.bucket.pages == 1
            puller.observed.doubt(MODEL, version := Version(MANY + 1 - 8))
            before = puller.bucket.listings[MODEL, version]
            await asyncio.sleep(60)
            assert puller.bucket.listings[MODEL, version] == before + 1

    tell(story)
