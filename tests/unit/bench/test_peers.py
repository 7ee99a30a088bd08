"""What we compare ourselves with does the whole work, or the comparison is an error."""

import re
import sys
from pathlib import Path

import pytest

from bench.peers import RANGE_BYTES, Peer, PeerFailed, transfers


def program(code: str, folder: Path) -> Peer:
    script = f"import pathlib, sys; target = pathlib.Path({str(folder / 'target')!r}); {code}"
    return Peer("a program", "1.0", (sys.executable, "-c", script), folder / "target")


@pytest.mark.parametrize("size", [RANGE_BYTES + 1, 3 * RANGE_BYTES, 3 * RANGE_BYTES - 1])
def test_ranges_cover_a_big_object_once(size: int) -> None:
    """Ranges of an object follow each other without gap or overlap, each no larger than a range may be."""
    ranges = [re.findall(r'range = "(\d+)-(\d+)"', one)[0] for one in transfers("u", {"big": size}, Path("t"))]
    bounds = [(int(first), int(last)) for first, last in ranges]
    assert [first for first, _ in bounds] == [0, *(last + 1 for _, last in bounds[:-1])]
    assert bounds[-1][1] == size - 1
    assert all(last - first < RANGE_BYTES for first, last in bounds)


def test_small_and_empty_objects_are_fetched_whole() -> None:
    """An object within one range, or without bytes, is asked for without a range."""
    small, empty = transfers("u", {"a": RANGE_BYTES, "b": 0}, Path("t"))
    assert "range" not in small + empty


def test_names_are_quoted_in_addresses() -> None:
    """An object's name stands in the address as a path."""
    (one,) = transfers("http://host/bucket/m/1", {"assets/a b?.txt": 1}, Path("t"))
    assert 'url = "http://host/bucket/m/1/assets/a%20b%3F.txt"' in one


def test_a_program_is_measured_and_its_files_are_removed(tmp_path: Path) -> None:
    """A run has time and memory; what it wrote is gone afterwards."""
    run = program("(target / 'file').write_bytes(b'1234')", tmp_path).run(4)
    assert run.seconds > 0
    assert run.peak_mib > 1
    assert not (tmp_path / "target").exists()


def test_a_program_that_brings_too_little_is_an_error(tmp_path: Path) -> None:
    """A fast program that left something out does not count."""
    with pytest.raises(PeerFailed, match="brought 4 bytes instead of 5"):
        program("(target / 'file').write_bytes(b'1234')", tmp_path).run(5)


def test_a_program_that_fails_says_why(tmp_path: Path) -> None:
    """Its exit code and its last words are in the error."""
    with pytest.raises(PeerFailed, match=r"(?s)ended with 1: .*no such bucket"):
        program("sys.exit('no such bucket')", tmp_path).run(0)
