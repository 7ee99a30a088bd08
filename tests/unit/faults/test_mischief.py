"""Faults of the bucket: seeded, bounded, and only where they make sense."""

from collections import Counter

import pytest

from infra.local.faults.mischief import CHANCES, CODES, Ask, BadFaults, BucketFaults, decide

LIST = Ask("GET /storage/v1/b/models/o?", is_list=True)
READ = Ask("GET /models/m/1/saved_model.pb?", is_media=True)


def fates(faults: BucketFaults, ask: Ask, *, times: int = 1000) -> Counter[str]:
    found = (decide(faults, ask, nth=nth) for nth in range(times))
    return Counter(fate.kind if fate else "" for fate in found)


def test_the_same_seed_brings_the_same_faults() -> None:
    """Whatever was asked in between for other targets."""
    faults = BucketFaults(error=0.3, reset=0.3, seed=7)
    assert [decide(faults, READ, nth=nth) for nth in range(50)] == [decide(faults, READ, nth=nth) for nth in range(50)]
    assert fates(faults, READ) != fates(BucketFaults(error=0.3, reset=0.3, seed=8), READ)


@pytest.mark.parametrize("name", CHANCES)
def test_a_chance_is_about_as_often_as_it_says(name: str) -> None:
    """A fifth of the requests that a fault can befall."""
    ask = Ask("GET x", is_list=True, is_media=True, has_token=True)
    assert 120 < fates(BucketFaults(**{name: 0.2}), ask)[name] < 280  # type: ignore[arg-type] # a chance


def test_lists_are_not_flipped_and_objects_are_not_stale() -> None:
    """A flipped bit in a list has no checksum that could tell it; an object's bytes have a generation."""
    everything = BucketFaults(flip=0.3, replace=0.2, stale=0.3, expire=0.2)
    assert set(fates(everything, LIST)) == {"", "stale"}
    assert set(fates(everything, READ)) == {"", "flip", "replace"}
    assert "expire" in fates(everything, Ask("GET x", is_list=True, has_token=True))


def test_errors_come_with_every_code() -> None:
    """429 and all that are the server's."""
    codes = {fate.code for nth in range(200) if (fate := decide(BucketFaults(error=1.0), READ, nth=nth))}
    assert codes == set(CODES)


@pytest.mark.parametrize("wrong", [{"error": -0.1}, {"error": 0.6, "reset": 0.6}, {"stall_seconds": float("inf")}])
def test_faults_without_sense_are_refused(wrong: dict[str, float]) -> None:
    """A typo does not become a silent nothing."""
    with pytest.raises(BadFaults):
        BucketFaults(**wrong)  # type: ignore[arg-type] # that is the point
