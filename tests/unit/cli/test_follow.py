"""`wait` and `watch`: when they end, what they tell, and that a broken stream changes nothing but the delay."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from events.desired import Desired, Pinned, Policy
from events.names import ModelName, NodeName, Version
from master.answers import Entry, HistoryPage
from master.cli.client.api import Master
from master.cli.client.http import Reply
from master.cli.exits import Exit, Unreachable
from master.cli.wait.goal import Circumstances, Goal, Reach, Share, judge
from master.cli.wait.waiting import Waiting
from master.fleet.stored import Stored
from master.fleet.views import CellRow, CellState, ModelView, VersionSpread
from tests.fakes.master import NOW, FakeTransport, ok, page, problem, run
from tests.support.shown import a_model, a_node, an_overview

LINE, V3, V4 = ModelName("line"), Version(3), Version(4)
NODES = [NodeName(f"n{number}") for number in range(1, 11)]
AWAY = Unreachable("no master answers")


def cell(node: NodeName, *serving: Version, state: CellState = CellState.SERVING, desired: Version = V4) -> CellRow:
    return CellRow(
        model=LINE,
        node=node,
        state=state,
        reason="downloading" if state is CellState.UPDATING else "",
        since=NOW,
        desired=(desired,),
        serving=serving,
        labels={},
    )


def a_view(*, quarantined: int = 0) -> ModelView:
    spread = VersionSpread(version=V4, serving=0, on_disk=0, fetching=0, failed=0, quarantined=quarantined)
    return ModelView(**dict(a_model(LINE)), versions=(spread,), explain=())


def a_fleet(*looks: list[CellRow], quarantined: int = 0) -> FakeTransport:
    return FakeTransport(
        {
            "GET /v1/overview": ok(an_overview()),
            "GET /v1/models/line/desired": ok(Stored(document=Desired(), revision=1)),
            "GET /v1/models/line": ok(a_view(quarantined=quarantined)),
            "GET /v1/models/line/nodes": [page(*cells) for cells in looks],
            "GET /v1/nodes": page(a_node(NODES[0]), a_node(NODES[1])),
        }
    )


class Clock:
    """Time that passes only while somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def wait(transport: FakeTransport, *, share: str = "all", told: Callable[[str], None] = str.__len__) -> Reach:  # type: ignore[assignment] # any function that takes a text
    clock = Clock()
    goal = Goal(LINE, V4, share=Share.parse(share))
    return Waiting(Master(transport), goal, ring=clock.wait, clock=clock).until(60, told=told)


def test_waiting_ends_when_enough_nodes_serve() -> None:
    """It looks until the share is reached, and tells of each step once."""
    first = [cell(NODES[0], V3), cell(NODES[1], V3)]
    told: list[str] = []
    reach = wait(a_fleet(first, first, [cell(NODES[0], V4), cell(NODES[1], V3)]), share="50%", told=told.append)
    assert reach.is_reached
    assert told == [
        "0 of 2 nodes serve version 4 of line, 1 needed",
        "1 of 2 nodes serve version 4 of line, 1 needed",
    ]


def test_waiting_goes_on_while_the_master_restarts() -> None:
    """A master that is away for a while is asked again."""
    transport = a_fleet()
    served = page(cell(NODES[0], V4), cell(NODES[1], V4))
    transport.answers["GET /v1/models/line/nodes"] = [AWAY, problem(503, "starting"), served]
    assert wait(transport).is_reached


def test_a_master_that_is_away_all_the_time_is_no_answer() -> None:
    """Nothing is claimed about nodes that nobody could ask about."""
    with pytest.raises(Unreachable):
        wait(FakeTransport({"GET /v1/models/line": AWAY}))


def test_a_model_nobody_has_heard_of_is_waited_for() -> None:
    """CI may wait before the first node has seen the upload."""
    transport = a_fleet([cell(NODES[0], V4), cell(NODES[1], V4)])
    transport.answers["GET /v1/models/line"] = [problem(404, "no such model"), ok(a_view())]
    assert wait(transport).is_reached


def test_waiting_ends_early_where_quarantine_makes_it_hopeless() -> None:
    """A pipeline does not wait ten minutes for a version that TensorFlow Serving refused."""
    transport = a_fleet([cell(NODES[0], V3), cell(NODES[1], V3)], quarantined=1)
    assert wait(transport).is_hopeless
    assert not wait(transport, share="50%").is_hopeless


