"""The program runs what it is asked for, keeps what was found before an error, and says what it could not measure."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.__main__ import INTERRUPTED, Benchmark, main
from bench.figures import Figure, Row


def fine(is_quick: bool) -> Iterator[Row]:
    yield Figure("how quick", "", (float(is_quick),), 0.5)


def broken(is_quick: bool) -> Iterator[Row]:
    yield from fine(is_quick)
    raise OSError("the disk is gone")


def interrupted(is_quick: bool) -> Iterator[Row]:
    yield from fine(is_quick)
    raise KeyboardInterrupt


BENCHMARKS: dict[str, Benchmark] = {"fine": fine, "broken": broken, "interrupted": interrupted}


def test_a_missed_target_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 0 and the table says by how much."""
    assert main(["fine", "--quick"], benchmarks=BENCHMARKS, folder=tmp_path) == 0
    assert "missed by 0.5" in capsys.readouterr().out
    assert json.loads((tmp_path / "fine.json").read_text())["is_quick"]


def test_an_error_is_a_failure_after_all_else_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 1, the figures before the error are kept, and the next benchmark runs."""
    assert main(["broken", "fine"], benchmarks=BENCHMARKS, folder=tmp_path) == 1
    out, errors = capsys.readouterr()
    assert out.count("how quick") == 2
    assert "could not measure all of: broken" in errors
    assert "the disk is gone" in errors


def test_an_interrupt_ends_it_with_what_was_finished(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C shows the benchmarks before; the exit code is the shell's."""
    assert main(["fine", "interrupted"], benchmarks=BENCHMARKS, folder=tmp_path) == INTERRUPTED
    assert capsys.readouterr().out.count("how quick") == 1


def test_an_unknown_name_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message lists what there is."""
    with pytest.raises(SystemExit, match="2"):
        main(["fast"], benchmarks=BENCHMARKS, folder=tmp_path)
    assert "fine" in capsys.readouterr().err
