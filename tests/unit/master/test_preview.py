"""The dry run: what a change does on a node, in sentences."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.desired import Desired, Latest, Pinned, Policy
from events.names import ModelName, NodeName
from infra.local.fleet_report import Simulated
from master.desired import changes
from master.desired.changes import Change
from master.desired.preview import preview
from tests.support.fleet import CONFIGURATOR, MODEL, START, at, fleet_of, lose, said, serving, versions

DEFAULT = Policy()
GOES_ON = "Clients that name no version go on getting version 7."
CASES: dict[str, tuple[Simulated, Policy, Policy, str]] = {
    "pin to one on disk": (
        serving(6, 7),
        DEFAULT,
        Policy(want=Pinned(versions=versions(6))),
        (
            "Serves version 6. Unloads version 7 once version 6 is served."
            " Clients that name no version get version 6 instead of 7."
        ),
    ),
    "pin to one that is nowhere": (
        serving(6, 7),
        DEFAULT,
        Policy(want=Pinned(versions=versions(3))),
        (
            "Cannot serve version 3: it is not on disk, and nothing of it was seen in the bucket."
            " Goes on as it is: version 7 served; none of the versions wanted can be served."
            f" {GOES_ON}"
        ),
    ),
    "pin to one in quarantine": (
        serving(6, 8, 7, quarantined={versions(8)[0]: "bad"}),
        DEFAULT,
        Policy(want=Pinned(versions=versions(7, 8))),
        (f"Cannot serve version 8: it is in quarantine; retry it, or upload it again. {GOES_ON}"),
    ),
    "pin to one that is coming": (
        serving(7, downloading=versions(8)[0]),
        DEFAULT,
        Policy(want=Pinned(versions=versions(8))),
        (
            "Serves version 8 after it was fetched. Unloads version 7 once version 8 is served."
            " Clients that name no version get version 8 instead of 7."
        ),
    ),
    "pin to what is served": (
        serving(6, 7),
        DEFAULT,
        Policy(want=Pinned(versions=versions(7))),
        GOES_ON,
    ),
    "two of the newest": (serving(6, 7), DEFAULT, Policy(want=Latest(count=2)), f"Serves version 6. {GOES_ON}"),
    "pause": (
        serving(6, 7),
        DEFAULT,
        Policy(paused=True),
        f"Stays as it is: version 7 served; newer versions wait. {GOES_ON}",
    ),
    "resume": (serving(7), Policy(paused=True), DEFAULT, f"{GOES_ON} Follows new versions again."),
    "label": (
        serving(6, 7),
        DEFAULT,
        Policy(labels={"stable": versions(6)[0]}),
        f"Serves version 6. {GOES_ON} Points label stable at version 6.",
    ),
    "move a label": (
        serving(7),
        Policy(labels={"stable": versions(6)[0]}),
        Policy(labels={"stable": versions(7)[0]}),
        f"{GOES_ON} Points label stable at version 7 instead of 6.",
    ),
    "take a label away": (
        serving(7),
        Policy(labels={"stable": versions(7)[0]}),
        DEFAULT,
        f"{GOES_ON} Takes label stable away from version 7: clients that ask for it get errors.",
    ),
    "remove the model": (
        serving(6, 7),
        DEFAULT,
        Policy(removed=True),
        (
            "Unloads version 7 and removes the model from disk; nothing of it is fetched until it is restored."
            " Clients get errors then."
        ),
    ),
    "restore a model that follows the newest": (
        serving(),
        Policy(removed=True),
        DEFAULT,
        "Looks for versions in the bucket, and serves what is wanted of them.",
    ),
    "restore a model that is pinned": (
        serving(),
        Policy(removed=True, want=Pinned(versions=versions(6))),
        Policy(want=Pinned(versions=versions(6))),
        "Looks for version 6 in the bucket, and serves it if it is there.",
    ),
    "restore a version that nobody looked for": (
        serving(7),
        Policy(refused=versions(8)),
        DEFAULT,
        f"{GOES_ON} May fetch and serve version 8 again.",
    ),
    "keep fewer older ones": (
        serving(3, 4, 5, 6, 7),
        DEFAULT,
        Policy(retention=1, held=versions(3)),
        (
            "Keeps version 3 on disk, not served. Deletes versions 4, 5 from disk once their grace time is over."
            " Keeps 1 older version on disk."
        ),
    ),
    "keep as many as there are": (serving(6, 7), DEFAULT, Policy(retention=1), "Keeps 1 older version on disk."),
    "remove the version served": (
        serving(6, 7),
        DEFAULT,
        Policy(refused=versions(7)),
        (
            "Serves version 6. Unloads version 7 once version 6 is served."
            " Clients that name no version get version 6 instead of 7."
            " Removes version 7 from disk, and does not fetch it again."
        ),
    ),
    "hold one that is elsewhere": (
        serving(7),
        DEFAULT,
        Policy(held=versions(5)),
        "Keeps version 5 on disk, not served; it is fetched.",
    ),
    "retry": (
        serving(8, 7, quarantined={versions(8)[0]: "bad"}),
        DEFAULT,
        Policy(retry={versions(8)[0]: "r1"}),
        (
            "Serves version 8. Unloads version 7 once version 8 is served."
            " Clients that name no version get version 8 instead of 7. Tries version 8 again if it is in quarantine."
        ),
    ),
    "label above the pin": (
        serving(7, 8, 6),
        Policy(want=Pinned(versions=versions(6))),
        Policy(want=Pinned(versions=versions(6)), labels={"canary": versions(8)[0]}),
        (
            "Serves version 8. Clients that name no version get version 8 instead of 6, which label canary keeps"
            " loaded. Points label canary at version 8."
        ),
    ),
    "pin below a label": (
        Simulated(on_disk=versions(6, 7), serving=versions(6, 7), since=START),
        Policy(labels={"stable": versions(6)[0]}),
        Policy(want=Pinned(versions=versions(6)), labels={"stable": versions(6)[0]}),
        (
            "Unloads version 7 once version 6 is served. Clients that name no version get version 6 instead of 7."
            " Label stable stays at version 6."
        ),
    ),
    "label to one that cannot be served yet": (
        serving(7),
        Policy(labels={"stable": versions(7)[0]}),
        Policy(labels={"stable": versions(9)[0]}),
        f"{GOES_ON} Points label stable at version 9 when that can be served; it stays at version 7 until then.",
    ),
    "pin while paused": (
        serving(6, 7),
        Policy(paused=True),
        Policy(paused=True, want=Pinned(versions=versions(6))),
        (
            "Serves version 6. Unloads version 7 once version 6 is served."
            " Clients that name no version get version 6 instead of 7."
        ),
    ),
    "label while paused": (
        serving(6, 8, 7),
        Policy(paused=True),
        Policy(paused=True, labels={"stable": versions(6)[0]}),
        f"Serves version 6. {GOES_ON} Points label stable at version 6.",
    ),
    "retention": (serving(7), DEFAULT, Policy(retention=1), "Keeps 1 older version on disk."),
    "nothing": (serving(7), DEFAULT, DEFAULT, "Nothing changes."),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_is_foretold(case: str) -> None:
    """The sentences say what starts, what ends, and what cannot be."""
    simulated, before, after, expected = CASES[case]
    node = fleet_of({"a": simulated}).fleet_state.nodes[NodeName("a")]
    assert " ".join(preview(node, MODEL, before=before, after=after)) == expected


def test_a_lost_node_follows_later() -> None:
    """Nobody takes a change on a lost node for done."""
    fleet = fleet_of({"a": serving(6, 7)})
    lose(fleet.fleet_state, "a", seconds=9)
    told = preview(
        fleet.fleet_state.nodes[NodeName("a")], MODEL, before=DEFAULT, after=Policy(want=Pinned(versions=versions(6)))
    )
    assert told[-1] == "The node is silent since 2026-01-01 00:00:09 UTC; it follows when it is back."


def test_a_change_that_has_to_wait_says_for_which_new_model_and_since_when() -> None:
    """As `rollback` answers it; who removes that very model, or changes nothing that is served, waits for nothing."""
    fleet_state = fleet_of({"a": serving(6, 7)}).fleet_state
    head = json.loads(said("a", CONFIGURATOR, {MODEL: serving(6, 7)}))
    head["reload_lock"] = {"models": ["slow"], "since": at(5).isoformat()}
    fleet_state.report(NodeName("a"), CONFIGURATOR, json.dumps(head).encode())
    node, pinned = fleet_state.nodes[NodeName("a")], Policy(want=Pinned(versions=versions(6)))
    assert preview(node, MODEL, before=DEFAULT, after=pinned)[-1] == (
        "This waits for its turn: TensorFlow Serving has been loading the new model slow since 2026-01-01 00:00:05 UTC,"
        " and takes no other change until that ends."
    )
    for model, after in ((ModelName("slow"), Policy(removed=True)), (MODEL, Policy(retention=1))):
        assert "turn" not in " ".join(preview(node, model, before=DEFAULT, after=after))


numbers = st.integers(1, 9).map(lambda number: versions(number)[0])
any_change: st.SearchStrategy[Change] = st.one_of(
    st.builds(changes.Pin, st.lists(numbers, min_size=1, max_size=3, unique=True).map(tuple)),
    st.builds(changes.Unpin, st.integers(1, 3)),
    st.builds(changes.GoBack, numbers, st.lists(numbers, max_size=2).map(tuple)),
    st.builds(changes.Pull, numbers),
    st.builds(changes.Unpull, numbers),
    st.just(changes.Pause()),
    st.just(changes.Resume()),
    st.builds(changes.SetLabel, st.sampled_from(["canary", "stable"]), st.none() | numbers, st.booleans()),
    st.builds(changes.Retry, numbers, st.just("r")),
    st.builds(changes.RemoveVersion, numbers, st.booleans()),
    st.just(changes.RemoveModel()),
    st.builds(changes.Restore, st.none() | numbers),
    st.builds(changes.Retain, st.none() | st.integers(0, 5)),
)
some_nodes = st.frozensets(st.sampled_from([NodeName("a"), NodeName("b")]))


@given(st.lists(st.tuples(any_change, some_nodes), max_size=6))
def test_any_changes_keep_the_document_whole(steps: list[tuple[Change, frozenset[NodeName]]]) -> None:
    """After any changes a document can be written and read, the same change again changes nothing, and is foretold."""
    node = fleet_of({"a": serving(5, 6, 7)}).fleet_state.nodes[NodeName("a")]
    document = Desired()
    for change, nodes in steps:
        before = document
        try:
            document = changes.apply(document, change, nodes=nodes)
        except changes.Unreasonable as error:
            assert str(error)  # noqa: PT017 - a refusal is a right outcome, and must say why
            continue
        assert Desired.model_validate_json(document.model_dump_json()) == document
        assert changes.apply(document, change, nodes=nodes) == document
        told = preview(node, MODEL, before=before.on(node.name), after=document.on(node.name))
        assert all(sentence.endswith(".") for sentence in told)
        for other in (NodeName("a"), NodeName("b"), NodeName("c")):
            if nodes and other not in nodes:
                assert document.on(other) == before.on(other)
