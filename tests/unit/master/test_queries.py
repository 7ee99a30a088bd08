"""The views of the fleet: pages, single things, and the whole at a glance."""

import json
from itertools import pairwise

import pytest

from events import changes as wire
from events import messages
from events.desired import Desired, Pinned, Policy
from events.names import MAX_VERSION, ModelName, NodeName, Version
from master.desired import summary
from master.desired.idempotency import Step
from master.errors import NotFound
from master.fleet.queries import FleetQueries
from master.fleet.views import CellState, Freshness, NodeState
from master.history import sentences
from tests.support.fleet import MODEL, PULLER, START, at, fleet_of, lose, said, serving, stored, tell, versions

FRESH = Freshness(is_stale=False, since=START, age_seconds=0.0)
V6, V7, V8 = versions(6, 7, 8)


@pytest.fixture
def fleet() -> FleetQueries:
    """Four nodes: one well, one that fails, one that fetches, one lost."""
    known = fleet_of(
        {
            "a": serving(6, 7),
            "b": serving(6, 7, failed=(V8, "reset")),
            "c": serving(6, 7, downloading=V8, progress=0.5),
            "d": serving(6),
        }
    )
    lose(known.fleet_state, "d", seconds=9)
    return known


def test_the_worst_comes_first(fleet: FleetQueries) -> None:
    """Who looks at the overview sees what is wrong, with an example, in one look."""
    shown = fleet.overview(FRESH)
    assert shown.nodes == {NodeState.LOST: 1, NodeState.TROUBLED: 0, NodeState.WELL: 3}
    assert [(line.state, line.count) for line in shown.cells] == [
        (CellState.LOST, 1),
        (CellState.HELD_BACK, 1),
        (CellState.UPDATING, 1),
        (CellState.SERVING, 1),
    ]
    assert shown.sentences == (
        "Node d is lost: nothing is heard of it since 2026-01-01 00:00:09 UTC.",
        "Model m serves 7; 8 failed: reset (on 1 node).",
    )


def test_what_is_on_its_way_is_no_trouble_until_it_is_stuck(fleet: FleetQueries) -> None:
    """Then it is told with its age, on the page as by `--check`."""
    sentences = "Model m is updating, stuck for 15 min on 1 node, on c: version 8 is downloading."
    assert sentences not in fleet.overview(FRESH, at(899)).sentences
    assert sentences in fleet.overview(FRESH, at(900)).sentences


def test_equal_words_of_many_nodes_are_told_once() -> None:
    """And that clients are served comes first."""
    refused = serving(5, 9, 7, quarantined={versions(9)[0]: "bad"})
    shown = fleet_of({"a": refused, "b": refused, "c": serving(9)}).overview(FRESH)
    assert [sentence for sentence in shown.sentences if "refused" in sentence] == [
        "Model m serves 7; 9 refused: bad (on 2 nodes)."
    ]


def test_an_upload_under_a_number_that_is_published_is_told() -> None:
    """It changes nothing on the nodes, so nobody would hear of it: which version, on how many, and what to do."""
    sentences = "objects changed: a; the disk's stay"
    mutated = serving(6, 7, mutated={V6: sentences, V7: "objects changed: b"})
    known = fleet_of({"a": mutated, "b": serving(6, 7, mutated={V6: sentences})})
    told = (
        "Model m: version 7 is mutated on 1 node: objects changed: b. Upload the change as a new version.",
        f"Model m: version 6 is mutated on 2 nodes: {sentences}. Upload the change as a new version.",
    )
    assert known.overview(FRESH).sentences == known.overview(FRESH).about_models == told
    tell(known.fleet_state, "a", {MODEL: serving(6, 7)}, seconds=1)
    assert len(known.overview(FRESH).sentences) == 1
    lose(known.fleet_state, "b", seconds=2)
    assert known.overview(FRESH).about_models == ()


