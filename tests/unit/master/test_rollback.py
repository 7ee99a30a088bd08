"""Where a rollback goes: back to what was served before, from what is on disk."""

from collections.abc import Mapping, Sequence

import pytest

from events.changes import Rollback
from events.desired import Desired, Pinned, Policy
from events.names import NodeName, Version
from infra.local.fleet_report import Simulated
from master.answers import Entry
from master.desired.changes import Unreasonable
from master.desired.rollback import served_before, steps, targets
from master.desired.steps import take
from master.desired.summary import summary
from tests.support.fleet import MODEL, START, fleet_of, serving, versions

V5, V6, V7 = versions(5, 6, 7)
A = NodeName("a")


def chosen(
    nodes: Mapping[str, Simulated],
    *,
    served: Mapping[NodeName, Sequence[Version]] | None = None,
    policy: Policy | None = None,
) -> dict[str, Version]:
    known = fleet_of(nodes).fleet_state.nodes
    found = targets(
        MODEL,
        list(known.values()),
        document=Desired(policy=policy or Policy()),
        served=served or {},
    )
    return {str(name): version for name, version in found.items()}


def test_back_to_what_was_served_before() -> None:
    """Not to a version in between that was never served; and served again counts as served."""
    assert chosen({"a": serving(5, 6, 7)}, served={A: [V7, V5, V7]}) == {"a": V5}
    assert chosen({"a": serving(5, 6, 7)}, served={A: [V7, V6, V5]}) == {"a": V6}


def test_without_history_to_the_highest_below() -> None:
    """The stream may have lost the history; the disk has not."""
    assert chosen({"a": serving(5, 6, 7)}) == {"a": V6}


def entry(sequence: int, kind: str, *, version: Version | None = None, **data: object) -> Entry:
    return Entry(
        sequence=sequence,
        id=str(sequence),
        time=START,
        node=NodeName("a"),
        service="configurator",
        kind=kind,
        version=version,
        sentence="",
        data=data,
    )


def test_twice_goes_further_back() -> None:
    """A second rollback does not return to the version the first one left."""
    once = Simulated(on_disk=(V5, V6, V7), serving=(V6,), since=START)
    happened = [entry(number, "version.served", version=one) for number, one in enumerate((V5, V6, V7))]
    happened += [entry(8, "change.made", command="rollback", nodes=[]), entry(9, "version.served", version=V6)]
    assert chosen({"a": once}, served=served_before(happened)) == {"a": V5}
    happened += [entry(10, "change.made", command="unpin", nodes=[]), entry(11, "version.served", version=V7)]
    assert chosen({"a": serving(5, 6, 7)}, served=served_before(happened)) == {"a": V6}


def test_a_rollback_of_one_node_is_none_of_another() -> None:
    """What the other left it may go back to."""
    happened = [entry(number, "version.served", version=one) for number, one in enumerate((V5, V7))]
    happened += [entry(8, "change.made", command="rollback", nodes=["b"]), entry(9, "version.served", version=V6)]
    assert served_before(happened) == {"a": (V6, V7, V5)}


def test_the_number_does_not_matter_nor_who_pinned_it() -> None:
    """After a pin to an older version the one before is the newer."""
    pinned = Simulated(on_disk=(V5, V6, V7), serving=(V5,), since=START)
    happened = [entry(1, "version.served", version=V7), entry(2, "change.made", command="pin", nodes=[])]
    happened += [entry(3, "version.served", version=V5)]
    policy = Policy(want=Pinned(versions=(V5,)))
    assert chosen({"a": pinned}, served=served_before(happened), policy=policy) == {"a": V7}


def test_labels_of_the_version_left_go_back_with_it() -> None:
    """One step: the pin, what was left, and which labels move; a label on an older version stays."""
    nodes = list(fleet_of({"a": serving(5, 6, 7)}).fleet_state.nodes.values())
    document = Desired(policy=Policy(labels={"stable": V7, "old": V5}))
    (step,) = steps(MODEL, nodes, order=Rollback(), document=document, served={NodeName("a"): (V7, V6)})
    assert (step.change, step.left, step.labels) == (Rollback(version=V6), (V7,), ("stable",))
    assert take(document, step.model_copy(update={"nodes": ()}), request="").policy == Policy(
        want=Pinned(versions=(V6,)), labels={"stable": V6, "old": V5}
    )
    assert summary(MODEL, [step.model_copy(update={"nodes": ()})]) == (
        "model m on all nodes: pinned to version 6 by rollback from version 7, label stable with it"
    )


def test_never_to_what_is_bad() -> None:
    """A version in quarantine, or one that an operator took away, is passed over."""
    assert chosen({"a": serving(5, 6, 7, quarantined={V6: "bad"})}, served={A: [V7, V6]}) == {"a": V5}
    assert chosen({"a": serving(5, 6, 7)}, served={A: [V7, V6]}, policy=Policy(refused=(V6,))) == {"a": V5}


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
    with pytest.raises(
        Unreasonable, match=r"no node served another version .*: version 7 served, version 7 on disk; name"
    ):
        chosen({"a": serving(7)})
