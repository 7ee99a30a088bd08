"""Failed tries: how long until the next one, and when they are forgotten."""

import math
from itertools import pairwise

from events.names import ModelName, Version
from events.status import Stage
from puller.backoff import BACKOFF_SECONDS
from puller.bucket.observed import Seen
from puller.download.failures import Failures
from tests.support.views import COMPLETE, GRAPH, OTHER

M, V1 = ModelName("m"), Version(1)
SEEN = {V1: Seen((GRAPH,), COMPLETE, "bytes")}


def waits(failures: Failures, tries: int, *, stage: Stage = Stage.FAILED) -> list[float]:
    """Seconds until the next try after each of so many failures."""
    found = []
    for _ in range(tries):
        failures.add((M, V1), (GRAPH,), reason="reset", stage=stage, now=0.0)
        found.append(failures.of(M, SEEN, now=0.0)[V1].retry_in_seconds)
    return found


def test_tries_get_rarer_up_to_a_bound() -> None:
    """Each wait is about double the one before, and never longer than the most."""
    found = waits(Failures(), 12)
    least, most = BACKOFF_SECONDS
    assert 0.8 * least <= found[0] <= least
    assert all(later > earlier for earlier, later in pairwise(found[:6]))
    assert all(0.8 * most <= wait <= most for wait in found[-3:])


def test_other_files_get_a_fresh_start() -> None:
    """What failed with one upload says nothing about the next one under the same number."""
    failures = Failures()
    waits(failures, 5)
    assert failures.of(M, {V1: Seen((OTHER,), COMPLETE, "bytes")}, now=0.0) == {}
    assert failures.of(M, SEEN, now=0.0) == {}


def test_what_cannot_work_is_not_tried_again() -> None:
    """An invalid version waits for other bytes, however long."""
    assert waits(Failures(), 1, stage=Stage.INVALID) == [math.inf]


def test_room_on_the_disk_ends_the_waiting_for_room() -> None:
    """When something was removed, what lacked space is due at once; other failures are not."""
    failures = Failures()
    waits(failures, 5, stage=Stage.NO_SPACE)
    assert failures.forgive(Stage.NO_SPACE) == {M}
    assert failures.of(M, SEEN, now=0.0)[V1].retry_in_seconds == 0.0
    assert failures.forgive(Stage.FAILED) == set()


def test_success_is_forgetting() -> None:
    """After a success there is no failure."""
    failures = Failures()
    waits(failures, 1)
    failures.forget((M, V1))
    assert failures.of(M, SEEN, now=0.0) == {}
