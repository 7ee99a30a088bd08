"""The report of a chaos run: what a person reads, whole for a run that went well and for one that did not."""

from pathlib import Path

import pytest

from tests.chaos.__main__ import bugs, end
from tests.chaos.observations import Answer, Look, Phase, Recovery, Sample, Seen, Uploaded, Window
from tests.chaos.plan import Fault
from tests.chaos.report import Ran, write
from tests.chaos.rules import Violation


def ran(*violations: Violation) -> Ran:
    return Ran(
        seed=7,
        seconds=60.0,
        again="make chaos SECONDS=60 SEED=7",
        software="abc1234",
        machine="2 cores",
        lasted_seconds=99.0,
        bound_seconds=45.0,
        counts={"Upload": 20},
        faults={Fault.CLOCK: 2},
        spoilt={"flip": 3},
        steps={"puller": frozenset({"rename version", "dance version"})},
        violations=violations,
    )


def sample(at: float, phase: Phase, memory: float) -> Sample:
    return Sample(at, "puller-node-1", 5, {"memory MiB": memory}, phase)


SEEN = Seen(
    uploads=[Uploaded("alpha", 1, "d", 7)],
    looks=[Look(2.0, ("node-1", "alpha", 1), "11", "d", "available")],
    answers=[
        Answer(0.0, 0.1, "node-1", "alpha", error="NOT_FOUND"),
        Answer(1.0, 1.1, "node-1", "alpha", 1, 7),
        Answer(2.0, 2.1, "node-1", "alpha", error="UNAVAILABLE"),
        Answer(5.0, 5.5, "node-1", "alpha", 1, 7),
    ],
    windows=[Window("it was killed", "node-1", "", 1.5, 4.0)],
    samples=[sample(1.0, Phase.BEFORE, 100), sample(5.0, Phase.CHAOS, 140), sample(9.0, Phase.AFTER, 101)],
    recoveries=[Recovery("node-1", 3.25), Recovery("node-2", None, "late")],
)


def test_a_run_that_went_well_says_what_was_done_and_checked() -> None:
    """Operations, faults, checks, recovery and growth, and how to make it again."""
    words = write(ran(), SEEN)
    for line in (
        "# Chaos run, seed 7, 60 seconds: passed: no rule was violated",
        "Again: `make chaos SECONDS=60 SEED=7`.",
        "| Upload | 20 |",
        "| clock: jumps | 2 |",
        "| flip | 3 |",
        "| Predict calls after a model's first answer | 2, of which 1 were not answered |",
        "| it was killed | 1 |",
        "Longest silence of one model: 4.4 s.",
        "| node-1 | 3.2 |",
        "| node-2 | never |",
        "| puller-node-1 | memory MiB | 100 | 140 | 101 |",
    ):
        assert line in words.split("\n")
    assert "| dance version |" in words  # a step without a name on the list
    assert "Violations" not in words


def test_the_exit_code_tells_whether_a_rule_was_violated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A build that runs it stops there; the report is kept either way."""
    violation = Violation(5, 12.0, "puller-node-1: memory grew")
    for chosen, code in ((ran(), 0), (ran(violation), 1)):
        assert end(chosen, SEEN, tmp_path) == code
        report = (tmp_path / "report.md").read_text()
        assert report == write(chosen, SEEN)
        assert report in capsys.readouterr().out


def test_a_bug_in_a_log_is_found(tmp_path: Path) -> None:
    """A service that goes on after one looks well from outside."""
    (tmp_path / "puller-node-1.log").write_text("fine\n06:32 ERROR pass failed by a bug, trying again\nTraceback\n")
    (tmp_path / "puller-node-2.log").write_text("fine\n")
    (found,) = bugs(tmp_path)
    assert found.name == "puller-node-1"
    assert "by a bug" in found.how


def test_a_run_that_failed_says_so_first() -> None:
    """With every violation in words."""
    words = write(ran(Violation(2, 12.0, "alpha on node-1 stopped answering")), SEEN)
    assert words.startswith("# Chaos run, seed 7, 60 seconds: FAILED: 1 violations")
    assert "- rule 2, at 12.0 s: alpha on node-1 stopped answering" in words
