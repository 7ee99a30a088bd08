"""What a node must serve in the end, told from outside."""

import pytest

from events.desired import Pinned, Policy
from events.names import Version
from tests.chaos.goal import Facts, missing


def facts(policy: Policy | None = None, **given: object) -> Facts:
    """Two good versions in the bucket and on disk, the newest one served."""
    values: dict[str, object] = {
        "in_bucket": {1: True, 2: True},
        "on_disk": {1: True, 2: True},
        "available": frozenset({2}),
        "has_served": True,
    }
    return Facts(policy or Policy(), **{**values, **given})  # type: ignore[arg-type] # the fields of Facts


PINNED = Policy(want=Pinned(versions=(Version(1),)))
NOWHERE = Policy(want=Pinned(versions=(Version(9),)))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (facts(), ""),
        (facts(available=frozenset({1})), "serves 1, wanted is 2"),
        (facts(available=frozenset({1, 2})), "serves 1, 2, wanted is 2"),
        (facts(PINNED), "serves 2, wanted is 1"),
        (facts(PINNED, available=frozenset({1})), ""),
        (facts(NOWHERE), ""),
        (facts(NOWHERE, available=frozenset()), "serves nothing, though it has served"),
        (facts(in_bucket={1: True, 2: True, 3: False}), ""),
        (facts(in_bucket={}, on_disk={2: True}), ""),
        (facts(on_disk={2: False}, available=frozenset()), "serves nothing, wanted is 2"),
        (facts(Policy(removed=True)), "serves 2, though the model is removed"),
        (facts(Policy(removed=True), available=frozenset()), ""),
    ],
)
def test_the_goal_follows_desired_state_and_what_can_be_had(given: Facts, words: str) -> None:
    """Good versions of bucket and disk are candidates; a pin that cannot be followed keeps what serves."""
    assert missing(given) == words
