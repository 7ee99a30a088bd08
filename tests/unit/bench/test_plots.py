"""Pictures are drawn from the JSON files alone, the same ones from the same figures."""

import json
from pathlib import Path

import pytest

from bench import plots, report
from bench.figures import Figure, Row, Unmeasured
from bench.machine import Machine
from bench.report import Measured

MACHINE = Machine("2026-01-01", 2, 1024, "6", "3.11", (0.5, 0.5, 0.5), "abc1234", {})
ROWS: dict[str, tuple[Row, ...]] = {
    "overhead": (Figure("own overhead, p50", "ms", (20.0, 22.0), 25.0), Figure("stage: decision", "ms", (4.0,))),
    "transfer": (
        Figure("two files: puller", "s", (1.0, 2.0)),
        Figure("two files: curl", "s", (1.0,)),
        Figure("two files: puller / curl", "x", (1.5,), 1.1),
        Unmeasured("two files: gcloud", "not installed"),
    ),
    "exchange": (
        Figure("8 nodes: until all have published", "s", (17.5,)),
        Figure("8 nodes / 1 node", "x", (1.04,), 1.25),
        Figure("processor time of serving", "s/GB", (0.25,), 0.3),
        Unmeasured("real pullers behind one line", "not allowed"),
    ),
    "rest": (Figure("puller: memory", "MiB", (90.0,), 95.0), Figure("puller: processor", "% of a core", (0.1,))),
    "models": tuple(
        Figure(f"{count:,} models: {name}", "ms", (float(count),))
        for count in (1, 1000)
        for name in ("pass", "list operations a pass", "memory")
    ),
}


def measured(name: str) -> Measured:
    return Measured(name, is_quick=True, seconds=1.0, machine=MACHINE, rows=ROWS[name])


@pytest.mark.parametrize("name", ROWS)
def test_a_picture_tells_its_figures_and_their_machine(name: str, tmp_path: Path) -> None:
    """Every benchmark that was measured has a picture; it is whole and names the commit."""
    report.write(measured(name), tmp_path)
    (path,) = plots.draw(tmp_path, tmp_path / "pictures")
    assert path.name == f"{name}.svg"
    assert path.read_text().endswith("</svg>\n")
    assert "commit abc1234" in path.read_text()


def test_the_same_figures_give_the_same_picture(tmp_path: Path) -> None:
    """A picture in the repository changes only with its figures."""
    report.write(measured("rest"), tmp_path)
    first, second = (next(iter(plots.draw(tmp_path, tmp_path / folder))).read_bytes() for folder in ("a", "b"))
    assert first == second


def test_what_grows_is_found_by_size(tmp_path: Path) -> None:
    """The sizes in front of a figure's name become the axis."""
    results = plots.Results.read(report.write(measured("models"), tmp_path))
    assert {size: one.value for size, one in results.series("pass").items()} == {1: 1.0, 1000: 1000.0}


def test_what_was_not_measured_has_no_picture(tmp_path: Path) -> None:
    """No file or no figure, no picture, no error."""
    (tmp_path / "notes.json").write_text(json.dumps({}))
    report.write(Measured("transfer", is_quick=True, seconds=1.0, machine=MACHINE, rows=()), tmp_path)
    assert list(plots.draw(tmp_path, tmp_path)) == []
