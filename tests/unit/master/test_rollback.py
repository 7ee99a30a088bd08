"""Where a rollback goes: back to what was served before, from what is on disk."""

from collections.abc import Mapping, Sequence

import pytest

from events.desired import Desired, Policy
from events.names import NodeName, Version
from infra.local.fleet_report import Simulated
from master.changes import Unreasonable
from master.rollback import targets
from tests.support.fleet import MODEL, fleet_of, serving, versions

V5, V6, V7 = versions(5, 6, 7)


def chosen(
    nodes: Mapping[str, Simulated],
    *,
    served: Mapping[str, Sequence[Version]] | None = None,
    policy: Policy | None = None,
) -> dict[str, Version]:
    known = fleet_of(nodes).fold.nodes
    found = targets(
        MODEL,
        list(known.values()),
        document=Desired(policy=policy or Policy()),
        served={NodeName(name): history for name, history in (served or {}).items()},
    )
    return {str(name): version for name, version in found.items()}


def test_back_to_what_was_served_before() -> None:
    """Not to a version in between that was never served; and served again counts as served."""
    assert chosen({"a": serving(5, 6, 7)}, served={"a": [V7, V5, V7]}) == {"a": V5}
    assert chosen({"a": serving(5, 6, 7)}, served={"a": [V7, V6, V5]}) == {"a": V6}


def test_without_history_to_the_highest_below() -> None:
    """The stream may have lost the history; the disk has not."""
    assert chosen({"a": serving(5, 6, 7)}) == {"a": V6}


def test_twice_goes_further_back() -> None:
    """A second rollback does not return to the version the first one left."""
    once = Simulated(on_disk=(V5, V6, V7), serving=(V6,), since=serving(1).since)
    assert chosen({"a": once}, served={"a": [V6, V7, V6, V5]}) == {"a": V5}


def test_never_to_what_is_bad() -> None:
    """A version in quarantine, or one that an operator took away, is passed over."""
    assert chosen({"a": serving(5, 6, 7, quarantined={V6: "bad"})}, served={"a": [V7, V6]}) == {"a": V5}
    assert chosen({"a": serving(5, 6, 7)}, served={"a": [V7, V6]}, policy=Policy(refused=(V6,))) == {"a": V5}


def test_a_node_without_an_older_one_follows_the_others() -> None:
    """A new node goes where most go."""
    assert chosen({"a": serving(5, 7), "b": serving(5, 7), "c": serving(6, 7), "new": serving(7)}) == {
        "a": V5,
        "b": V5,
        "c": V6,
        "new": V5,
    }


def test_nowhere_to_go() -> None:
    """The operator is told, and what can be done."""
    with pytest.raises(Unreasonable, match=r"no node has an older version of model m on disk .* name a version"):
        chosen({"a": serving(7)})
