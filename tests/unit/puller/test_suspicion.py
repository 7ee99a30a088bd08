"""When a poll makes the stream of notifications suspect: what should have been announced, and nothing else."""

import asyncio

from events.desired import Pinned, Policy
from events.names import Version
from tests.support.pulling import MODEL, Puller, Tell


def test_a_silent_stream_is_opened_anew(tell: Tell) -> None:
    """When polling finds what an open stream should have announced, the stream is suspected and renewed."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, notify=False)
            await asyncio.sleep(305)
            assert len(puller.stream.renewals) == 1
            puller.upload(2)
            await asyncio.sleep(605)
            assert len(puller.stream.renewals) == 1

    tell(story)


def test_an_object_that_came_unannounced_makes_the_stream_suspect(tell: Tell) -> None:
    """Also where the version was known before, and something else of it went away."""

    async def story(puller: Puller) -> None:
        puller.write(f"{MODEL}/1/saved_model.pb", b"half")
        puller.write(f"{MODEL}/1/extra", b"")
        async with puller.running():
            await asyncio.sleep(100)
            puller.bucket.delete(f"{MODEL}/1/extra")
            puller.write(f"{MODEL}/1/other", b"")
            await asyncio.sleep(500)
            assert len(puller.stream.renewals) == 1

    tell(story)


def test_a_deletion_does_not_make_the_stream_suspect(tell: Tell) -> None:
    """Nodes ask for no notification of deletions, so fewer objects than before are no sign of a dead stream."""

    async def story(puller: Puller) -> None:
        puller.write(f"{MODEL}/1/saved_model.pb", b"half")
        puller.write(f"{MODEL}/1/extra", b"")
        async with puller.running():
            await asyncio.sleep(100)
            puller.bucket.delete(f"{MODEL}/1/extra")
            await asyncio.sleep(500)
            seen = puller.observed.last_seen(MODEL, Version(1))
            assert seen is not None
            assert [file.name for file in seen.files] == ["saved_model.pb"]
            assert puller.stream.renewals == []

    tell(story)


def test_a_deletion_that_makes_an_older_version_wanted_does_not_make_the_stream_suspect(tell: Tell) -> None:
    """Its name was known before: that nobody looked into it was our choice, and nothing was missed."""

    async def story(puller: Puller) -> None:
        for version in (1, 2):
            puller.upload(version, notify=False)
        async with puller.running():
            await asyncio.sleep(100)
            assert puller.bucket.listings[MODEL, 1] == 0
            puller.bucket.delete(f"{MODEL}/2/manifest.json")
            puller.policies[MODEL] = Policy(want=Pinned(versions=(Version(1),)))
            await asyncio.sleep(500)
            assert puller.bucket.listings[MODEL, 1] > 0
            assert puller.stream.renewals == []

    tell(story)
