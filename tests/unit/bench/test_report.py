"""The table is for people, the JSON has everything."""

import io
import json
from pathlib import Path

from rich.console import Console

from bench import report
from bench.figures import Figure, Row, Unmeasured
from bench.machine import Machine
from bench.report import Measured

MACHINE = Machine(
    at="2024-05-01T10:00:00+00:00",
    cores=2,
    memory_mib=8000,
    kernel="6.1",
    python="3.11.7",
    load=(0.1, 0.2, 0.3),
    commit="abc1234",
    versions={"obstore": "0.8"},
)


def measured(*rows: Row) -> Measured:
    return Measured("transfer", is_quick=False, seconds=61.2, machine=MACHINE, rows=rows)


def printed(result: Measured) -> str:
    text = io.StringIO()
    Console(file=text, width=report.PLAIN_WIDTH).print(report.table([result]))
    return text.getvalue()


def test_a_missed_target_says_by_how_much() -> None:
    """The verdict of a missed target names the distance and its unit."""
    assert "missed by 0.5 s" in printed(measured(Figure("time", "s", (2.0,), 1.5)))


def test_a_met_target_and_none_at_all_read_differently() -> None:
    """`met` stands only where there is a target."""
    assert "met" in printed(measured(Figure("time", "s", (2.0,), 2.0)))
    assert "met" not in printed(measured(Figure("time", "s", (2.0,))))


def test_what_was_not_measured_says_why() -> None:
    """A program that is missing leaves a row with the reason."""
    line = next(
        one for one in printed(measured(Unmeasured("gcloud", "it is not installed"))).splitlines() if "gcl" in one
    )
    assert "not measured" in line
    assert "it is not installed" in line


def test_names_are_shown_as_they_are() -> None:
    """Brackets in a note are no markup."""
    assert "[1, 2]" in printed(measured(Figure("time", "s", (2.0,), note="of [1, 2]")))


def test_json_has_every_run_and_the_machine(tmp_path: Path) -> None:
    """The file holds all runs, the value, the distance to the target and what it was measured on."""
    path = report.write(measured(Figure("time", "s", (2.0, 4.0, 3.0), 2.5)), tmp_path / "new")
    document = json.loads(path.read_text())
    assert path.name == "transfer.json"
    assert document["machine"]["cores"] == 2
    assert document["machine"]["versions"] == {"obstore": "0.8"}
    (row,) = document["rows"]
    assert row["runs"] == [2.0, 4.0, 3.0]
    assert (row["value"], row["least"], row["most"], row["missed_by"]) == (3.0, 2.0, 4.0, 0.5)
