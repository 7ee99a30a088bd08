"""Whatever stands on the disk where something of one model belongs, the pass goes on with the others."""

import asyncio
from pathlib import Path

import pytest

from service.layout import Layout
from tests.support import bad_folders
from tests.support.bad_folders import BAD, MAKES, PLACES, as_anybody
from tests.support.pulling import Puller
from tests.support.virtual_time import run


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("place", PLACES)
def test_what_stands_in_one_models_place_ends_no_pass(tmp_path: Path, place: str, make: str) -> None:
    """Before the puller starts or while it runs: other models are fetched by poll and by notification."""

    async def story() -> None:
        models = tmp_path / "models"
        puller = Puller(models)
        puller.upload(1, model=BAD, notify=False)
        puller.upload(1, notify=False)
        async with puller.running():
            await asyncio.sleep(0.1)
            assert puller.published(BAD) == puller.published() == [1]
            MAKES[make](bad_folders.places(puller.layout)[place])
            puller.upload(2, model=BAD)
            puller.upload(2)
            await asyncio.sleep(0.1)
            assert puller.published() == [1, 2]
        again = Puller(models, bucket=puller.bucket)
        async with again.running():
            again.upload(3, notify=False)
            await asyncio.sleep(301)
            assert again.published() == [1, 2, 3]
            assert again.is_ready()
            assert again.health.last_pass.error == ""

    with as_anybody():
        run(story())


def trouble(puller: Puller) -> str:
    """What the puller says is wrong, in its report's warnings."""
    return "; ".join(puller.reconciler.warnings)


@pytest.mark.parametrize("make", ["unreadable", "a_link_to_no_name"])
def test_a_model_that_cannot_be_looked_at_says_so_and_is_fetched_when_it_can(tmp_path: Path, make: str) -> None:
    """What it had is not fetched a second time, and what came meanwhile is fetched soon after it is mended."""

    async def story() -> None:
        puller = Puller(tmp_path / "models")
        folder = puller.layout.model(BAD)
        puller.upload(1, model=BAD)
        async with puller.running():
            await asyncio.sleep(0.1)
            MAKES[make](folder)
            puller.upload(2, model=BAD)
            await asyncio.sleep(1)
            assert f"bad: cannot list {folder}: " in trouble(puller)
            assert (puller.state(1, BAD), puller.state(2, BAD)) == ("published", "failed")
            assert "cannot list" in puller.version(1, BAD).reason  # type: ignore[union-attr] # it has a state
            fetched = len(puller.fetcher.fetched)
            bad_folders.mend(folder)
            await asyncio.sleep(20)
            assert trouble(puller) == ""
            assert puller.published(BAD) == [1, 2]
            assert len(puller.fetcher.fetched) == fetched + 1

    with as_anybody():
        run(story())


def test_a_leftover_that_cannot_be_removed_says_so_and_is_tried_again(tmp_path: Path) -> None:
    """Other leftovers go in the same sweep; once somebody mends it, it goes by itself."""

    async def story() -> None:
        puller = Puller(tmp_path / "models")
        bad, other = (puller.layout.stage(model, version) for model, version in ((BAD, 7), ("m", 8)))  # type: ignore[arg-type] # only paths
        bad_folders.read_only(bad)
        other.mkdir(parents=True)
        async with puller.running():
            await asyncio.sleep(0.1)
            assert not other.exists()
            assert f"{bad}: cannot be swept; the next look at the whole bucket tries again: " in trouble(puller)
            assert puller.is_ready()
            bad.chmod(0o755)
            await asyncio.sleep(301)
            assert not bad.exists()
            assert trouble(puller) == ""

    with as_anybody():
        run(story())


def test_what_is_no_folder_in_a_folder_of_ours_is_left_over(tmp_path: Path) -> None:
    """A file in the place of a model's stages or receipts would keep its versions from ever coming."""

    async def story() -> None:
        layout = Layout(tmp_path / "models")
        for name in ("stages", "receipts"):
            bad_folders.a_file(bad_folders.places(layout)[name])
        puller = Puller(layout.models_dir)
        puller.upload(1, model=BAD, notify=False)
        async with puller.running():
            await asyncio.sleep(301)
            assert puller.published(BAD) == [1]

    run(story())