@pytest.mark.parametrize(
    ("share", "total", "needed"),
    [("all", 7, 7), ("90%", 10, 9), ("90%", 11, 10), ("33.3%", 3, 1), ("5", 10, 5), ("1%", 3, 1), ("all", 0, 1)],
)
def test_a_share_is_rounded_up(share: str, total: int, needed: int) -> None:
    """Ninety percent of eleven nodes are ten."""
    assert Share.parse(share).of(total) == needed


def test_one_node_is_counted_as_one() -> None:
    """A sentence for a person: of one node it says what one node does."""
    reach = judge(Goal(LINE, V4, nodes=frozenset({NODES[0]})), [cell(NODES[0], V4)])
    assert reach.summary == "1 of 1 node serves version 4 of line, 1 needed"


@pytest.mark.parametrize("text", ["", "0", "0%", "101%", "-1", "many", "%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    """A slip is an error and not a guess."""
    with pytest.raises(ValueError, match="no share of nodes"):
        Share.parse(text)


def test_each_node_that_counts_is_counted_once() -> None:
    """Nodes without the model yet count, nodes that shall not have it do not, lost ones serve nothing for sure."""
    unwanted = cell(NODES[2], state=CellState.ABSENT).model_copy(update={"desired": ()})
    cells = [cell(NODES[0], V4), cell(NODES[1], V4, state=CellState.LOST), unwanted]
    reach = judge(Goal(LINE, V4), cells, Circumstances(nodes=frozenset(NODES[:4])))
    assert (reach.serving, reach.total) == (1, 3)
    assert [(one.node, one.state) for one in reach.missing] == [
        (NODES[1], CellState.LOST),
        (NODES[3], CellState.ABSENT),
    ]


def test_single_nodes_can_be_waited_for() -> None:
    """--node narrows the goal to the canary."""
    goal = Goal(LINE, V4, nodes=frozenset({NODES[0]}))
    assert judge(goal, [cell(NODES[0], V4), cell(NODES[1], V3)], Circumstances(quarantined=9)).is_reached


def test_a_version_that_is_about_to_be_unloaded_is_not_served() -> None:
    """Right after a rollback a node serves both; waiting for the one it goes away from does not end."""
    cells = [cell(NODES[0], V3, V4, desired=V3)]
    assert not judge(Goal(LINE, V4), cells).is_reached
    assert not judge(Goal(LINE, V3), cells).is_reached, "clients that name no version still get the higher one"
    assert judge(Goal(LINE, V3), [cell(NODES[0], V3, desired=V3)]).is_reached


def test_a_version_beside_which_something_is_still_to_be_done_is_not_served() -> None:
    """Not confirmed yet, or the one before has not gone: the node's difference says so."""
    row = cell(NODES[0], V4).model_copy(update={"difference": "version 4 is available and not confirmed yet"})
    assert not judge(Goal(LINE, V4), [row]).is_reached


def a_document(policy: Policy, *, revision: int = 1) -> Reply:
    return ok(Stored(document=Desired(policy=policy), revision=revision))


@pytest.mark.parametrize(
    ("policy", "command", "words"),
    [
        (Policy(removed=True), "remove_model", "the model is removed"),
        (Policy(refused=(V4,)), "remove_version", "version 4 is removed"),
        (Policy(want=Pinned(versions=(V3,))), "rollback", "the model is pinned to 3"),
        (Policy(paused=True), "pause", "updates of the model are paused"),
    ],
)
def test_waiting_ends_at_once_where_an_operator_wants_something_else(policy: Policy, command: str, words: str) -> None:
    """With a code of its own, what stands against it, who made it so and when."""
    transport = a_fleet([cell(NODES[0], V3, desired=V3), cell(NODES[1], V3, desired=V3)])
    transport.answers["GET /v1/models/line/desired"] = a_document(policy)
    entry = an_entry(7).model_copy(update={"sentence": "ann did it", "data": {"command": command}})
    other = an_entry(8).model_copy(update={"sentence": "bob did something else", "data": {"command": "retention"}})
    transport.answers["GET /v1/history"] = ok(HistoryPage(entries=(other, entry)))
    outcome = run(transport, "wait", "line", "4", "--timeout", "10m")
    assert outcome.code == Exit.CANNOT
    assert f"it cannot come true: {words} (ann did it, at 2026-05-03 12:00:00 UTC)" in outcome.errors


@pytest.mark.parametrize(
    "policy",
    [
        Policy(want=Pinned(versions=(V4,))),
        Policy(want=Pinned(versions=(V3,)), labels={"canary": V4}),
        Policy(paused=True, labels={"canary": V4}),
    ],
)
def test_what_is_wanted_is_waited_for(policy: Policy) -> None:
    """A pin or a label on the version stands against nothing, whatever else holds."""
    transport = a_fleet([cell(NODES[0], V3), cell(NODES[1], V3)], [cell(NODES[0], V4), cell(NODES[1], V4)])
    transport.answers["GET /v1/models/line/desired"] = a_document(policy)
    assert wait(transport).is_reached


def test_a_policy_of_one_node_stands_against_all_but_not_against_enough() -> None:
    """Of ten nodes one is pinned elsewhere: all is out of reach, 90% is not."""
    cells = [cell(node, V3, desired=V3) for node in NODES]
    desired = Desired(nodes={NODES[0]: Policy(want=Pinned(versions=(V3,)))})
    assert judge(Goal(LINE, V4), cells, Circumstances(desired=desired)).reason == "the model is pinned to 3"
    assert not judge(Goal(LINE, V4, share=Share.parse("90%")), cells, Circumstances(desired=desired)).is_hopeless


def test_more_nodes_than_there_are_are_not_waited_for() -> None:
    """Nor a node that nobody has heard of."""
    cells = [cell(NODES[0], V3), cell(NODES[1], V3)]
    reach = judge(Goal(LINE, V4, share=Share.parse("3")), cells, Circumstances(total=2))
    assert reach.reason == "3 nodes are asked for, and there are 2"
    assert not judge(Goal(LINE, V4, share=Share.parse("2")), cells, Circumstances(total=2)).is_hopeless
    reach = judge(
        Goal(LINE, V4, nodes=frozenset({NodeName("n99")})), cells, Circumstances(total=2, nodes=frozenset(NODES))
    )
    assert reach.reason == "no node n99 has ever reported; `nodes` lists those that have"


def test_an_unknown_version_is_waited_for_as_long_as_a_notification_takes() -> None:
    """Then it is a slip of the pen, unless the future is meant."""
    transport = a_fleet([cell(NODES[0], V3), cell(NODES[1], V3)])
    transport.answers["GET /v1/models/line"] = ok(ModelView(**dict(a_model(LINE)), versions=(), explain=()))
    clock = Clock()
    waiting = Waiting(Master(transport), Goal(LINE, V4), ring=clock.wait, clock=clock)
    reach = waiting.until(600, told=lambda _: None)
    assert (reach.is_hopeless, "no node has version 4 of line" in reach.reason) == (True, True)
    assert 30 <= clock.now < 40
    ahead = Waiting(Master(transport), Goal(LINE, V4), ring=clock.wait, clock=clock, is_ahead=True)
    assert not ahead.until(60, told=lambda _: None).is_hopeless


def test_lost_nodes_are_counted_and_named_as_lost_or_left_out() -> None:
    """It is said how many there are."""
    cells = [cell(NODES[0], V4), cell(NODES[1], V4, state=CellState.LOST)]
    reach = judge(Goal(LINE, V4), cells)
    assert reach.summary == (
        "1 of 2 nodes serve version 4 of line, 2 needed, 1 of them lost (--ignore-lost leaves lost nodes out)"
    )
    reach = judge(Goal(LINE, V4, ignore_lost=True), cells)
    assert (reach.is_reached, reach.summary) == (True, "1 of 1 node serves version 4 of line, 1 needed")


def test_a_report_from_before_the_last_change_is_no_proof() -> None:
    """After `unpin` a node still tells of the pin for a moment: that it serves the version then is soon over."""
    old, new, silent = (cell(node, V4) for node in NODES[:3])
    old, new = old.model_copy(update={"revision": 6}), new.model_copy(update={"revision": 7})
    reach = judge(Goal(LINE, V4), [old, new, silent], Circumstances(revision=7))
    assert (reach.serving, reach.is_reached) == (2, False)
    assert [(one.node, one.reason) for one in reach.missing] == [
        (NODES[0], "has not told yet that it follows revision 7 of what is wanted")
    ]


def test_waiting_asks_for_the_document_though_the_master_shows_none_yet() -> None:
    """The change was made a moment ago: NATS has it, and the master's own view may be older."""
    stale = [cell(node, V4).model_copy(update={"revision": 0}) for node in NODES[:2]]
    followed = [one.model_copy(update={"revision": 1}) for one in stale]
    transport = a_fleet(stale, followed)
    unset = a_view().model_copy(update={"revision": 0})
    transport.answers["GET /v1/models/line"] = ok(unset)
    told: list[str] = []
    assert wait(transport, told=told.append).is_reached
    assert told == [f"{serving} of 2 nodes serve version 4 of line, 2 needed" for serving in (0, 2)]


def test_no_nodes_at_all_serve_nothing() -> None:
    """An empty fleet is never `all`."""
    assert not judge(Goal(LINE, V4), []).is_reached


def test_the_end_of_waiting_names_who_is_missing_and_why() -> None:
    """Exit code 3 and a table; a node that wants another version says so."""
    cells = [cell(NODES[0], V4), cell(NODES[1], V3, desired=V3)]
    outcome = run(a_fleet(cells), "wait", "line", "4", "--timeout", "0s")
    assert outcome.code == Exit.NOT_AS_DESIRED
    assert outcome.out.splitlines() == [
        "not reached: 1 of 2 nodes serve version 4 of line, 2 needed",
        "NODE  STATE    WHY NOT",
        "n2    serving  wants version 3, not 4",
    ]


def test_a_reached_goal_ends_with_success() -> None:
    """Exit code 0, and JSON for programs."""
    transport = a_fleet([cell(NODES[0], V4), cell(NODES[1], V4)])
    outcome = run(transport, "wait", "line", "4", "--nodes", "90%", "--json")
    assert outcome.code == Exit.DONE
    assert json.loads(outcome.out)["is_reached"] is True


def an_entry(sequence: int, *, node: str = "n1") -> Entry:
    return Entry(
        sequence=sequence,
        id=str(sequence),
        time=NOW - timedelta(days=1),
        node=NodeName(node),
        service="configurator",
        kind="version.served",
        model=LINE,
        version=V4,
        sentence=f"serves version 4 of line ({sequence})",
        data={},
    )


def an_event(sequence: int, *, node: str = "n1") -> list[str]:
    entry = an_entry(sequence, node=node)
    return [": still here", "", f"id: {sequence}", f"data: {entry.model_dump_json()}", ""]


def test_watching_tells_events_in_words_until_it_is_interrupted() -> None:
    """A line an event, with time and node; other nodes can be left out."""
    transport = FakeTransport(streams=[[*an_event(1), *an_event(2, node="n2"), *an_event(3)]])
    outcome = run(transport, "watch", "line", "--node", "n1", "--kind", "version.served")
    assert [line.split("  ")[1:] for line in outcome.out.splitlines()] == [
        ["n1", "serves version 4 of line (1)"],
        ["n1", "serves version 4 of line (3)"],
    ]
    assert outcome.code == Exit.INTERRUPTED
    assert transport.requests[0].query == {"model": "line", "kind": "version.served"}


def test_watching_goes_on_behind_the_last_event_after_a_break() -> None:
    """Nothing is told twice and nothing is left out when the stream breaks."""
    transport = FakeTransport(streams=[[*an_event(7)], AWAY, [*an_event(8)]])
    outcome = run(transport, "watch", "--json")
    assert [json.loads(line)["sequence"] for line in outcome.out.splitlines()] == [7, 8]
    assert [request.headers.get("Last-Event-ID") for request in transport.requests] == [None, "7", "7", "8"]


def test_watching_tells_when_the_master_is_cut_off() -> None:
    """Silence while NATS is away is no peace."""
    cut_off = [
        "event: stale",
        'data: {"is_stale": true}',
        "",
        "event: fresh",
        "data: {}",
        "",
        "event: end",
        "data: {}",
        "",
    ]
    outcome = run(FakeTransport(streams=[["retry: 2000", "", *cut_off]]), "watch")
    assert outcome.out == ""
    assert "cut off from NATS\nthe master hears the cluster again" in outcome.errors


def test_watching_without_a_right_ends_at_once() -> None:
    """A refusal is not tried again for ever."""
    refusal = Reply(401, b'{"detail": "no token"}')
    assert run(FakeTransport(streams=[refusal]), "watch").code == Exit.NOT_ALLOWED
