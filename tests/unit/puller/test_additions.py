"""Files that come after a version was published are taken in; whatever was published stays as it is (issue 12)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from events.desired import Policy
from events.manifest import Content
from events.messages import VersionExtended, VersionMutated
from events.names import FileName, Version
from events.status import Stage
from puller.bucket.completeness import Assessment, Complete, Incomplete, NeedsGraph, Settling, Unusable
from puller.bucket.limits import Limits
from puller.bucket.objects import RemoteFile
from puller.bucket.observed import Seen
from puller.download.failures import Failure
from puller.download.steps import Extend
from puller.plan import decide
from puller.view import View
from service.layout import extended, read_receipt
from tests.fakes.bucket import EPOCH
from tests.support.pulling import FILES, MODEL, Puller, Tell, render_manifest
from tests.support.views import GRAPH, OTHER, decided, on_disk, v

SAMPLE = "assets.extra/smoke.json"
LATE = RemoteFile(FileName(SAMPLE), f"m/1/{SAMPLE}", Content(9, 3), 9, None, EPOCH)
SHARD = replace(LATE, name=FileName("variables/variables.index"))
LOADED = replace(LATE, name=FileName("saved_model.cpb"))
UNSURE = Complete((GRAPH, LATE), note="it is too long to be read")


def given(assessment: Assessment, *files: RemoteFile, **rest: object) -> View:
    listed = {Version(1): Seen(files or (GRAPH, LATE), assessment, "more bytes")}
    return View(offered=v(1), seen=listed, published=on_disk(1), **rest)  # type: ignore[arg-type] # fields of View


WHOLE = Complete((GRAPH, LATE))
FAILED = {Version(1): Failure("reset", 9)}
HOPELESS = {Version(1): Failure("no PredictionLog", float("inf"), Stage.INVALID)}
TABLE = [
    ("whole: take it in", given(WHOLE), "published+", "smoke.json came after its publication, and is to be taken in"),
    ("settling: wait", given(Settling(EPOCH + timedelta(seconds=3), "waiting")), "published", ", waiting"),
    ("graph unknown: get it", given(NeedsGraph(GRAPH)), "published?", "to be taken in"),
    ("under way: say so", given(WHOLE, under_way=v(1)), "published", "and is being taken in"),
    ("failed: try again later", given(WHOLE, failures=FAILED), "published", "could not be taken in yet: reset"),
    ("refused: say so", given(WHOLE, failures=HOPELESS), "mutated", "is not taken in: no PredictionLog"),
    ("not in the manifest", given(Incomplete("it is not in manifest.json")), "mutated", "it is not in manifest.json"),
    ("no good", given(Unusable("a is both")), "mutated", "a is both; the disk's files stay"),
    ("a guess: leave it", given(UNSURE), "mutated", "it is too long to be read"),
    ("a guess, and asked for", given(UNSURE, policy=Policy(held=(Version(1),))), "published+", "to be taken in"),
    ("paused: wait", given(WHOLE, policy=Policy(paused=True)), "published", "because of what an operator wants"),
    ("refused by an operator", given(WHOLE, policy=Policy(refused=(Version(1),))), "published", "an operator wants"),
    ("removed on the way", given(WHOLE, policy=Policy(removed=True), under_way=v(1)), "publishedx", "operator wants"),
    ("a change beside it", given(WHOLE, OTHER, LATE), "mutated", "objects changed after publication"),
    ("a file less", given(WHOLE, LATE), "mutated", "objects changed after publication"),
    (
        "variables",
        given(WHOLE, GRAPH, SHARD),
        "mutated",
        "objects changed after publication: variables/variables.index",
    ),
    ("another graph", given(WHOLE, GRAPH, LOADED), "mutated", "objects changed after publication: saved_model.cpb"),
]


@pytest.mark.parametrize(("view", "state", "words"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_done_about_files_that_came_late(view: View, state: str, words: str) -> None:
    """The version stays published or mutated; only what is surely an addition is taken."""
    assert decided(view) == {1: state}
    (decision,) = decide(view, now=EPOCH)
    assert words in decision.reason


def test_a_step_names_what_is_added() -> None:
    """The whole version is staged, and the new files count as what is fetched."""
    (decision,) = decide(given(WHOLE), now=EPOCH)
    assert isinstance(decision.step, Extend)
    assert decision.step.names == {LATE.name}
    assert (decision.step.size, decision.step.bytes_held) == (9, 5)
    assert decision.begun.stage is Stage.PUBLISHED
    assert decision.begun.step is None


def test_an_addition_that_is_refused_brings_no_older_version_back() -> None:
    """The version on the disk is as good as before."""
    listed = {Version(2): Seen((GRAPH, LATE), WHOLE, "more bytes"), Version(1): Seen((GRAPH,), Complete((GRAPH,)), "b")}
    failures = {Version(2): Failure("no PredictionLog", float("inf"), Stage.INVALID)}
    view = View(offered=v(1, 2), seen=listed, published=on_disk(2), failures=failures)
    assert decided(view) == {1: "not wanted", 2: "mutated"}


@pytest.mark.parametrize("with_manifest", [True, False])
def test_a_sample_that_comes_late_is_taken_in(tell: Tell, with_manifest: bool) -> None:
    """It stands beside the published files, the receipt names it, and the version is to be tested again."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, with_manifest=with_manifest)
            await asyncio.sleep(20)
            assert puller.published() == [1]
            puller.handler.receive(puller.write(f"{MODEL}/1/{SAMPLE}", b"{}"))
            await asyncio.sleep(1)
            entry = puller.version(1)
            assert entry
            assert f"{SAMPLE} came after its publication" in entry.reason
            if with_manifest:
                assert (entry.state, puller.emitted(VersionExtended)) == ("mutated", [])
                whole = render_manifest({**FILES, SAMPLE: b"{}"})
                puller.handler.receive(puller.write(f"{MODEL}/1/manifest.json", whole))
            await asyncio.sleep(20)
            folder = puller.layout.version(MODEL, Version(1))
            assert (folder / SAMPLE).read_bytes() == b"{}"
            entry = puller.version(1)
            assert entry
            assert (entry.state, entry.reason) == ("published", "")
            receipt = read_receipt(puller.layout, MODEL, Version(1))
            assert receipt
            assert {record.name for record in receipt.files} == {*FILES, SAMPLE}
            assert extended(puller.layout, MODEL) == {1}
            assert len(puller.emitted(VersionExtended)) == 1
            assert not puller.layout.stage(MODEL, Version(1)).exists()

    tell(story)


