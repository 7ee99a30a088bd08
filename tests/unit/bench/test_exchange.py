"""The exchange's fetches become the figures of its table, and a machine without namespaces gets a sentence."""

import pytest

from bench.exchange import MB, Found, Plan, rows, simulate, whole_site
from bench.figures import Figure, Unmeasured
from bench.site import Shared

TOTAL = 400 * MB
FOUND = Found(
    alone=[Shared((16.0,), TOTAL)],
    without=[Shared((20.0,), TOTAL)],
    together=[Shared((17.0, 18.0), round(1.01 * TOTAL))],
    killed=[Shared((24.0,), round(1.5 * TOTAL))],
    serving=[0.1],
)


@pytest.mark.parametrize(
    ("name", "value", "at_most"),
    [
        ("8 nodes: until all have published", 18.0, None),
        ("8 nodes: bytes over the line / version", 1.01, 1.02),
        ("8 nodes, one killed: bytes over the line / version", 1.5, None),
        ("8 nodes / 1 node", 18 / 16, 1.25),
        ("8 nodes, one killed / 1 node", 1.5, 1.5),
        ("1 node: exchange on / off", 0.8, 1.02),
        ("processor time of serving", 0.25, 0.3),
    ],
)
def test_fetches_become_figures(name: str, value: float, at_most: float | None) -> None:
    """The slowest node counts, bytes are told as shares of the version, and processor time for a billion bytes."""
    (found,) = (row for row in rows(Plan(8, TOTAL, 1), TOTAL, FOUND) if row.name == name)
    assert isinstance(found, Figure)
    assert found.value == pytest.approx(value)
    assert found.at_most == at_most


def test_the_least_that_the_line_needs_is_said() -> None:
    """A reader sees what no exchange could beat."""
    (found,) = (row for row in rows(Plan(8, TOTAL, 1), TOTAL, FOUND) if row.name == "1 node: until published")
    assert isinstance(found, Figure)
    assert "16.0 s for 400 MB" in found.note


def test_a_machine_without_namespaces_gets_a_sentence() -> None:
    """Nothing is started and nothing fails; the row says why."""
    refused = "network namespaces are not allowed here: Operation not permitted"
    (row,) = whole_site(Plan(2, MB, 1), why_not=lambda: refused)
    assert row == Unmeasured("real pullers behind one line", refused)


def test_a_simulated_site_is_told_beside_the_optimum() -> None:
    """Where every node talks to every other, the line carries the version once, and time is near the least."""
    line, time = simulate(12)
    assert isinstance(line, Figure)
    assert isinstance(time, Figure)
    assert line.value == pytest.approx(1.0)
    assert 1.0 <= time.value < 1.25
    assert "least 16." in time.note
