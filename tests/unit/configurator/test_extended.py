"""A version that got files after it was published is tested again, as it was when it was new (issue 12)."""

from functools import partial
from pathlib import Path

from events.names import Version
from tests.support.configurator import MODEL, Bench, write_sample

RIGHT, WRONG = [2.5, 3.0], [7.0, 7.0]


def extend(bench: Bench, version: int, outputs: list[float]) -> None:
    """Give a published version a sample, as the puller does: the file, then the mark."""
    write_sample(bench.layout.version(MODEL, Version(version)), outputs)
    mark = bench.layout.extended(MODEL, Version(version))
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    bench.rung = True


def is_marked(bench: Bench, version: int) -> bool:
    return bench.layout.extended(MODEL, Version(version)).exists()


async def test_a_right_answer_ends_the_test(tmp_path: Path) -> None:
    """The version goes on serving, and was told to have passed with a sample."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        extend(bench, 1, RIGHT)
        await bench.until(lambda: not is_marked(bench, 1))
        assert bench.serves_only(1)
        assert [getattr(event, "has_sample", None) for event in bench.events if event.type == "version.served"] == [
            False,
            True,
        ]
        await bench.run(5)
        assert bench.types().count("version.served") == 2


async def test_a_wrong_answer_brings_the_version_before_back(tmp_path: Path) -> None:
    """It is quarantined like a new version that fails its sample."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1, 2)
        extend(bench, 2, WRONG)
        await bench.until(partial(bench.serves_only, 1))
        assert "is in quarantine" in bench.words()
        assert "answers its sample wrong" in bench.words()
        assert bench.types().count("version.quarantined") == 1
        assert not is_marked(bench, 2)


async def test_a_version_that_cannot_be_asked_is_asked_again(tmp_path: Path) -> None:
    """Being busy is no answer: the mark stays until there is one, and over a restart."""
    async with Bench(tmp_path) as bench:
        await bench.serve(1)
        bench.serving.stop()
        extend(bench, 1, WRONG)
        await bench.run(2)
        assert is_marked(bench, 1)
        bench.serving.start()
        await bench.restart()
        await bench.until(lambda: bench.types().count("version.quarantined") == 1)


async def test_a_removed_version_takes_its_mark_along(tmp_path: Path) -> None:
    """A number that comes again is a new version."""
    async with Bench(tmp_path, retention=0, grace_seconds=0) as bench:
        await bench.serve(1, 2)
        extend(bench, 1, RIGHT)
        await bench.until(lambda: bench.on_disk() == {2})
        assert not is_marked(bench, 1)
