"""Changes of desired state: each does what it says, on the nodes it names, and nothing else."""

import pytest

from events import bounds
from events.desired import Desired, Latest, Pinned, Policy
from events.names import NodeName
from master.desired import changes
from master.desired.changes import Change, Unreasonable
from tests.support.fleet import versions

V5, V6, V7, V8 = versions(5, 6, 7, 8)
NODE = NodeName("a")
CASES: dict[str, tuple[Policy, Change, Policy]] = {
    "pin": (Policy(), changes.Pin((V7,)), Policy(want=Pinned(versions=(V7,)))),
    "pin what is removed": (Policy(removed=True), changes.Pin((V7,)), Policy(want=Pinned(versions=(V7,)))),
    "unpin": (Policy(want=Pinned(versions=(V7,))), changes.Unpin(2), Policy(want=Latest(count=2))),
    "pull": (Policy(held=(V7,)), changes.Pull(V6), Policy(held=(V6, V7))),
    "pause": (Policy(), changes.Pause(), Policy(paused=True)),
    "resume": (Policy(paused=True), changes.Resume(), Policy()),
    "label": (Policy(labels={"a": V6}), changes.SetLabel("b", V7), Policy(labels={"a": V6, "b": V7})),
    "move a label": (Policy(labels={"a": V6}), changes.SetLabel("a", V7), Policy(labels={"a": V7})),
    "no label": (Policy(labels={"a": V6, "b": V7}), changes.SetLabel("a", None), Policy(labels={"b": V7})),
    "retry": (Policy(retry={V7: "1"}), changes.Retry(V7, "2"), Policy(retry={V7: "2"})),
    "unpull": (Policy(held=(V6, V7)), changes.Unpull(V6), Policy(held=(V7,))),
    "go back": (
        Policy(labels={"stable": V7, "old": V5, "canary": V8}),
        changes.GoBack(V6, left=(V7,)),
        Policy(want=Pinned(versions=(V6,)), labels={"stable": V6, "old": V5, "canary": V6}),
    ),
    "go back to a higher one": (
        Policy(want=Pinned(versions=(V6,)), labels={"stable": V6}, removed=True),
        changes.GoBack(V8, left=(V6,)),
        Policy(want=Pinned(versions=(V8,)), labels={"stable": V8}),
    ),
    "go back, and no label has to": (
        Policy(labels={"stable": V6}),
        changes.GoBack(V6, left=(V7,), keep_labels=True),
        Policy(want=Pinned(versions=(V6,)), labels={"stable": V6}),
    ),
    "a label above a pin, meant": (
        Policy(want=Pinned(versions=(V6,))),
        changes.SetLabel("canary", V7, accept_default=True),
        Policy(want=Pinned(versions=(V6,)), labels={"canary": V7}),
    ),
    "another label where the default is above the pin already": (
        Policy(want=Pinned(versions=(V6,)), labels={"canary": V8}),
        changes.SetLabel("b", V7),
        Policy(want=Pinned(versions=(V6,)), labels={"canary": V8, "b": V7}),
    ),
    "a pin below a label, meant": (
        Policy(labels={"canary": V7}),
        changes.Pin((V6,), accept_default=True),
        Policy(want=Pinned(versions=(V6,)), labels={"canary": V7}),
    ),
    "remove a version": (
        Policy(want=Pinned(versions=(V6, V7)), held=(V7,), labels={"b": V6}),
        changes.RemoveVersion(V7),
        Policy(want=Pinned(versions=(V6,)), refused=(V7,), labels={"b": V6}),
    ),
    "remove a version with its labels": (
        Policy(want=Pinned(versions=(V6, V7)), held=(V7,), labels={"a": V7, "b": V6}),
        changes.RemoveVersion(V7, drop_labels=True),
        Policy(want=Pinned(versions=(V6,)), refused=(V7,), labels={"b": V6}),
    ),
    "remove the model": (Policy(labels={"a": V6}), changes.RemoveModel(), Policy(removed=True)),
    "restore the model": (Policy(removed=True), changes.Restore(), Policy()),
    "restore a version": (Policy(refused=(V6, V7)), changes.Restore(V7), Policy(refused=(V6,))),
    "retain": (Policy(), changes.Retain(0), Policy(retention=0)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_for_all_nodes(case: str) -> None:
    """It changes the common policy, and those of single nodes alike."""
    before, change, after = CASES[case]
    document = Desired(policy=before, nodes={NODE: before.model_copy(update={"retention": 9})})
    changed = changes.apply(document, change)
    assert changed.policy == after
    assert changed.on(NODE) == (after if case == "retain" else after.model_copy(update={"retention": 9}))


@pytest.mark.parametrize("case", CASES)
def test_a_change_for_one_node(case: str) -> None:
    """The others stay as they are; the node has a policy of its own from then on."""
    before, change, after = CASES[case]
    changed = changes.apply(Desired(policy=before), change, nodes=frozenset({NODE}))
    assert (changed.policy, changed.on(NODE)) == (before, after)


def test_what_is_forgotten_is_wanted_no_more_than_any_model() -> None:
    """Whatever was wanted of it, on all nodes or on one."""
    document = Desired(policy=Policy(paused=True), nodes={NODE: Policy(retention=9)})
    assert changes.apply(document, changes.ForgetModel()) == Desired()


def test_a_policy_of_its_own_that_says_the_same_goes() -> None:
    """A node whose own policy was changed back follows the common one again."""
    own = changes.apply(Desired(), changes.Pause(), nodes=frozenset({NODE}))
    assert NODE in own.nodes
    assert changes.apply(own, changes.Resume(), nodes=frozenset({NODE})) == Desired()


def test_a_change_for_all_that_makes_a_node_like_the_others_ends_its_own_policy() -> None:
    """After a pin on one node and an unpin for all, no node differs."""
    own = changes.apply(Desired(), changes.Pin((V7,)), nodes=frozenset({NODE}))
    assert changes.apply(own, changes.Unpin()) == Desired()


@pytest.mark.parametrize(
    ("policy", "change", "words"),
    [
        (Policy(refused=(V7,)), changes.Pin((V7,)), "version 7 was removed by an operator"),
        (Policy(want=Pinned(versions=(V7,))), changes.RemoveVersion(V7), "version 7 is the only one pinned"),
        (Policy(refused=(V7,)), changes.SetLabel("a", V7), "version 7 was removed by an operator"),
        (Policy(refused=(V7,)), changes.Pull(V7), "version 7 was removed by an operator"),
        (Policy(refused=(V7,)), changes.GoBack(V7), "version 7 was removed by an operator"),
        (Policy(labels={"stable": V7}), changes.RemoveVersion(V7), "label stable would point at nothing without"),
        (
            Policy(labels={"stable": V7}),
            changes.GoBack(V6, left=(V7,), keep_labels=True),
            "label stable at version 7 is left behind",
        ),
        (Policy(want=Pinned(versions=(V6,))), changes.SetLabel("a", V7), "label a at version 7 is above version 6"),
        (Policy(labels={"a": V7}), changes.Pin((V6,)), "label a at version 7 is above version 6"),
    ],
)
def test_a_change_that_contradicts_what_is_wanted_is_refused(policy: Policy, change: Change, words: str) -> None:
    """The operator is told what stands against it."""
    with pytest.raises(Unreasonable, match=words):
        changes.apply(Desired(policy=policy), change)


def test_what_no_reader_would_take_is_unreasonable() -> None:
    """A version too many in a list, or a policy of its own for a node too many, and the document could not be read."""
    full = Policy(refused=versions(*range(bounds.MAX_VERSIONS)))
    with pytest.raises(Unreasonable, match="would not be readable: refused: may have 10000 entries at most"):
        changes.apply(Desired(policy=full), changes.RemoveVersion(versions(bounds.MAX_VERSIONS)[0]))
    nodes = frozenset(NodeName(f"n{number}") for number in range(bounds.MAX_NODES + 1))
    with pytest.raises(Unreasonable, match="would not be readable: nodes"):
        changes.apply(Desired(), changes.Pause(), nodes=nodes)
