"""The estimate of Google's bill, and that the guide shows what it says."""

import shlex
from pathlib import Path

import pytest

from infra.gcp import cost
from infra.gcp.cost import Load, Prices

GUIDE = Path(__file__).parents[3] / "docs" / "google-cloud.md"


def test_it_can_be_recomputed_by_hand() -> None:
    """Round numbers in, round numbers out, as the guide's formulas have it."""
    load = Load(nodes=10, models=9, uploads=10, files=8, gib=2, poll=864, linked=0.5)
    lines = {line.what: (line.amount, round(line.dollars, 6)) for line in cost.estimate(load, Prices())}
    assert lines == {
        "lists by polls": (10 * 10 * 100 * 30, 1.5),
        "lists after uploads": (300 * 10 * 10, 0.15),
        "uploads": (300 * 8, 0.012),
        "reads": (300 * 10 * 8 + 3000 * 32, 0.048),
        "Pub/Sub": (300 * 8 * 11 * 1000 / 1024**2, 0.0),
        "bytes to the nodes": (3000, 360.0),
    }


def test_pubsub_is_charged_behind_what_is_free() -> None:
    """The first 10 GiB of a month cost nothing."""
    busy = Load(nodes=1000, uploads=1000, files=100)
    (line,) = (line for line in cost.estimate(busy, Prices()) if line.what == "Pub/Sub")
    assert line.dollars == pytest.approx((3_000_000 * 1001 * 1000 - 10 * 1024**3) / 1024**4 * 40)


def test_few_objects_are_listed_at_once() -> None:
    """A bucket that is kept clean costs a list for each 1,000 objects and poll, not one for each model."""
    clean = Load(nodes=1, models=100, kept=3, files=12, poll=864)
    (line,) = (line for line in cost.estimate(clean, Prices()) if line.what == "lists by polls")
    assert line.amount == (1 + 4) * 100 * 30


def test_the_guide_shows_what_the_program_says(capsys: pytest.CaptureFixture[str]) -> None:
    """Its tables can be had by the commands above them."""
    guide = GUIDE.read_text()
    commands = [line.strip() for line in guide.splitlines() if line.strip().startswith("python -m infra.gcp.cost")]
    assert len(commands) >= 2
    for command in commands:
        assert cost.main(shlex.split(command)[3:]) == 0
        assert capsys.readouterr().out in guide
