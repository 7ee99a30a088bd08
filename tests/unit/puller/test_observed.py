"""Versions as they come: half, wrong, changed, quarantined; and what becomes of them on disk and in the report."""

import asyncio

from events.messages import (
    VersionIncomplete,
    VersionMutated,
    VersionRefused,
)
from events.names import FileName, Version
from service.layout import Quarantine
from service.saved_model import Needs
from tests.support.pulling import FILES, MODEL, Puller, Tell, now


def test_a_half_version_is_told_with_what_is_missing(tell: Tell) -> None:
    """An incomplete version has its state and reason, is told once, and does not take the place of the old one."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            half = {name: data for name, data in FILES.items() if "data-" not in name}
            puller.upload(2, files=half, with_manifest=False)
            await asyncio.sleep(100)
            entry = puller.version(2)
            assert entry is not None
            assert (entry.state, puller.published()) == ("incomplete", [1])
            assert "variables.data" in entry.reason
            assert (now() - entry.since).total_seconds() > 90
            assert len(puller.emitted(VersionIncomplete)) == 1

    tell(story)


def test_a_fresh_node_takes_an_older_version_when_the_newest_is_incomplete(tell: Tell) -> None:
    """With nothing on disk, an incomplete newest version does not keep a complete older one away."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        puller.upload(
            2, files={"saved_model.pb": b"graph", "variables/variables.index": b"i"}, notify=False, with_manifest=False
        )
        async with puller.running():
            await asyncio.sleep(20)
            assert puller.published() == [1]
            assert puller.state(2) == "incomplete"

    tell(story)


def test_without_manifest_a_version_settles_first(tell: Tell) -> None:
    """A version without manifest is published when nothing has changed for the settle time, and not before."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, with_manifest=False)
            await asyncio.sleep(3)
            assert puller.published() == []
            assert puller.state(1) == "settling"
            await asyncio.sleep(4)
            assert puller.published() == [1]

    tell(story)


def test_an_asset_named_by_the_graph_is_waited_for(tell: Tell) -> None:
    """Without a manifest, an asset that only the graph names keeps the version incomplete until it is there."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, with_manifest=False)
            await asyncio.sleep(20)
            entry = puller.version(1)
            assert entry is not None
            assert "assets/words.txt is missing" in entry.reason
            puller.upload(1, files={**FILES, "assets/words.txt": b"words"}, with_manifest=False)
            await asyncio.sleep(20)
            assert puller.published() == [1]

    tell(story, needs=Needs(variables=True, assets=frozenset({FileName("assets/words.txt")})))


def test_a_graph_that_needs_more_than_the_manifest_names_is_refused(tell: Tell) -> None:
    """A manifest can match and the model still be no model: the graph has the last word, before publication."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, files={"saved_model.pb": b"graph"})
            await asyncio.sleep(10)
            assert puller.published() == []
            assert puller.state(1) == "invalid"
            assert len(puller.emitted(VersionRefused)) == 1
            assert puller.fetcher.fetched == [(MODEL, 1)]

    tell(story)


def test_a_changed_published_version_is_reported_and_kept(tell: Tell) -> None:
    """Bytes on disk never change: an overwritten version is mutated, with the names of what differs."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            before = (puller.folder / MODEL / "1" / "saved_model.pb").read_bytes()
            puller.handler.receive(puller.write(f"{MODEL}/1/saved_model.pb", b"other"))
            await asyncio.sleep(1)
            entry = puller.version(1)
            assert entry is not None
            assert entry.state == "mutated"
            assert "saved_model.pb" in entry.reason
            assert (puller.folder / MODEL / "1" / "saved_model.pb").read_bytes() == before
            assert len(puller.emitted(VersionMutated)) == 1

    tell(story)


def test_the_same_bytes_uploaded_again_are_no_change(tell: Tell) -> None:
    """New generations of equal files leave a version published."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1)
            await asyncio.sleep(2)
            assert puller.state(1) == "published"
            assert not puller.emitted(VersionMutated)

    tell(story)


def test_a_quarantined_version_comes_back_only_with_other_bytes(tell: Tell) -> None:
    """What TensorFlow Serving refused is not fetched again, until its bytes in the bucket are different."""

    async def story(puller: Puller) -> None:
        puller.upload(1, notify=False)
        puller.upload(2, notify=False)
        async with puller.running():
            await asyncio.sleep(1)
            receipt = puller.reconciler.dependencies.observer.look().published[MODEL][Version(2)]
            assert receipt is not None
            record = Quarantine(
                model=MODEL, version=Version(2), since=now(), reason="it does not load", fingerprint=receipt.fingerprint
            )
            path = puller.layout.quarantine(MODEL, Version(2))
            path.parent.mkdir(parents=True)
            path.write_text(record.model_dump_json())
            puller.remove(2)
            puller.hints.think_about(MODEL)
            await asyncio.sleep(400)
            assert puller.published() == [1]
            entry = puller.version(2)
            assert entry is not None
            assert (entry.state, entry.reason) == ("quarantined", "it does not load")
            puller.upload(2, files={**FILES, "saved_model.pb": b"better"})
            await asyncio.sleep(1)
            assert puller.published() == [1, 2]

    tell(story)