def test_what_is_passed_over_in_the_bucket_is_told() -> None:
    """Once, though every node counts it; folders' placeholders are no upload, and a silent puller says nothing."""
    known = fleet_of({"a": serving(7), "b": serving(7)})
    for node, counts in {
        "a": {"not a version number": 2, "folder placeholder": 9},
        "b": {"not a version number": 3},
    }.items():
        names = {"not a version number": [f"m/v{number}/" for number in range(counts["not a version number"])]}
        more = {"ignored_objects": counts, "ignored_names": names}
        report = json.loads(said(node, PULLER, {MODEL: serving(7)}, seconds=1)) | more
        known.fleet_state.report(NodeName(node), PULLER, json.dumps(report).encode())
    sentences = (
        "Of what is in the bucket some is passed over: m/v0/, m/v1/, m/v2/, because not a version number."
        " A version is a folder MODEL/NUMBER."
    )
    assert known.overview(FRESH).sentences == known.overview(FRESH).about_models == (sentences,)
    known.fleet_state.silent(NodeName("b"), PULLER, at(2))
    assert known.overview(FRESH).about_models == (sentences.replace(", m/v2/", ""),)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_pages_cover_all_once(fleet: FleetQueries, limit: int) -> None:
    """However big the pages are; and each says how many there are in all."""
    names: list[NodeName] = []
    cursor: str | None = None
    while True:
        page = fleet.nodes(cursor=cursor, limit=limit)
        assert page.total == 4
        names += [row.node for row in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert names == ["a", "b", "c", "d"]
    assert all(first < second for first, second in pairwise(names))


def test_lists_are_chosen_by_state_and_name(fleet: FleetQueries) -> None:
    """Filters hold for the total too."""
    assert [row.node for row in fleet.nodes(state=NodeState.LOST).items] == ["d"]
    assert [row.node for row in fleet.nodes(search="b").items] == ["b"]
    assert [row.node for row in fleet.cells(MODEL, state=CellState.HELD_BACK).items] == ["b"]
    assert fleet.models(state=CellState.LOST).total == 1
    assert fleet.models(state=CellState.SERVING).total == 0


def test_a_model_shows_where_its_versions_are(fleet: FleetQueries) -> None:
    """What a lost node serves is not counted as served; what it has on disk is its last word."""
    fleet.fleet_state.desire({MODEL: stored(Policy(want=Pinned(versions=(V7,))), revision=5, a=Policy(paused=True))})
    shown = fleet.model(MODEL)
    assert [(line.version, line.nodes) for line in shown.serving] == [(7, 3)]
    assert (shown.revision, shown.own_policies) == (5, 1)
    spread = {line.version: line for line in shown.versions}
    assert (spread[V8].failed, spread[V8].fetching) == (1, 1)
    assert spread[V6].on_disk == 4
    assert shown.explain[:2] == ("Desired: pinned to version 7.", "1 node has a policy of their own: a.")


def test_a_model_shows_who_signed_its_versions() -> None:
    """Each name once, as the nodes' own policies call the signer; nobody where no node asks."""
    signed = serving(6, 7, signed_by="release (aa)")
    known = fleet_of({"a": signed, "b": signed, "c": serving(7, signed_by="ci (aa)"), "d": serving(6, 7, 8)})
    spread = {line.version: line.signed_by for line in known.model(MODEL).versions}
    assert spread == {V6: ("release (aa)",), V7: ("ci (aa)", "release (aa)"), V8: ()}
    built = known.cell(MODEL, NodeName("a")).explain
    assert "Version 7 is published and serving since 2026-01-01 00:00:00 UTC, signed by release (aa)." in built
    tell(known.fleet_state, "c", {MODEL: serving(7)}, seconds=1)
    assert known.model(MODEL).versions[1].signed_by == ("release (aa)",)


def test_a_model_shows_who_built_its_versions() -> None:
    """Behind the signer, in the table and in what a node says."""
    known = fleet_of({"a": serving(7, signed_by="release (aa)", provenance="built by ci at c0"), "b": serving(7)})
    assert [line.provenance for line in known.model(MODEL).versions] == [("built by ci at c0",)]
    assert any(
        "signed by release (aa), built by ci at c0." in line for line in known.cell(MODEL, NodeName("a")).explain
    )
    event = messages.VersionPublished(
        model=MODEL, version=V7, files=1, bytes=1, signed_by="release (aa)", provenance="built by ci at c0"
    )
    assert sentences.sentence(event).endswith("signed by release (aa), built by ci at c0")


def test_the_highest_number_there_is_is_named() -> None:
    """One upload under it and nothing later is ever the newest; whoever asks why is told, and what helps."""
    known = fleet_of({"a": serving(6, MAX_VERSION), "b": serving(6)})
    said = [known.model(MODEL).explain, known.cell(MODEL, NodeName("a")).explain]
    assert [sum("no later upload can be the newest" in text for text in texts) for texts in said] == [1, 1]
    assert not any("no later" in text for text in known.cell(MODEL, NodeName("b")).explain)
    known.fleet_state.desire({MODEL: stored(Policy(want=Pinned(versions=(V6,))))})
    assert not any("no later" in text for text in known.model(MODEL).explain)


def test_a_cell_explains_itself(fleet: FleetQueries) -> None:
    """State, wish, what is served, and each version with something to say."""
    shown = fleet.cell(MODEL, NodeName("c"))
    assert shown.progress is not None
    assert shown.explain[0] == "m on c is updating since 2026-01-01 00:00:00 UTC: version 8 is downloading."
    assert shown.explain[1:3] == (
        "Desired: the newest version.",
        "Served: version 7; clients that name no version get version 7.",
    )
    assert "512.0 of 1024.0 MiB at 95.4 MiB/s, about 9 s left" in shown.explain[3]
    assert [row.version for row in shown.versions] == [8, 7, 6]


def test_what_both_services_say_alike_is_said_once() -> None:
    """A version in quarantine is so for the puller and for the configurator, and the sentence says it one time."""
    shown = fleet_of({"a": serving(6, 7, serving=versions(6), quarantined={Version(7): "it does not load"})})
    (sentence,) = (text for text in shown.cell(MODEL, NodeName("a")).explain if text.startswith("Version 7"))
    assert sentence == "Version 7 is quarantined since 2026-01-01 00:00:00 UTC: it does not load."


def test_a_window_of_the_matrix(fleet: FleetQueries) -> None:
    """Rows are models, columns nodes; what nobody told of is empty."""
    shown = fleet.matrix([MODEL, ModelName("x")], [NodeName("d"), NodeName("a"), NodeName("x")])
    first, second = shown.cells
    assert [cell.state if cell else None for cell in first] == [CellState.LOST, CellState.SERVING, None]
    assert second == (None, None, None)


def test_a_name_nobody_told_of_is_not_found(fleet: FleetQueries) -> None:
    """With a hint where the names are."""
    with pytest.raises(NotFound, match="model-manager nodes"):
        fleet.node(NodeName("x"))
    with pytest.raises(NotFound):
        fleet.cell(ModelName("x"), NodeName("a"))


def test_every_event_and_change_has_words() -> None:
    """A new type cannot be forgotten in the history."""
    assert set(messages.ALL) == set(sentences._SENTENCES)
    assert set(wire.KINDS) == set(summary._CHANGES)
    steps = (Step(change=wire.Pin(versions=(V7,)), nodes=(NodeName("a"),)),)
    assert summary.summary(MODEL, steps) == "model m on node a: pinned to version 7"
    event = messages.VersionQuarantined(model=MODEL, version=Version(7), reason="bad sample")
    assert sentences.sentence(event) == "version 7 of m went into quarantine: bad sample"


def test_a_change_says_what_was_wanted_and_served_before() -> None:
    """Documents of before are gone after 32 changes, and what was served is in none of them."""
    known = fleet_of({"a": serving(6, 7), "b": serving(6)}).fleet_state.nodes
    own = Desired(nodes={NodeName("b"): Policy(want=Pinned(versions=(V6,)))})
    told = summary.before(MODEL, own, known.values())
    assert told == "pinned to version 6, the newest version; 7, 6 served"
    assert summary.before(MODEL, Desired(), []) == "the newest version; nothing served"
    change = messages.ChangeMade(
        model=MODEL, actor="anna", command="pin", summary="x", reason="bad", before=told, revision_before=3, revision=4
    )
    assert sentences.sentence(change) == f"anna changed x (bad); before: {told}"


def test_a_sentence_names_some_nodes_and_counts_the_rest() -> None:
    """A change of a whole fleet's nodes is a sentence, and says how the others are found."""
    nodes = tuple(NodeName(f"n{number}") for number in range(1_000))
    step = Step(change=wire.Pause(), nodes=nodes)
    assert summary.summary(MODEL, [step]).endswith("n18, n19 and 980 more: updates paused")
    change = messages.ChangeMade(
        model=MODEL, actor="anna", command="pause", summary="x", more_nodes=980, revision_before=3, revision=4
    )
    assert sentences.sentence(change) == (
        "anna changed x; 980 of the nodes are not named on record: they are what differs between the documents of"
        " revisions 3 and 4, while NATS has these (nats kv get mm_desired m --revision 4)"
    )


def test_a_model_says_once_how_it_is_on_many_nodes() -> None:
    """A few nodes are named and the others counted; that the good version serves is what is read first."""
    refused = serving(5, 9, 7, quarantined={Version(9): "bad\nwith a long trace"})
    told = fleet_of({**{f"node-{number}": refused for number in range(1, 6)}, "other": serving(9)}).model(MODEL).explain
    assert told[1:3] == ("node-1, node-2 and 3 more: held back: serves 7; 9 refused: bad …", "1 node: serving.")


def test_what_waits_for_the_end_of_a_pause_is_named() -> None:
    """In the bucket or on a disk; what was refused there does not wait, and without a pause nothing does."""
    waits = serving(6, 8, 7, serving=versions(7))
    known = fleet_of({"a": waits, "b": waits, "c": serving(7, 9, serving=versions(7), quarantined={Version(9): "bad"})})
    assert not any("paused" in sentence for sentence in known.model(MODEL).explain)
    known.fleet_state.desire({MODEL: stored(Policy(paused=True))})
    said = known.model(MODEL).explain
    assert said[0] == "Desired: the newest version, with updates paused."
    assert "Waits while updates are paused: version 8 on 2 nodes." in said
