"""Whatever stands on the disk where something of one model belongs, the others are served and what is served stays."""

from pathlib import Path

import pytest

from events.desired import Policy
from events.names import Version
from events.status import ServedStage
from service.layout import Layout
from tests.support import bad_folders
from tests.support.bad_folders import BAD, MAKES, PLACES, as_anybody
from tests.support.configurator import MODEL, Bench, publish, write_sample


@pytest.mark.parametrize("make", MAKES)
@pytest.mark.parametrize("place", PLACES)
async def test_what_stands_in_one_models_place_holds_up_no_other(tmp_path: Path, place: str, make: str) -> None:
    """While the configurator runs and when it starts: others are introduced, moved on, quarantined and removed."""
    with as_anybody():
        async with Bench(tmp_path, poll_seconds=1.0, grace_seconds=0.0) as bench:
            for model in (BAD, MODEL, "gone"):
                bench.publish(1, model=model)
            await bench.until(lambda: all(bench.serves_only(1, model) for model in (BAD, MODEL, "gone")))
            MAKES[make](bad_folders.places(bench.layout)[place])
            bench.publish(2, model=MODEL)
            await bench.until(lambda: bench.serves_only(2, MODEL))
            await bench.restart()
            bench.want(Policy(removed=True), model="gone")
            write_sample(bench.publish(3, model=MODEL), [-1.0, -1.0])
            bench.publish(1, model="new")
            await bench.until(lambda: bench.serves_only(1, "new") and not bench.on_disk("gone"))
            await bench.until(lambda: bench.state(3, MODEL).state is ServedStage.QUARANTINED)
            bench.publish(4, model=MODEL)
            await bench.until(lambda: bench.serves_only(4, MODEL))
            assert 1 in bench.available(BAD)


@pytest.mark.parametrize("place", ["model", "records"])
async def test_a_model_that_cannot_be_looked_at_says_so(tmp_path: Path, place: str) -> None:
    """It is no bug, and it is over when somebody mends it: what came meanwhile is served."""
    with as_anybody():
        async with Bench(tmp_path, poll_seconds=1.0) as bench:
            bench.publish(1, model=BAD)
            await bench.until(lambda: bench.serves_only(1, BAD))
            folder = bad_folders.places(bench.layout)[place]
            bad_folders.unreadable(folder)
            await bench.run(2.0)
            assert bench.report()[BAD].difference == f"cannot list {folder}: Permission denied"
            folder.chmod(0o755)
            bench.publish(2, model=BAD)
            await bench.until(lambda: bench.serves_only(2, BAD))


async def test_a_trash_that_cannot_be_read_ends_nothing(tmp_path: Path) -> None:
    """The task that empties it goes on, and empties it once it can."""
    with as_anybody():
        layout = Layout(tmp_path)
        publish(layout, MODEL, 1)
        trash = layout.trash
        trash.mkdir(parents=True)
        (trash / "left").mkdir()
        trash.chmod(0)
        async with Bench(tmp_path, poll_seconds=1.0, grace_seconds=0.0) as bench:
            await bench.until(lambda: bench.serves_only(1))
            trash.chmod(0o755)
            bench.want(Policy(refused=(Version(1),)))
            bench.publish(2)
            await bench.until(lambda: bench.serves_only(2) and not any(trash.iterdir()), seconds=120)
