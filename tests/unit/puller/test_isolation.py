"""One version's trouble is one version's trouble: whatever goes wrong with it, the others keep their pace."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.desired import Policy
from events.manifest import MAX_MANIFEST_BYTES
from events.names import ModelName, Version
from puller.bucket import objects
from puller.bucket.objects import Listing, RemoteFile
from puller.download.engine import Replaced
from service.errors import Invalid, NoSpaceLeft, Transient
from tests.fakes.puller import CountingBucket
from tests.support.pulling import Puller
from tests.support.virtual_time import run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ENTRY: Mapping[str, object] = {
    "name": "m/1/saved_model.pb",
    "size": 5,
    "generation": 7,
    "crc32c": "AAAAAA==",
    "md5_hash": None,
    "updated": NOW,
    "content_encoding": None,
}
ODD = st.none() | st.integers() | st.text(max_size=30) | st.floats() | st.booleans() | st.binary(max_size=5)
ENTRIES = st.fixed_dictionaries(
    {
        name: st.just(right) | (ODD if name not in {"updated", "content_encoding"} else st.none())
        for name, right in ENTRY.items()
    }
)
NAMES = st.sampled_from(["m/1/saved_model.pb", "m/1/manifest.json", "m/2/variables/variables.index", "x", "m/01/a"])


@given(st.lists(st.tuples(NAMES, ENTRIES), max_size=8))
def test_whatever_a_list_says_of_an_object_it_says_of_a_version(entries: list[tuple[str, dict[str, object]]]) -> None:
    """An entry without a size, or with one that is none, ends no list: the version is told what is wrong with it."""
    blobs = [SimpleNamespace(**{**entry, "name": name}) for name, entry in entries]
    right = SimpleNamespace(**{**ENTRY, "name": "other/1/saved_model.pb"})
    listed = objects.catalog([*sorted(blobs, key=lambda blob: blob.name), right], "")
    assert listed.listings[ModelName("other"), Version(1)].files[0].content.size == 5
    for listing in listed.listings.values():
        assert all(0 <= file.content.size < 2**63 for file in listing.files)


@pytest.mark.parametrize("field", ["size", "generation", "updated"])
def test_what_a_list_lacks_is_named(field: str) -> None:
    """Cloud Storage gives all three always; a proxy or an emulator may not."""
    listing = objects.listing([SimpleNamespace(**{**ENTRY, field: None})], "")
    assert listing.problems == (f"the bucket's list says of saved_model.pb what cannot be: no {field}",)


class Faulty(CountingBucket):
    """A bucket in which one model's objects cannot be listed or read."""

    def __init__(self) -> None:
        super().__init__()
        self.read_error: Exception | None = None
        self.list_error: Exception | None = None
        self.reads = 0

    async def read(self, file: RemoteFile, *, max_bytes: int) -> bytes:
        if file.object_name.startswith("bad/"):
            self.reads += 1
            if self.read_error:
                raise self.read_error
        return await super().read(file, max_bytes=max_bytes)

    async def listing(self, model: ModelName, version: Version) -> Listing:
        if model == "bad" and self.list_error:
            raise self.list_error
        return await super().listing(model, version)


FILE = RemoteFile(*(None,) * 6)  # type: ignore[arg-type] # only carried
ERRORS: tuple[Exception, ...] = (
    Transient("this account may not read bad/1/manifest.json"),
    Invalid(f"it has more than {MAX_MANIFEST_BYTES} bytes"),
    Replaced(FILE),
    TypeError("int() argument must be a string, not 'NoneType'"),
    OverflowError("int too large to convert to float"),
    RecursionError(),
    MemoryError(),
    KeyError("size"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"),
)


def story_of(bucket: Faulty, folder: Path, *, alone: bool) -> None:
    """The bad model and, unless it is alone, a good one beside it: found by poll, then by notification."""

    async def story() -> None:
        puller = Puller(folder / "models", bucket=bucket)
        if not alone:
            puller.upload(1, notify=False)
        puller.upload(1, model="bad", notify=False)
        async with puller.running():
            await asyncio.sleep(0.5)
            assert puller.published() == ([] if alone else [1])
            puller.upload(2)
            await asyncio.sleep(0.1)
            assert puller.published()[-1:] == [2]
            assert puller.published("bad") == []
            assert puller.state(1, "bad") in {"failed", "invalid"}
            assert puller.is_ready()
            assert puller.is_connected()
            bucket.read_error = bucket.list_error = None
            await asyncio.sleep(301)
            assert puller.published("bad") == [1] or puller.state(1, "bad") == "invalid"

    run(story())


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@pytest.mark.parametrize("alone", [False, True])
def test_a_manifest_that_cannot_be_had_concerns_its_version(tmp_path: Path, error: Exception, *, alone: bool) -> None:
    """Over the limit, forbidden, gone since the list, damaged, or a bug: the bucket answers, others keep their pace."""
    bucket = Faulty()
    bucket.read_error = error
    story_of(bucket, tmp_path, alone=alone)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_version_that_cannot_be_listed_concerns_itself(tmp_path: Path, error: Exception) -> None:
    """Whatever a list of one version raises, the pass goes on with the others."""
    bucket = Faulty()
    bucket.list_error = error
    story_of(bucket, tmp_path, alone=False)


def test_what_cannot_be_read_is_tried_less_and_less_often(tmp_path: Path) -> None:
    """A manifest that is forbidden for a day costs some 60 requests an hour, not one a second."""

    async def story() -> None:
        bucket = Faulty()
        bucket.read_error = Transient("forbidden")
        puller = Puller(tmp_path / "models", bucket=bucket)
        puller.upload(1, model="bad", notify=False)
        async with puller.running():
            await asyncio.sleep(3600)
            assert 40 < bucket.reads < 120
            bucket.read_error = None
            await asyncio.sleep(61)
            assert puller.published("bad") == [1]

    run(story())


BUGS = (ValueError("a bug"), OverflowError(), RecursionError(), NoSpaceLeft("full"))


@pytest.mark.parametrize("error", BUGS, ids=repr)
@pytest.mark.parametrize("step", ["fetch", "read_needs", "check_warmup", "seal", "publish", "emit", "decide"])
def test_an_exception_at_any_step_stays_with_its_version(tmp_path: Path, step: str, error: Exception) -> None:
    """Each step that handles one version raises for one model; the other one is published at once."""

    async def story() -> None:
        puller = Puller(tmp_path / "models")
        puller.broken[step, "bad"] = error
        if step == "fetch":
            puller.fetcher.broken[5] = error
        if step == "decide":
            puller.policies[ModelName("bad")] = Policy.model_construct(want=None)
        puller.upload(5, model="bad", notify=False, with_manifest=step != "read_needs")
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(0.1)
            assert puller.published() == [1]
            puller.upload(2)
            await asyncio.sleep(8)
            assert puller.published() == [1, 2]
            assert puller.published("bad") == []
            assert puller.is_ready()
            assert puller.health.last_pass.error == ""

    run(story())
