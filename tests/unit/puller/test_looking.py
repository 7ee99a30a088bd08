"""When the puller looks, at what, and how often: on virtual time, counting the list operations."""

import asyncio
from pathlib import Path

from events.messages import (
    DownloadProgress,
    DownloadStarted,
    NotificationReceived,
    VersionPublished,
    VersionVerified,
)
from events.names import ModelName, Version
from service.errors import Transient
from tests.fakes.puller import FakeStream
from tests.support.pulling import MODEL, Puller, Tell


def test_a_notification_brings_a_version_to_disk_at_once(tell: Tell) -> None:
    """With a manifest, nothing is waited for: heard, listed, fetched, published within a moment."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1)
            await asyncio.sleep(0.1)
            assert puller.published() == [1]
            kinds = [type(event) for event in puller.events]
            assert kinds.index(DownloadStarted) < kinds.index(VersionVerified) < kinds.index(VersionPublished)
            assert puller.emitted(NotificationReceived)

    tell(story)


def test_progress_is_three_words_of_the_history(tell: Tell) -> None:
    """However often a transfer says how far it is: reports have all of it, and the history has room for others."""

    async def story(puller: Puller) -> None:
        puller.fetcher.steps = 200
        async with puller.running():
            puller.upload(1)
            await asyncio.sleep(5)
            assert puller.published() == [1]
            assert len(puller.emitted(DownloadProgress)) == 3

    tell(story)


def test_a_hint_costs_no_listing_of_anything_else(tell: Tell) -> None:
    """A notification lists its own version, once before and once after the transfer, and no other."""

    async def story(puller: Puller) -> None:
        for model in ("a", "b", "c"):
            puller.upload(1, model=model, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            before = puller.bucket.listings.copy()
            puller.upload(2, model="a")
            await asyncio.sleep(0.1)
            assert puller.published("a") == [1, 2]
            assert puller.bucket.listings - before == {("a", 2): 2}
            assert puller.bucket.catalogs == 1

    tell(story)


def test_without_notifications_the_poll_is_enough(tell: Tell) -> None:
    """A version that nobody announced is found by the next poll."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, notify=False)
            await asyncio.sleep(305)
            assert puller.published() == [1]

    tell(story)


def test_polls_come_faster_while_pubsub_is_away(tell: Tell) -> None:
    """While the stream is closed the bucket is looked at ten times as often."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, notify=False)
            await asyncio.sleep(31)
            assert puller.published() == [1]

    tell(story, stream=FakeStream(is_open=False))


def test_the_next_poll_comes_sooner_once_the_stream_is_lost(tell: Tell) -> None:
    """A stream that closes between two polls rings the bell, and the faster rhythm holds from then on."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(100)
            puller.upload(1, notify=False)
            puller.stream.is_open = False
            puller.wakeup.wake()
            await asyncio.sleep(1)
            assert puller.published() == [1]

    tell(story)


def test_a_disk_that_cannot_be_swept_stops_no_version(tell: Tell) -> None:
    """Trouble with leftovers fails the pass, which says so, but what is there to fetch is fetched."""

    async def story(puller: Puller) -> None:
        puller.sweep_error = Transient("cannot sweep")
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            assert puller.published() == [1]
            assert puller.health.last_pass.error == "cannot sweep"

    tell(story)


def test_published_versions_are_listed_once_after_the_start(tell: Tell) -> None:
    """What is on disk is compared with the bucket after a start, and not again until something is heard of it."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(3000)
            assert puller.published() == [1]
            assert puller.bucket.listings[MODEL, 1] == 2
            assert puller.bucket.catalogs >= 10

    tell(story)


def test_old_versions_are_neither_listed_nor_fetched(tell: Tell) -> None:
    """Of many versions in the bucket only the newest is looked into: older ones would only be removed again."""

    async def story(puller: Puller) -> None:
        for version in range(1, 50):
            puller.upload(version, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            assert puller.published() == [49]
            assert set(puller.bucket.listings) == {(MODEL, 49)}
            assert puller.state(48) == "not wanted"
            assert puller.state(1) == ""

    tell(story)


def test_a_bucket_that_is_away_is_told_and_waited_for(tell: Tell) -> None:
    """The puller is not ready without its bucket at the start, says why, and goes on by itself when it answers."""

    async def story(puller: Puller) -> None:
        puller.bucket.is_away = True
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(5)
            assert not puller.is_ready()
            assert puller.link.state.reason == "the bucket does not answer"
            puller.bucket.is_away = False
            await asyncio.sleep(10)
            assert puller.is_ready()
            assert puller.published() == [1]
            puller.bucket.is_away = True
            puller.upload(2)
            await asyncio.sleep(5)
            assert not puller.is_connected()
            assert puller.state(1) == "published"
            puller.bucket.is_away = False
            await asyncio.sleep(10)
            assert puller.published() == [1, 2]
            assert puller.is_connected()

    tell(story)


def test_a_restart_keeps_what_is_on_disk_and_fetches_nothing(tell: Tell, tmp_path: Path) -> None:
    """After a restart published versions are known from the disk and not moved again."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
        again = Puller(puller.folder, bucket=puller.bucket)
        async with again.running():
            await asyncio.sleep(1)
            assert again.state(1) == "published"
            assert again.fetcher.fetched == []

    tell(story)


def test_what_a_flat_list_brought_is_not_listed_again(tell: Tell) -> None:
    """Where one list brings everything, versions are listed alone only before they are published."""

    async def story(puller: Puller) -> None:
        puller.bucket.is_flat = True
        for version in (1, 2):
            puller.upload(version, notify=False)
        async with puller.running():
            await asyncio.sleep(3000)
            assert puller.published() == [2]
            assert puller.bucket.listings == {(MODEL, 2): 1}

    tell(story)


def test_a_flat_list_shows_what_was_overwritten(tell: Tell) -> None:
    """A published version that changed in the bucket is found by the next poll, though nobody announced it."""

    async def story(puller: Puller) -> None:
        puller.bucket.is_flat = True
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            puller.write(f"{MODEL}/1/saved_model.pb", b"another graph")
            await asyncio.sleep(305)
            assert puller.state(1) == "mutated"

    tell(story)


def test_news_during_a_flat_list_are_not_covered_by_it(tell: Tell) -> None:
    """What is heard of while a list is under way may be newer than the list: it is listed again."""

    async def story(puller: Puller) -> None:
        puller.bucket.is_flat = True
        puller.write(f"{MODEL}/1/saved_model.pb", b"half")
        async with puller.running():
            await asyncio.sleep(290)
            puller.bucket.listing_seconds = 20
            await asyncio.sleep(15)  # the poll has its list, and waits for the last of it
            puller.observed.doubt(ModelName(MODEL), Version(1))
            puller.upload(1, notify=False)
            await asyncio.sleep(60)
            assert puller.published() == [1]

    tell(story)
