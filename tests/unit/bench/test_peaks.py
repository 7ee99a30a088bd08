"""What the services may cost under attack is held to what the page on the bench says they cost."""

from pathlib import Path

from tests.attack.cluster import PEAK_MIB

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "bench.md").read_text()


def test_the_attacks_are_held_to_the_peaks_of_the_page() -> None:
    """Another peak there is another bound here."""
    words = ", ".join(f"{peak} MiB of the {name}" for name, peak in PEAK_MIB.items())
    assert f"1.3 times the peaks on this page: {words}." in PAGE
    assert f"| peak memory of the puller | ≤ 150 MiB | {PEAK_MIB['puller']} MiB" in PAGE
    assert f"has 1,000 models, {PEAK_MIB['configurator']} MiB" in PAGE
    assert f"peak memory of the master | ≤ 400 MiB | {PEAK_MIB['master']} MiB" in PAGE
