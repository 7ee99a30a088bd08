"""Notifications are hints: any order, doubling, delay or loss of them ends in the same versions on disk."""

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from events.desired import Policy, choose
from events.names import Version
from tests.support.pulling import FILES, Puller, render_manifest
from tests.support.virtual_time import run

MODELS = ("a", "b")


@dataclass(frozen=True, slots=True)
class Upload:
    """A version as a trainer leaves it in the bucket: whole or with a file missing, with or without manifest."""

    model: str
    version: int
    is_whole: bool
    has_manifest: bool

    @property
    def objects(self) -> dict[str, bytes]:
        """The objects by name."""
        there = dict(list(FILES.items())[: None if self.is_whole else -1])
        extra = {"manifest.json": render_manifest(FILES)} if self.has_manifest else {}
        return {f"{self.model}/{self.version}/{name}": data for name, data in {**there, **extra}.items()}


UPLOADS = st.lists(
    st.builds(Upload, st.sampled_from(MODELS), st.integers(1, 4), is_whole=st.booleans(), has_manifest=st.booleans()),
    min_size=1,
    max_size=5,
    unique_by=lambda upload: (upload.model, upload.version),
)


def wanted(uploads: list[Upload], model: str) -> tuple[Version, ...]:
    """What a node has to have of a model in the end: the newest whole version."""
    return choose(Policy(), (Version(each.version) for each in uploads if each.model == model and each.is_whole))


@settings(max_examples=40, deadline=None)
@given(uploads=UPLOADS, is_flat=st.booleans(), data=st.data())
def test_any_fate_of_the_notifications_ends_the_same(uploads: list[Upload], is_flat: bool, data: st.DataObject) -> None:
    """Objects in any order, their notifications lost, doubled, late and shuffled: the newest whole version is there."""
    objects = [item for upload in uploads for item in upload.objects.items()]
    order = data.draw(st.permutations(objects), label="objects")
    fates = st.lists(st.floats(0, 700), max_size=2)  # when each copy of a notification arrives; none: lost
    arrivals = [data.draw(fates, label=name) for name, _ in order]
    pauses = [data.draw(st.sampled_from([0.0, 0.01, 3.0, 20.0]), label="pause") for _ in order]

    async def story() -> None:
        with tempfile.TemporaryDirectory() as folder:
            puller = Puller(Path(folder))
            puller.bucket.is_flat = is_flat
            async with puller.running():
                loop = asyncio.get_running_loop()
                for (name, content), delays, pause in zip(order, arrivals, pauses, strict=True):
                    attributes = puller.write(name, content)
                    for delay in delays:
                        loop.call_later(delay, puller.handler.receive, attributes)
                    await asyncio.sleep(pause)
                await asyncio.sleep(1100)  # the last notification, a poll, the settle time
                check(puller, uploads)

    run(story())


def check(puller: Puller, uploads: list[Upload]) -> None:
    """The newest whole version of each model is on disk, as uploaded; nothing that is not whole is."""
    whole = {(upload.model, upload.version) for upload in uploads if upload.is_whole}
    for model in MODELS:
        on_disk = puller.published(model)
        assert {(model, version) for version in on_disk} <= whole
        assert choose(Policy(), map(Version, on_disk)) == wanted(uploads, model)
        for version in on_disk:
            folder = puller.folder / model / str(version)
            assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(FILES)


@settings(max_examples=25, deadline=None)
@given(uploads=UPLOADS, crash_at=st.lists(st.floats(0, 12), min_size=1, max_size=3))
def test_a_restart_at_any_moment_ends_the_same(uploads: list[Upload], crash_at: list[float]) -> None:
    """A process that ends in the middle of its transfers is followed by one that finishes them."""

    async def story() -> None:
        with tempfile.TemporaryDirectory() as folder:
            puller = Puller(Path(folder))
            for upload in uploads:
                for name, content in upload.objects.items():
                    puller.write(name, content)
            for seconds in crash_at:
                puller.fetcher.seconds = 4
                async with puller.running():
                    await asyncio.sleep(seconds)
                puller = Puller(Path(folder), bucket=puller.bucket)
            async with puller.running():
                await asyncio.sleep(400)
            check(puller, uploads)

    run(story())