def test_files_that_come_late_are_found_by_polling(tell: Tell) -> None:
    """Where no notification tells of them, polls look for them for an hour."""

    async def story(puller: Puller) -> None:
        puller.stream.is_open = puller.stream.is_wanted = False
        puller.upload(1, notify=False, with_manifest=False)
        async with puller.running():
            await asyncio.sleep(20)
            assert puller.published() == [1]
            puller.write(f"{MODEL}/1/{SAMPLE}", b"{}")
            await asyncio.sleep(620)
            assert len(puller.emitted(VersionExtended)) == 1
            await asyncio.sleep(3600)
            listed = puller.bucket.listings[MODEL, 1]
            await asyncio.sleep(3600)
            assert puller.bucket.listings[MODEL, 1] == listed

    tell(story)


def test_warm_up_requests_that_would_fail_the_next_load_are_left_out(tell: Tell) -> None:
    """The version serves, and would not come back after a restart with them."""

    async def story(puller: Puller) -> None:
        name = "assets.extra/tf_serving_warmup_requests"
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, with_manifest=False)
            await asyncio.sleep(20)
            puller.handler.receive(puller.write(f"{MODEL}/1/{name}", b"no records"))
            await asyncio.sleep(20)
            entry = puller.version(1)
            assert entry
            assert entry.state == "mutated"
            assert f"{name} came after its publication, and is not taken in" in entry.reason
            assert not (puller.layout.version(MODEL, Version(1)) / name).exists()
            assert len(puller.emitted(VersionMutated)) == 1

    tell(story)


def test_what_is_too_much_for_the_model_alone_is_asked_for(tell: Tell) -> None:
    """The files that are there already take no more room: a model at its bound still gets its sample."""

    async def story(puller: Puller) -> None:
        async with puller.running():
            await asyncio.sleep(1)
            puller.upload(1, with_manifest=False)
            await asyncio.sleep(20)
            puller.handler.receive(puller.write(f"{MODEL}/1/{SAMPLE}", b"{}"))
            await asyncio.sleep(20)
            assert len(puller.emitted(VersionExtended)) == 1

    tell(story, limits=Limits(model_bytes=sum(map(len, FILES.values())) + 2))
